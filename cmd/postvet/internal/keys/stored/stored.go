// Package stored is what the places where private keys are kept say of a key: where it
// is, or the text that it is in. Package keys reads it.
package stored

import (
	"fmt"
	"time"
)

// Key is a private key that was not read yet. It prints without its text.
type Key struct {
	// Domain and Selector are d= and s=.
	Domain, Selector string
	// Path is the absolute path of the file that has the key. If it is "", Text is the
	// key, and Origin the place that it comes from.
	Path, Text, Origin string
	// Set is as in policy.SigningKey.
	Set int
	// MayLack says that a file which does not exist is no fault: there is no key.
	MayLack bool
	// From and Until bound the time in which the key signs; zero for no bound.
	From, Until time.Time
}

// Format writes domain, selector and place for every verb, so that no verb shows the key.
func (k Key) Format(s fmt.State, _ rune) {
	fmt.Fprintf(s, "%s/%s in %s%s", k.Domain, k.Selector, k.Path, k.Origin)
}
