package rows

import (
	"bytes"
	"testing"
)

// TestShortLocalPart keeps what SPF explains to a sender whose mailbox has one letter.
func TestShortLocalPart(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, from, explanation, want string }{
		{"address", "a@exp.test", "a@exp.test may not send data as exp.test", "...@exp.test may not send data as exp.test"},
		{"in an address", "a@exp.test", "see http://why.test/?s=a@exp.test&d=a.example", "see http://why.test/?s=...@exp.test&d=....example"},
		{"in words", "a@exp.test", "data@exp.test is another mailbox", "data@exp.test is another mailbox"},
		{"twice", "x@exp.test", "x, x", "..., ..."},
		{"at the end", "x@exp.test", "refused: x", "refused: ..."},
		{"beside a digit", "v@exp.test", "v=spf1, v4", "...=spf1, v4"},
		{"beside letters of others", "a@exp.test", "\u00e9a a\u00e9 \u674ea", "\u00e9a a\u00e9 \u674ea"},
		{"no letter", "=@exp.test", "?s==@exp.test, a=b", "?s=...@exp.test, a=b"},
		{"two letters", "ab@exp.test", "ab@exp.test, cabs", "...@exp.test, c...s"},
		{"null sender", "", "a@exp.test", "a@exp.test"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			for level, want := range map[Level]string{Domains: tc.want, Hashed: tc.want, Addresses: tc.explanation} {
				row := refused()
				row.Results.MailFrom, row.Results.SPF[1].Explanation = tc.from, tc.explanation
				got, _ := kept(t, row, level)
				if s := got.Results.SPF[1].Explanation; s != want {
					t.Errorf("level %s: %q, want %q", level, s, want)
				}
			}
		})
	}
}

// TestShortLocalPartInReply keeps the reply to a sender whose mailbox has one letter.
func TestShortLocalPartInReply(t *testing.T) {
	t.Parallel()
	row := refused()
	row.Results.MailFrom = "a@exp.test"
	row.Results.SPF[1].Reason = "a@exp.test is not known"
	row.Verdict.Text = "Message from a@exp.test refused, unlike data@exp.test"
	for level, there := range map[Level]bool{Domains: false, Hashed: false, Addresses: true} {
		got, rec := kept(t, row, level)
		want := "Message from ...exp.test refused, unlike data@exp.test"
		if there {
			want = row.Verdict.Text
		}
		if got.Verdict.Text != want {
			t.Errorf("level %s: %q, want %q", level, got.Verdict.Text, want)
		}
		for column, v := range rec {
			if bytes.Contains(v.Octets, []byte("a@exp.test is not")) != there && !there {
				t.Errorf("level %s: column %d has the mailbox: %q", level, column, v.Octets)
			}
		}
	}
}
