package iprev

import (
	"slices"
	"strings"

	"github.com/postvet/postvet/policy/message"
)

// usable returns the first ten different names that can be looked up and shown:
// whoever has the reverse zone may write any bytes into it.
func usable(names []string) []string {
	var good []string
	for _, n := range names {
		if strings.ContainsFunc(n, func(r rune) bool { return r >= 0x80 }) {
			continue // NormalizeDomain would make A-labels of it
		}
		n, ok := message.NormalizeDomain(n)
		if !ok || slices.Contains(good, n) {
			continue
		}
		if good = append(good, n); len(good) == maxNames {
			break
		}
	}
	return good
}
