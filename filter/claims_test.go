package filter

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/filter/milter/miltertest"
	"github.com/postvet/postvet/policy"
	"github.com/postvet/postvet/policy/rules"
)

// senders are connections of clients that the rules treat differently.
var senders = map[string]func(*miltertest.MTA){
	"anybody": func(m *miltertest.MTA) { m.Hello() },
	"authenticated": func(m *miltertest.MTA) {
		m.Hello()
		m.Send('D', []byte("M"), miltertest.Strings("{auth_authen}", "jane"))
	},
	"exempt address": func(m *miltertest.MTA) {
		m.Command('C', miltertest.Inet("c", "192.0.2.200", 1))
		m.Command('H', miltertest.Strings("c"))
	},
}

// readAnyway is how much is read of a field for which the header has no room.
const readAnyway = 64 << 10

func removals(o miltertest.Outcome) []string {
	var dels []string
	for _, e := range o.Edits {
		if r, ok := strings.CutPrefix(e, "del "); ok {
			dels = append(dels, r)
		}
	}
	slices.Sort(dels)
	return dels
}

// RFC 8601 section 5: a forgery is found wherever it stands.
func TestForgeryBehindLargeHeader(t *testing.T) {
	t.Parallel()
	ours := " mx.example.net; dmarc=pass"
	forged := func(filler int, size int) miltertest.Letter {
		l := miltertest.Letter{From: "<a@plain.test>", Rcpts: []string{"<b@example.net>"}, Body: "x\r\n"}
		l.Fields = append(l.Fields, [2]string{"From", " a@plain.test"}, [2]string{"Authentication-Results", " other.example; none"})
		for range filler {
			l.Fields = append(l.Fields, [2]string{"X-Filler", strings.Repeat("x", size)})
		}
		l.Fields = append(l.Fields,
			[2]string{"Authentication-Results", ours},
			[2]string{"X-Postvet-Quarantine", " no"},
			[2]string{"Authentication-Results", " other.example; dmarc=pass"},
			[2]string{"aUTHENTICATION-results \t", ours},
			[2]string{"X-Authentication-Results", ours},
			[2]string{"x-postvet-quarantine", ""},
		)
		return l
	}
	found := []string{"Authentication-Results#2", "Authentication-Results#4", "X-Postvet-Quarantine#1", "X-Postvet-Quarantine#2"}
	for _, tt := range []struct {
		mode   rules.Mode
		sender string
		code   byte
		text   string
		want   []string
	}{
		{rules.Monitor, "anybody", 'c', "", found},
		{rules.Monitor, "authenticated", 'c', "", found},
		{rules.Monitor, "exempt address", 'c', "", nil},
		{rules.Enforce, "anybody", 'y', "552 5.3.4 ", nil},
		{rules.Enforce, "authenticated", 'c', "", found},
	} {
		t.Run(fmt.Sprintf("%s, %s", tt.mode, tt.sender), func(t *testing.T) {
			t.Parallel()
			for _, size := range []struct {
				room   int
				letter miltertest.Letter
			}{
				{0, forged(150, 60<<10)},   // the miltertest.Usual() room
				{0, forged(1, 9<<20)},      // one field that fills it
				{4 << 10, forged(9, 1000)}, // less
			} {
				for _, o := range []miltertest.Offer{miltertest.OfferAll, miltertest.Offer2} {
					r, _ := startPolicyWith(t, rules.Rules{Mode: tt.mode}, policy.Options{MaxHeaderBytes: size.room})
					m := miltertest.Connect(t, r.dial, o)
					senders[tt.sender](m)
					got := m.Deliver(size.letter)
					d := r.decision()
					if got.Code != tt.code || !strings.HasPrefix(got.Text, tt.text) {
						t.Errorf("%q %q, %+v", got.Code, got.Text, d.Verdict)
					}
					if diff := cmp.Diff(tt.want, removals(got)); diff != "" {
						t.Error(diff)
					}
					if d.Results.Oversize == "" || d.Results.ClaimsIncomplete || r.Stats().DroppedFields == 0 {
						t.Errorf("oversize %q, incomplete %v, %d dropped", d.Results.Oversize, d.Results.ClaimsIncomplete, r.Stats().DroppedFields)
					}
				}
			}
		})
	}
}

