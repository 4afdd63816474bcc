package filter

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/postvet/postvet/policy/rules"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/policy"
)

// senders are the ways to be who may send what the rules would refuse.
var senders = map[string]func(*mta){
	"anybody": func(m *mta) { m.hello() },
	"authenticated": func(m *mta) {
		m.hello()
		m.send('D', []byte("M"), z("{auth_authen}", "jane"))
	},
	"exempt address": func(m *mta) {
		m.command('C', inet("c", "192.0.2.200", 1))
		m.command('H', z("c"))
	},
}

func removals(o outcome) []string {
	var dels []string
	for _, e := range o.edits {
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
	forged := func(filler int, size int) letter {
		l := letter{from: "<a@plain.test>", rcpts: []string{"<b@example.net>"}, body: "x\r\n"}
		l.fields = append(l.fields, [2]string{"From", " a@plain.test"}, [2]string{"Authentication-Results", " other.example; none"})
		for range filler {
			l.fields = append(l.fields, [2]string{"X-Filler", strings.Repeat("x", size)})
		}
		l.fields = append(l.fields,
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
				letter letter
			}{
				{0, forged(150, 60<<10)},   // the usual room
				{0, forged(1, 9<<20)},      // one field that fills it
				{4 << 10, forged(9, 1000)}, // less
			} {
				for _, o := range []offer{offerAll, offer2} {
					r, _ := startPolicyWith(t, rules.Rules{Mode: tt.mode}, policy.Options{MaxHeaderBytes: size.room})
					m := connectMTA(t, r.dial, o)
					senders[tt.sender](m)
					got := m.deliver(size.letter)
					d := r.decision()
					if got.code != tt.code || !strings.HasPrefix(got.text, tt.text) {
						t.Errorf("%q %q, %+v", got.code, got.text, d.Verdict)
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

// What a field says behind the part that is read cannot make it harmless.
func TestForgeryInLargeField(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", maxBeyond)
	for _, tt := range []struct {
		name  string
		field [2]string
		want  []string
	}{
		{"claims at its end", [2]string{"Authentication-Results", " other.example (" + long + ", mx.example.net; dmarc=pass"}, []string{"Authentication-Results#2"}},
		{"claims at its begin", [2]string{"Authentication-Results", " mx.example.net; dmarc=pass (" + long + ")"}, []string{"Authentication-Results#2"}},
		{"readable and another's, as far as one sees", [2]string{"Authentication-Results", " other.example; none;" + long}, []string{"Authentication-Results#2"}},
		{"read to its end", [2]string{"Authentication-Results", " other.example; none (" + long[:maxBeyond/2] + ")"}, nil},
		{"ends in the part that is read", [2]string{"Authentication-Results", " other.example; none\x00" + long}, nil},
		{"name with blanks", [2]string{"Authentication-Results" + strings.Repeat(" ", maxBeyond), " mx.example.net; dmarc=pass"}, []string{"Authentication-Results#2"}},
		{"tag", [2]string{"X-Postvet-Quarantine", long}, []string{"X-Postvet-Quarantine#1"}},
		{"long name of another", [2]string{"Authentication-Results" + long, " mx.example.net; dmarc=pass"}, nil},
		{"another name", [2]string{"X-Results", " mx.example.net; dmarc=pass" + long}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := letter{from: "<a@plain.test>", rcpts: []string{"<b@example.net>"}, body: "x\r\n"}
			l.fields = [][2]string{
				{"From", " a@plain.test"},
				{"X-Filler", strings.Repeat("x", 4<<10)},
				{"Authentication-Results", " other.example; none"},
				tt.field,
				{"Authentication-Results", " other.example; none"},
			}
			r, _ := startPolicyWith(t, rules.Rules{Mode: rules.Monitor}, policy.Options{MaxHeaderBytes: 4 << 10})
			for sender, want := range map[string][]string{"anybody": tt.want, "authenticated": tt.want, "exempt address": nil} {
				m := connectMTA(t, r.dial, offerAll)
				senders[sender](m)
				got := m.deliver(l)
				r.decision()
				if diff := cmp.Diff(want, removals(got)); diff != "" || got.code != 'c' {
					t.Errorf("%s: %q %s", sender, got.code, diff)
				}
			}
		})
	}
}

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
		{"as many as can be removed", policy.MaxClaims, 0, [2]string{"X", ""}, false},
		{"one more", policy.MaxClaims + 1, 0, [2]string{"X", ""}, true},
		{"as many beyond the room", policy.MaxClaims, 100, [2]string{"X", ""}, false},
		{"one more beyond the room", policy.MaxClaims + 1, 100, [2]string{"X", ""}, true},
		{"one more, a tag", policy.MaxClaims, 100, [2]string{"X-Postvet-Quarantine", " x"}, true},
		{"the last is cut", policy.MaxClaims - 1, 100, [2]string{"Authentication-Results", " a; none" + strings.Repeat(" ", maxBeyond)}, false},
		{"one more, cut", policy.MaxClaims, 100, [2]string{"Authentication-Results", " a; none" + strings.Repeat(" ", maxBeyond)}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := letter{from: "<a@good.test>", rcpts: []string{"<b@example.net>"}, fields: [][2]string{{"From", " a@good.test"}}}
			for range tt.claims {
				l.fields = append(l.fields, [2]string{"Authentication-Results", " mx.example.net; dmarc=pass"})
			}
			l.fields = append(l.fields, tt.last)
			for _, mode := range []rules.Mode{rules.Monitor, rules.Enforce} {
				r, _ := startPolicyWith(t, rules.Rules{Mode: mode}, policy.Options{MaxHeaderBytes: tt.room})
				for _, sender := range []string{"anybody", "authenticated"} {
					if mode == rules.Enforce && sender == "anybody" && tt.room > 0 && !tt.tempfail {
						continue // refused for its size
					}
					m := connectMTA(t, r.dial, offerAll)
					senders[sender](m)
					got := m.deliver(l)
					d := r.decision()
					switch {
					case tt.tempfail:
						if got.code != 'y' || !strings.HasPrefix(got.text, "451 4.3.0 ") || len(got.edits) > 0 {
							t.Errorf("%s, %s: %q %q", mode, sender, got.code, got.text)
						}
					case got.code != 'c' || len(removals(got)) != policy.MaxClaims:
						t.Errorf("%s, %s: %q %q, %d removed", mode, sender, got.code, got.text, len(removals(got)))
					}
					if d.Results.ClaimsIncomplete != tt.tempfail {
						t.Errorf("%s, %s: incomplete %v", mode, sender, d.Results.ClaimsIncomplete)
					}
				}
			}
		})
	}
}
