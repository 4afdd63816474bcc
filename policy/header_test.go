package policy_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/policy"
	"github.com/postvet/postvet/policy/addrlist"
	"github.com/postvet/postvet/policy/arc"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
)

// maxClaims is how many fields in our name are removed from one message.
const maxClaims = 1000

// limited begins a message under limits.
func limited(t *testing.T, o policy.Options, c message.Client, s message.Sender) *policy.Message {
	t.Helper()
	o.Resolver, o.AuthservID = &crowdResolver{}, "mx.test.example"
	conn := policy.NewChecker(o).Connect(t.Context(), c)
	t.Cleanup(conn.Close)
	conn.Helo("c.example")
	return conn.Message(s)
}

// A field that was not read to its end counts as ours by its name alone, and in
// the order of its name's fields.
func TestTruncatedClaims(t *testing.T) {
	t.Parallel()
	addresses, err := addrlist.New(addrlist.Addresses, "192.0.2.200")
	if err != nil {
		t.Fatal(err)
	}
	theirs := message.NewField("Authentication-Results", " other.example; none")
	exempt := policy.Options{Exempt: policy.Exempt{Addresses: addresses, Authenticated: true, Local: true}}
	stranger := message.Client{IP: netip.MustParseAddr("192.0.2.1")}
	for _, tt := range []struct {
		name       string
		client     message.Client
		user       string
		truncated  int // behind one whole field of the same name
		claims     int
		incomplete bool
	}{
		{"none", stranger, "", 0, 0, false},
		{"some", stranger, "", 3, 3, false},
		{"at the limit", stranger, "", maxClaims, maxClaims, false},
		{"beyond the limit", stranger, "", maxClaims + 1, maxClaims, true},
		{"authenticated", stranger, "ann", maxClaims + 1, maxClaims, true},
		{"exempt address", message.Client{IP: netip.MustParseAddr("192.0.2.200")}, "", maxClaims + 1, 0, false},
		{"local", message.Client{Local: true}, "", 1, 0, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m := limited(t, exempt, tt.client, message.Sender{Path: "a@author.example", User: tt.user})
			m.Field(theirs)
			for range tt.truncated {
				m.TruncatedField(message.NewField("authentication-results", " other.example; none"))
				m.TruncatedField(message.NewField("Subject", " x"))
			}
			res := m.Finish(t.Context())
			if len(res.Claims) != tt.claims || res.ClaimsIncomplete != tt.incomplete || (res.Oversize != "") != (tt.truncated > 0) {
				t.Errorf("%d claims, incomplete %v, oversize %q", len(res.Claims), res.ClaimsIncomplete, res.Oversize)
			}
			for i, c := range res.Claims {
				if want := (result.FieldRef{Name: result.ResultsField, Occurrence: i + 2}); c != want {
					t.Fatalf("claim %d is %v, want %v", i, c, want)
				}
			}
		})
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	from := message.NewField("From", " a@author.example")
	long := message.NewField("Subject", " "+strings.Repeat("x", 100))
	signature := message.NewField("DKIM-Signature", " v=1; a=rsa-sha256; d=author.example; s=x; h=From; bh="+strings.Repeat("A", 43)+"=; b=AAAA")
	for _, tt := range []struct {
		name     string
		opt      policy.Options
		user     string
		fields   []message.Field
		body     string
		room     int // behind the fields
		oversize string
	}{
		{"within all", policy.Options{MaxHeaderBytes: 200, MaxFields: 2, MaxBodyBytes: 4}, "", []message.Field{from, long}, "abcd", 200 - len(from.Raw) - len(long.Raw), ""},
		{"header", policy.Options{MaxHeaderBytes: 100}, "", []message.Field{from, long}, "", 0, "the header is larger than 100 octets"},
		{"fields", policy.Options{MaxHeaderBytes: 200, MaxFields: 1}, "", []message.Field{from, long}, "", 200 - len(from.Raw) - len(long.Raw), "the header has more than 1 fields"},
		{"body", policy.Options{MaxHeaderBytes: 200, MaxBodyBytes: 4}, "", []message.Field{from, signature}, "abcde", 200 - len(from.Raw) - len(signature.Raw), "the body is too large"},
		{"the first limit counts", policy.Options{MaxHeaderBytes: 100, MaxBodyBytes: 4}, "", []message.Field{from, long}, "abcde", 0, "the header is larger than 100 octets"},
		{"an exempt header", policy.Options{MaxHeaderBytes: 100, MaxFields: 1, Exempt: policy.Exempt{Authenticated: true}}, "ann", []message.Field{from, long}, "", 0, "the header is larger than 100 octets"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m := limited(t, tt.opt, message.Client{IP: netip.MustParseAddr("192.0.2.1")}, message.Sender{Path: "a@author.example", User: tt.user})
			for _, f := range tt.fields {
				m.Field(f)
			}
			if got := m.HeaderRoom(); got != tt.room {
				t.Errorf("room for %d octets, want %d", got, tt.room)
			}
			m.EndOfHeader()
			for i := range len(tt.body) {
				m.Write([]byte(tt.body[i : i+1]))
			}
			res := m.Finish(t.Context())
			if res.Oversize != tt.oversize {
				t.Errorf("oversize %q, want %q", res.Oversize, tt.oversize)
			}
			if tt.oversize != "" && (len(res.DKIM) > 0 || res.ARC.Status != arc.None || res.DMARC.Status != "none") {
				t.Errorf("an oversize message was evaluated: %+v %+v %+v", res.DKIM, res.ARC, res.DMARC)
			}
		})
	}
}

func TestRecipientsAreBounded(t *testing.T) {
	t.Parallel()
	m := limited(t, policy.Options{MaxRecipients: 2}, message.Client{}, message.Sender{Path: "a@author.example"})
	all := []string{"a@x.example", "b@x.example", "c@x.example"}
	for i, r := range all {
		m.Recipient(r)
		res := m.Finish(t.Context())
		if diff := cmp.Diff(all[:min(i+1, 2)], res.Recipients); diff != "" || res.RecipientsIncomplete != (i == 2) {
			t.Errorf("%d recipients: incomplete %v %s", i+1, res.RecipientsIncomplete, diff)
		}
	}
}