// A field counts as a claim whatever follows the part of it that is read.
func TestForgeryInLargeField(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", readAnyway)
	for _, tt := range []struct {
		name  string
		field [2]string
		want  []string
	}{
		{"claims at its end", [2]string{"Authentication-Results", " other.example (" + long + ", mx.example.net; dmarc=pass"}, []string{"Authentication-Results#2"}},
		{"claims at its begin", [2]string{"Authentication-Results", " mx.example.net; dmarc=pass (" + long + ")"}, []string{"Authentication-Results#2"}},
		{"readable and another's, as far as one sees", [2]string{"Authentication-Results", " other.example; none;" + long}, []string{"Authentication-Results#2"}},
		{"read to its end", [2]string{"Authentication-Results", " other.example; none (" + long[:readAnyway/2] + ")"}, nil},
		{"ends in the part that is read", [2]string{"Authentication-Results", " other.example; none\x00" + long}, nil},
		{"name with blanks", [2]string{"Authentication-Results" + strings.Repeat(" ", readAnyway), " mx.example.net; dmarc=pass"}, []string{"Authentication-Results#2"}},
		{"tag", [2]string{"X-Postvet-Quarantine", long}, []string{"X-Postvet-Quarantine#1"}},
		{"long name of another", [2]string{"Authentication-Results" + long, " mx.example.net; dmarc=pass"}, nil},
		{"another name", [2]string{"X-Results", " mx.example.net; dmarc=pass" + long}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := miltertest.Letter{From: "<a@plain.test>", Rcpts: []string{"<b@example.net>"}, Body: "x\r\n"}
			l.Fields = [][2]string{
				{"From", " a@plain.test"},
				{"X-Filler", strings.Repeat("x", 4<<10)},
				{"Authentication-Results", " other.example; none"},
				tt.field,
				{"Authentication-Results", " other.example; none"},
			}
			r, _ := startPolicyWith(t, rules.Rules{Mode: rules.Monitor}, policy.Options{MaxHeaderBytes: 4 << 10})
			for sender, want := range map[string][]string{"anybody": tt.want, "authenticated": tt.want, "exempt address": nil} {
				m := miltertest.Connect(t, r.dial, miltertest.OfferAll)
				senders[sender](m)
				got := m.Deliver(l)
				r.decision()
				if diff := cmp.Diff(want, removals(got)); diff != "" || got.Code != 'c' {
					t.Errorf("%s: %q %s", sender, got.Code, diff)
				}
			}
		})
	}
}

// maxClaims is how many fields in our name policy removes from one message.
const maxClaims = 1000

// A message with more claims than can be removed passes in no mode.
func TestTooManyClaims(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name     string
		claims   int
		room     int
		last     [2]string
		tempfail bool
	}{
		{"as many as can be removed", maxClaims, 0, [2]string{"X", ""}, false},
		{"one more", maxClaims + 1, 0, [2]string{"X", ""}, true},
		{"as many beyond the room", maxClaims, 100, [2]string{"X", ""}, false},
		{"one more beyond the room", maxClaims + 1, 100, [2]string{"X", ""}, true},
		{"one more, a tag", maxClaims, 100, [2]string{"X-Postvet-Quarantine", " x"}, true},
		{"the last is cut", maxClaims - 1, 100, [2]string{"Authentication-Results", " a; none" + strings.Repeat(" ", readAnyway)}, false},
		{"one more, cut", maxClaims, 100, [2]string{"Authentication-Results", " a; none" + strings.Repeat(" ", readAnyway)}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := miltertest.Letter{From: "<a@good.test>", Rcpts: []string{"<b@example.net>"}, Fields: [][2]string{{"From", " a@good.test"}}}
			for range tt.claims {
				l.Fields = append(l.Fields, [2]string{"Authentication-Results", " mx.example.net; dmarc=pass"})
			}
			l.Fields = append(l.Fields, tt.last)
			for _, mode := range []rules.Mode{rules.Monitor, rules.Enforce} {
				r, _ := startPolicyWith(t, rules.Rules{Mode: mode}, policy.Options{MaxHeaderBytes: tt.room})
				for _, sender := range []string{"anybody", "authenticated"} {
					if mode == rules.Enforce && sender == "anybody" && tt.room > 0 && !tt.tempfail {
						continue // refused for its size
					}
					m := miltertest.Connect(t, r.dial, miltertest.OfferAll)
					senders[sender](m)
					got := m.Deliver(l)
					d := r.decision()
					switch {
					case tt.tempfail:
						if got.Code != 'y' || !strings.HasPrefix(got.Text, "451 4.3.0 ") || len(got.Edits) > 0 {
							t.Errorf("%s, %s: %q %q", mode, sender, got.Code, got.Text)
						}
					case got.Code != 'c' || len(removals(got)) != maxClaims:
						t.Errorf("%s, %s: %q %q, %d removed", mode, sender, got.Code, got.Text, len(removals(got)))
					}
					if d.Results.ClaimsIncomplete != tt.tempfail {
						t.Errorf("%s, %s: incomplete %v", mode, sender, d.Results.ClaimsIncomplete)
					}
				}
			}
		})
	}
}
