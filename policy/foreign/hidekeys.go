package foreign

import (
	"fmt"
	"regexp"
)

// keyLike is a run of base64 that is long enough to give a part of a key away.
var keyLike = regexp.MustCompile(`[A-Za-z0-9+/=]{24,}`)

// HideKeys replaces what may be a private key in base64. An error of a configuration must
// cite none: somebody has named the file of a key where another file belongs. Names and
// paths stay, which have fewer capital letters.
func HideKeys(s string) string {
	return keyLike.ReplaceAllStringFunc(s, func(run string) string {
		capitals := 0
		for _, c := range []byte(run) {
			if c >= 'A' && c <= 'Z' {
				capitals++
			}
		}
		share := 8 // of all octets, at least; in base64 it is 5 of 13
		if run[0] == '/' {
			share = 4
		}
		if capitals*share < len(run) {
			return run
		}
		return fmt.Sprintf("[%d octets hidden]", len(run))
	})
}
