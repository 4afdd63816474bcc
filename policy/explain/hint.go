package explain

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/postvet/postvet/policy/arc"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/spf"
)

// maxHints bounds the hints of one message.
const maxHints = 4

// hints returns the likely causes of a failure, the most likely first. Without any it
// returns an empty list, not nil.
func hints(res *result.Results) []result.Hint {
	none := []result.Hint{}
	if res.Exempt != "" || res.Oversize != "" || res.Author.Domain == "" {
		return none
	}
	h := &hintSet{res: res, author: foreign.Line(res.Author.Domain, 120)}
	h.envelope, _ = res.EnvelopeSPF()
	switch res.DMARC.Status {
	case dmarc.Fail:
		h.failed()
	case dmarc.TempError:
		h.undecided()
	case dmarc.Pass, dmarc.None, dmarc.PermError:
		h.passed()
	}
	if len(h.hints) == 0 {
		return none
	}
	return h.hints[:min(len(h.hints), maxHints)]
}

// hintSet collects the hints of one message.
type hintSet struct {
	res      *result.Results
	author   string
	envelope spf.Result
	hints    []result.Hint
}

// add adds a hint unless one with its word is there already.
func (h *hintSet) add(w result.HintWord, format string, args ...any) {
	if h.has(w) {
		return
	}
	h.hints = append(h.hints, result.Hint{Word: w, Text: foreign.Line(fmt.Sprintf(format, args...), 400)})
}

// passed adds a hint for a message that does not fail although SPF does.
func (h *hintSet) passed() {
	if (h.envelope.Status == spf.Fail || h.envelope.Status == spf.SoftFail) && h.signed() {
		h.add(result.HintForwarded, "Probably forwarded as it was, or sent by a host that the SPF record lacks: the client %s may not send for %s, but the signature of %s is intact.",
			h.res.Client.IP, foreign.Line(h.envelope.Domain, 120), h.author)
	}
}

// signed reports whether a signature authenticates the author. Without a DMARC record
// there is no alignment, so any signature of the same organization counts.
func (h *hintSet) signed() bool {
	if h.res.DMARC.DKIMAligned || h.res.DMARC.Status == dmarc.Pass {
		return h.res.DMARC.DKIMAligned
	}
	for _, s := range h.res.DKIM {
		if status, _ := h.res.Counts(s); status == dkim.Pass && related(h.res, s.Domain) {
			return true
		}
	}
	return false
}

// undecided adds the hint for a message whose DMARC evaluation ended in temperror.
func (h *hintSet) undecided() {
	if c := h.res.Client; c.Hidden != "" && !c.Inside {
		h.add(result.HintNotChecked, "The message could not be checked: %s. Look at the Received fields of the relay %s, and at what trust.relays lists.", HiddenClient(c.Hidden), c.Relay)
		return
	}
	h.add(result.HintNotChecked, "The message could not be checked to the end, which is no evidence against it: %s.", cmp.Or(h.res.DMARC.Reason, "nothing"))
}

// forwarder returns the sign of a forwarder, "" if there is none.
func (h *hintSet) forwarder() string {
	switch m := h.res.Marks; {
	case h.envelope.Status == spf.Pass && related(h.res, h.envelope.Domain):
		return ""
	case h.res.ARC.Status == arc.Pass && len(h.res.ARC.Sealers) > 0:
		return "ARC chain sealed by " + foreign.Line(h.res.ARC.Sealers[len(h.res.ARC.Sealers)-1].Domain, 120)
	case h.res.ARC.Instances > 0:
		return "broken ARC chain"
	case m.Forward == result.ForwardSRS:
		return "envelope rewritten by SRS"
	case m.Forward != "":
		return "field " + m.Forward
	case h.res.List.Marked():
		return "marks of " + listName(h.res.List)
	}
	return ""
}

func (h *hintSet) has(w result.HintWord) bool {
	return slices.ContainsFunc(h.hints, func(x result.Hint) bool { return x.Word == w })
}
