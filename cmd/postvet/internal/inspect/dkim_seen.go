package inspect

import (
	"slices"
	"time"

	"github.com/postvet/postvet/policy/foreign"
)

// lately is how long ago a signature may be for its key to be in use.
const lately = 3 * 24 * time.Hour

// checkSeen says how each key was found, and which keys of signatures are gone.
func (k *DKIM) checkSeen(o *Options) {
	for i := range k.Keys {
		key := &k.Keys[i]
		at, from := o.Observed.last(key.Selector)
		key.Seen = at
		switch {
		case key.Named:
			key.Source = Given
		case from != "":
			key.Source = from
		default:
			key.Source = Probed
		}
	}
	for _, s := range o.Observed.recentSelectors(maxSelectors) {
		at, from := o.Observed.last(s)
		if k.asked(s) {
			continue
		}
		day := at.UTC().Format(time.DateOnly)
		const again = "publish the key again until no more mail is signed by it, and for a week after"
		if o.Now().Sub(at) < lately && from == Reports { // which anybody may write
			k.Findings.Warning("reports say that mail was signed by the selector "+foreign.Word(s, 100)+" on "+day+", but its key is gone: such signatures fail now", "if the selector is yours, "+again)
		} else if o.Now().Sub(at) < lately {
			k.Findings.Error("mail was signed by the selector "+foreign.Word(s, 100)+" on "+day+", but its key is gone: such signatures fail now", again)
		} else {
			k.Findings.OK("the key of the selector " + foreign.Word(s, 100) + ", which signed until " + day + ", is gone, as it should be")
		}
	}
}

// asked reports whether a selector has a key, or whether that is not known.
func (k *DKIM) asked(selector string) bool {
	return slices.Contains(k.unknown, selector) || slices.ContainsFunc(k.Keys, func(key Key) bool { return key.Selector == selector })
}
