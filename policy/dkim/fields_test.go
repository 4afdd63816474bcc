package dkim

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/policy/message"
)

func TestSignedNames(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 999)
	header := func(lines ...string) message.Header {
		var h message.Header
		for _, l := range lines {
			name, value, _ := strings.Cut(l, ":")
			h = append(h, message.NewField(name, value))
		}
		return h
	}
	only := func(r ...FieldRule) []FieldRule { return append([]FieldRule{{"from", Oversign}}, r...) }
	tests := []struct {
		name   string
		header message.Header
		rules  []FieldRule
		want   string
	}{
		{"default, little", header("From: a"), DefaultFields(), "from:from:subject:to:cc:reply-to:content-type"},
		{
			"default, usual", header("Received: x", "From: a", "TO: b", "Subject: c", "Date: d", "Message-ID: e", "List-Unsubscribe: f", "List-Unsubscribe-Post: g", "Sender: h", "X-Other: i"),
			DefaultFields(),
			"from:from:subject:subject:to:to:cc:reply-to:content-type:date:date:message-id:message-id:" +
				"list-unsubscribe:list-unsubscribe:list-unsubscribe-post:list-unsubscribe-post:sender",
		},
		{
			"strict, little", header("From: a"), StrictFields(),
			"from:from:subject:to:cc:reply-to:content-type:date:message-id:mime-version:content-transfer-encoding:in-reply-to:references:list-unsubscribe:list-unsubscribe-post",
		},
		{"lists, little", header("From: a", "Subject: b", "Cc: c"), ListFields(), "from:from:subject:cc"},
		{"5.4.2 repeated fields", header("From: a", "X: 1", "x: 2", "X: 3"), only(FieldRule{"x", Present}), "from:from:x:x:x"},
		{"a rule that stands twice", header("From: a", "X: 1"), only(FieldRule{"x", Present}, FieldRule{"x", Oversign}), "from:from:x"},
		{"5322 2.1.1 a long line", header("From: a", "References: "+long, "Subject: "+long), DefaultFields(), "from:from:subject:subject:to:cc:reply-to:content-type"},
		{"990 octets", header("From: a", "References:"+long[:979]), only(FieldRule{"references", Present}), "from:from:references"},
		{"991 octets, which Sendmail breaks", header("From: a", "References:"+long[:980]), only(FieldRule{"references", Present}), "from:from"},
		{"a long line, folded", header("From: a", "References: <a>\r\n "+long[:900]+"\r\n "+long[:900]), only(FieldRule{"references", Present}), "from:from:references"},
		{"a long line above and below", header("From: a", "X: 1", "X: "+long, "X: 3"), only(FieldRule{"x", Oversign}), "from:from:x"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := SignedNames(tt.header, tt.rules)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tt.want, strings.Join(got, ":")); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

// TestFieldLists holds the rules that RFC 6376 section 5.4 and RFC 8058 section 4
// make for every list, and that a list server needs.
func TestFieldLists(t *testing.T) {
	t.Parallel()
	for name, list := range map[string][]FieldRule{"default": DefaultFields(), "strict": StrictFields(), "lists": ListFields()} {
		seen := map[string]bool{}
		for _, r := range list {
			if seen[r.Name] {
				t.Errorf("%s: %s stands twice", name, r.Name)
			}
			seen[r.Name] = true
			if got, err := ParseFieldRule([]string{"", "(x)", "(o)"}[r.Cover] + r.Name); err != nil || got != r {
				t.Errorf("%s: %s is read as %v, %v", name, r.Name, got, err)
			}
		}
		for _, must := range []string{"from", "list-unsubscribe", "list-unsubscribe-post", "message-id", "content-type", "sender"} {
			if !seen[must] {
				t.Errorf("%s lacks %s", name, must)
			}
		}
	}
}

func TestParseFieldRule(t *testing.T) {
	t.Parallel()
	tests := []struct {
		in   string
		want FieldRule
		err  string
	}{
		{"Subject", FieldRule{"subject", Present}, ""},
		{"(o)To", FieldRule{"to", Oversign}, ""},
		{"(x)List-Id", FieldRule{"list-id", OversignPresent}, ""},
		{"Sender", FieldRule{"sender", Present}, ""},
		{"(o)Sender", FieldRule{}, "dkim: sender is not signed: mailing lists add it; it can be signed where it is present, without a mark"},
		{"Received", FieldRule{}, "dkim: received is not signed: each hop adds one"},
		{"ARC-Seal", FieldRule{}, "dkim: arc-seal is not signed: each sealer adds one"},
		{"X-Spam-Status", FieldRule{}, "dkim: x-spam-status is not signed: receivers remove and add it"},
		{"Bcc", FieldRule{}, "dkim: bcc is not signed: a mail server removes it"},
		{"DKIM2-Signature", FieldRule{}, "dkim: dkim2-signature is not signed: hops that speak DKIM2 add it"},
		{"", FieldRule{}, `dkim: "" is not the name of a header field`},
		{"(o)", FieldRule{}, `dkim: "(o)" is not the name of a header field`},
		{"(z)To", FieldRule{"(z)to", Present}, ""}, // RFC 5322 section 2.2 allows brackets
		{"To:", FieldRule{}, `dkim: "To:" is not the name of a header field`},
		{"a;b", FieldRule{}, `dkim: "a;b" is not the name of a header field`},
		{"a b", FieldRule{}, `dkim: "a b" is not the name of a header field`},
		{"é", FieldRule{}, `dkim: "é" is not the name of a header field`},
	}
	for _, tt := range tests {
		got, err := ParseFieldRule(tt.in)
		message := ""
		if err != nil {
			message = err.Error()
		}
		if got != tt.want || message != tt.err {
			t.Errorf("%q: %v, %q, want %v, %q", tt.in, got, message, tt.want, tt.err)
		}
	}
}
