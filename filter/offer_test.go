package filter

import (
	"slices"
	"strings"
	"testing"

	"github.com/postvet/postvet/filter/milter/miltertest"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/rules"
)

// The actions that an MTA may offer.
const (
	mayAdd    = 0x01 // SMFIF_ADDHDRS
	mayChange = 0x10 // SMFIF_CHGHDRS
	mayHold   = 0x20 // SMFIF_QUARANTINE
)

// Whatever an MTA offers, no forged result survives, no message that is to be held passes
// as a good one, and one warning says what the MTA must offer.
func TestOffers(t *testing.T) {
	t.Parallel()
	clean := func(envelope, author string) miltertest.Letter {
		l := from(envelope, author)
		l.Fields = slices.DeleteFunc(l.Fields, func(f [2]string) bool { return strings.EqualFold(f[0], "Authentication-Results") })
		return l
	}
	letters := map[string]miltertest.Letter{
		"good": clean("good.test", "good.test"), "forged": from("good.test", "good.test"),
		"spoof": clean("plain.test", "held.test"), "forged spoof": from("plain.test", "held.test"),
	}
	const (
		removed   = "451 4.3.0"
		unheld    = "451 4.7.1"
		needsAdd  = "it must offer SMFIF_ADDHDRS"
		needsDel  = "it must offer SMFIF_CHGHDRS"
		needsHold = "it must offer SMFIF_QUARANTINE"
		needsTag  = "it must offer SMFIF_QUARANTINE or SMFIF_ADDHDRS"
	)
	hold, tag, monitor := rules.Rules{}, rules.Rules{Quarantine: rules.QuarantineTag}, rules.Rules{Mode: rules.Monitor}
	for _, tt := range []struct {
		name   string
		offer  uint32
		rules  rules.Rules
		letter string
		code   string // of the reply, "" if the message is accepted
		edits  string // the first octet of each: d(elete), i(nsert our field), t(ag), q(uarantine)
		fault  string
	}{
		{"everything", mayAdd | mayChange | mayHold, hold, "good", "", "i", ""},
		{"everything", mayAdd | mayChange | mayHold, hold, "forged", "", "dddi", ""},
		{"everything", mayAdd | mayChange | mayHold, hold, "spoof", "", "iq", ""},
		{"everything", mayAdd | mayChange | mayHold, hold, "forged spoof", "", "dddiq", ""},
		{"everything", mayAdd | mayChange | mayHold, tag, "spoof", "", "ti", ""},

		{"cannot hold", mayAdd | mayChange, hold, "good", "", "i", ""},
		{"cannot hold", mayAdd | mayChange, hold, "spoof", "", "ti", needsHold},
		{"cannot hold", mayAdd | mayChange, hold, "forged spoof", "", "dddti", needsHold},
		{"cannot hold", mayAdd | mayChange, tag, "spoof", "", "ti", ""},

		{"cannot delete", mayAdd | mayHold, hold, "good", "", "i", ""},
		{"cannot delete", mayAdd | mayHold, hold, "forged", removed, "", needsDel},
		{"cannot delete", mayAdd | mayHold, hold, "spoof", "", "iq", ""},
		{"cannot delete", mayAdd | mayHold, hold, "forged spoof", removed, "", needsDel},
		{"cannot delete", mayAdd | mayHold, monitor, "forged", removed, "", needsDel},

		{"can only add", mayAdd, hold, "forged", removed, "", needsDel},
		{"can only add", mayAdd, hold, "spoof", "", "ti", needsHold},
		{"can only add", mayAdd, hold, "forged spoof", removed, "", needsDel},

		{"cannot add", mayChange | mayHold, hold, "good", "", "", needsAdd},
		{"cannot add", mayChange | mayHold, hold, "forged", "", "ddd", needsAdd},
		{"cannot add", mayChange | mayHold, hold, "spoof", "", "q", needsAdd},
		{"cannot add", mayChange | mayHold, tag, "spoof", unheld, "", needsAdd},

		{"can only delete", mayChange, hold, "forged", "", "ddd", needsAdd},
		{"can only delete", mayChange, hold, "spoof", unheld, "", needsTag},
		{"can only delete", mayChange, hold, "forged spoof", unheld, "", needsTag},
		{"can only delete", mayChange, monitor, "spoof", "", "", needsAdd},

		{"can only hold", mayHold, hold, "forged", removed, "", needsDel},
		{"can only hold", mayHold, hold, "spoof", "", "q", needsAdd},
		{"can only hold", mayHold, tag, "spoof", unheld, "", needsAdd},

		{"nothing", 0, hold, "good", "", "", needsAdd},
		{"nothing", 0, hold, "forged", removed, "", needsDel},
		{"nothing", 0, hold, "spoof", unheld, "", needsTag},
		{"nothing", 0, hold, "forged spoof", removed, "", needsDel},
		{"nothing", 0, monitor, "spoof", "", "", needsAdd},
		{"nothing", 0, monitor, "forged spoof", removed, "", needsDel},
	} {
		t.Run(tt.name+", "+tt.letter, func(t *testing.T) {
			t.Parallel()
			r, _ := startPolicy(t, tt.rules)
			m := miltertest.Connect(t, r.dial, miltertest.NewOffer(6, tt.offer, 0x1fffff))
			m.Hello()
			o := m.Deliver(letters[tt.letter])
			if code, _, _ := strings.Cut(o.Text, " The"); code != tt.code || (o.Code == 'y') != (tt.code != "") {
				t.Errorf("%q %q, want %q", o.Code, o.Text, tt.code)
			}
			if got := editLetters(o.Edits); got != tt.edits {
				t.Errorf("edits %s, want %s: %q", got, tt.edits, o.Edits)
			}
			d := r.decision()
			switch {
			case tt.fault == "" && len(d.Faults) == 0:
			case tt.fault == "" || len(d.Faults) != 1 || !strings.HasSuffix(d.Faults[0], tt.fault):
				t.Errorf("faults %q, want %q", d.Faults, tt.fault)
			}
			if tt.code != "" && d.Verdict.Action != result.TempFail {
				t.Errorf("the action is %s", d.Verdict.Action)
			}
			if n := r.logs.FilterMessage("fault").Len(); n != len(d.Faults) {
				t.Errorf("%d warnings", n)
			}
		})
	}
}

// editLetters returns a letter for each edit.
func editLetters(edits []string) string {
	var b strings.Builder
	for _, e := range edits {
		if strings.Contains(e, result.QuarantineField) {
			e = "tag"
		}
		b.WriteByte(e[0])
	}
	return b.String()
}
