// Package spelling finds the name that a mistyped word was meant to be.
package spelling

import "strings"

// maxLength is the length of the longest word that may be a typing error.
const maxLength = 64

// Nearest returns the name that word was probably meant to be, or "" if none is
// near. It ignores case, and takes a hyphen for an underscore. A name is near if
// at most 1+len(word)/4 typing errors separate the two, or else if one begins
// with the other. Of equally near names it returns the first.
func Nearest(word string, names []string) string {
	word = plain(word)
	best, limit := "", 1+len(word)/4
	for _, name := range names {
		if d := distance(word, plain(name)); name != "" && d <= limit {
			best, limit = name, d-1
		}
	}
	if best != "" {
		return best
	}
	for _, name := range names {
		if p := plain(name); len(p) > 2 && len(word) > 2 && (strings.HasPrefix(word, p) || strings.HasPrefix(p, word)) {
			return name
		}
	}
	return ""
}

func plain(word string) string { return strings.ReplaceAll(strings.ToLower(word), "-", "_") }

// distance returns how many insertions, deletions, substitutions and swaps of
// neighbours make b of a, without a second change of the same place (optimal
// string alignment).
func distance(a, b string) int {
	if len(a) > maxLength || len(b) > maxLength {
		return max(len(a), len(b))
	}
	d := make([][]int, len(a)+1)
	for i := range d {
		d[i] = make([]int, len(b)+1)
		d[i][0] = i
	}
	for j := range d[0] {
		d[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			d[i][j] = min(d[i-1][j]+1, d[i][j-1]+1, d[i-1][j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d[i][j] = min(d[i][j], d[i-2][j-2]+1)
			}
		}
	}
	return d[len(a)][len(b)]
}
