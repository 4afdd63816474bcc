package dkim

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/policy/message"
)

func TestAsSendmail(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, field, want string }{
		{"as it is", "To: a@x.example, b@y.example\r\n", ""},
		{"no blank", "To: a@x.example,b@y.example,<c@z.example>\r\n", "To: a@x.example, b@y.example, <c@z.example>\r\n"},
		{"a blank in front", "Cc: a@x.example  ,b@y.example\r\n", "Cc: a@x.example, b@y.example\r\n"},
		{"folded behind the comma", "to: a@x.example,\r\n\tb@y.example\r\n", ""},
		{"folded in front of it", "TO: a@x.example\r\n ,b@y.example\r\n", "TO: a@x.example, b@y.example\r\n"},
		{"folded on both sides", "To:\r\n a@x.example ,\r\n\tb@y.example \r\n", "To:\r\n a@x.example,\r\n\tb@y.example \r\n"},
		{"no address", "To: ,a@x.example,, b@y.example,\r\n", "To: a@x.example, b@y.example\r\n"},
		{"no address at all", "To: , ,\r\n", ""},
		{"quotes", "From: \"Last,First \\\",x\" <a@x.example>\r\n", ""},
		{"a comment", "From: a@x.example (a,b (c,d) \\),e)\r\n", ""},
		{"a route", "From: <@x.example,@y.example:a@z.example>\r\n", ""},
		{"a group", "To: friends:a@x.example,b@y.example;\r\n", "To: friends:a@x.example, b@y.example;\r\n"},
		{"8-bit", "To: Jörg <a@x.example>,b@y.example\r\n", "To: Jörg <a@x.example>, b@y.example\r\n"},
		{"quotes without end", "To: \"a@x.example,b@y.example\r\n", ""},
		{"a comment without end", "To: (a@x.example,b@y.example\r\n", ""},
		{"a bracket without end", "To: a@y.example,<a@x.example\r\n", ""},
		{"a dot in a name", "From: J. R. Doe <a@x.example>\r\n", "From: \"J. R. Doe\" <a@x.example>\r\n"},
		{"apostrophes", "To: Ann O'Neill<a@x.example>,'b@x.example' <b@x.example>\r\n", "To: \"Ann O'Neill\"<a@x.example>, \"'b@x.example'\" <b@x.example>\r\n"},
		{"a folded name", "From:\r\n Dr.\r\n\tAnn\r\n <a@x.example>\r\n", "From:\r\n \"Dr.\r\n\tAnn\"\r\n <a@x.example>\r\n"},
		{"an encoded word with a dot", "From: =?utf-8?q?J._R=C3=B6?= <a@x.example>\r\n", "From: \"=?utf-8?q?J._R=C3=B6?=\" <a@x.example>\r\n"},
		{"a name in part in quotes", "From: \"Ann\" O'Neill <a@x.example>\r\n", ""},
		{"a comment behind a dot", "From: A. (b.) C <a@x.example>\r\n", "From: \"A. (b.) C\" <a@x.example>\r\n"},
		{"a comment in front of one", "From: (x) A. B <a@x.example>\r\n", "From: \"(x) A. B\" <a@x.example>\r\n"},
		{"a backslash in a name", "From: A \\ B <a@x.example>\r\n", "From: \"A \\ B\" <a@x.example>\r\n"},
		{"a backslash at its end", "From: A. B\\ <a@x.example>\r\n", ""},
		{"a comment in a name", "From: Ann (B. C.) Doe <a@x.example>\r\n", ""},
		{"a name without any of these", "From: Ann Doe <a.b@x.example>\r\n", ""},
		{"no field of addresses", "Subject: a,b\r\n", ""},
		{"one address", "To: a@x.example\r\n", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			name, _, _ := strings.Cut(tt.field, ":")
			got, changed := AsSendmail(message.Field{Name: name, Raw: tt.field})
			want := tt.want
			if want == "" {
				want = tt.field
			}
			if d := cmp.Diff(want, got.Raw); d != "" || changed != (tt.want != "") {
				t.Errorf("changed %v (-want +got):\n%s", changed, d)
			}
		})
	}
}

func FuzzAsSendmail(f *testing.F) {
	f.Add("a@x,b@y")
	f.Add(" a@x ,\r\n\t\"b,c\" <b@y> , (d,e) <f@g>,")
	f.Add(",,\\,")
	f.Fuzz(func(t *testing.T, value string) {
		value = strings.ReplaceAll(strings.ReplaceAll(value, "\r", ""), "\n", "\r\n ")
		in := message.NewField("To", value)
		out, changed := AsSendmail(in)
		if changed == (in.Raw == out.Raw) {
			t.Errorf("changed %v: %q", changed, out.Raw)
		}
		if again, changed := AsSendmail(out); changed {
			t.Errorf("%q became %q, and then %q", in.Raw, out.Raw, again.Raw)
		}
		bare := strings.NewReplacer(" ", "", "\t", "", "\r", "", "\n", "", ",", "", `"`, "")
		if bare.Replace(in.Raw) != bare.Replace(out.Raw) {
			t.Errorf("%q became %q", in.Raw, out.Raw)
		}
		if !strings.HasSuffix(out.Raw, "\r\n") {
			t.Errorf("%q has no line end", out.Raw)
		}
		for line := range strings.Lines(out.Raw) {
			if changed && strings.TrimSpace(line) == "" && len(line) != len(in.Raw) && !hasBlankLine(in.Raw) {
				t.Errorf("%q became %q with a line of white space", in.Raw, out.Raw)
			}
		}
	})
}

// hasBlankLine reports whether a field has a line of white space alone.
func hasBlankLine(raw string) bool {
	for line := range strings.Lines(raw) {
		if strings.TrimSpace(line) == "" {
			return true
		}
	}
	return false
}
