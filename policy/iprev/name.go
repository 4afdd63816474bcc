package iprev

import (
	"slices"

	"github.com/postvet/postvet/policy/message"
)

// usable returns the first ten different names that can be looked up and shown:
// whoever has the reverse zone may write any bytes into it.
func usable(names []string) []string {
	var good []string
	for _, n := range names {
		n, ok := message.NormalizeASCII(n)
		if !ok || slices.Contains(good, n) {
			continue
		}
		if good = append(good, n); len(good) == maxNames {
			break
		}
	}
	return good
}
