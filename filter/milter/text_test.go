package milter

import (
	"strings"
	"testing"
)

func TestReplyText(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 600)
	tests := []struct{ in, want string }{
		{"550 5.7.26 a", "550 5.7.26 a"},
		{"50% of %s", "50%% of %%s"},
		{"a\r\n550 b", "a  550 b"},
		{"a\x00b\x7fc\xc3\xa9", "a?b?c?"},
		{" a\t ", "a"},
		{long, long[:507] + "..."},
		{strings.Repeat("%", 600), strings.Repeat("%", 506) + "..."},
		{"x" + strings.Repeat("%", 600), "x" + strings.Repeat("%", 506) + "..."},
	}
	for _, tt := range tests {
		if got := replyText(tt.in); got != tt.want {
			t.Errorf("%.40q: %.40q (%d), want %.40q (%d)", tt.in, got, len(got), tt.want, len(tt.want))
		}
	}
}

func TestValidCode(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]bool{
		"550 5.7.26": true, "450 4.7.1": true, "451 4.3.0": true, "550 5.7.999": true,
		"550 4.7.1": false, "421 4.7.0": false, "250 2.0.0": false, "354 3.0.0": false, "550": false, "": false,
		"550 5.7": false, "550 5.7.26.1": false, "550 5.7.2600": false, "5500 5.7.26": false, "560 5.7.26": false,
		"55x 5.7.26": false, "550 5.x.26": false, "550  5.7.26": false, "550 5.7.26\r\n": false,
	} {
		if got := ValidCode(code); got != want {
			t.Errorf("%q: %v", code, got)
		}
	}
}

// FuzzReplyText checks that both MTAs take any reply.
func FuzzReplyText(f *testing.F) {
	f.Add("550 5.7.26 100% no\r\n")
	f.Add(strings.Repeat("%", 700))
	f.Add("\x00\xff")
	f.Fuzz(func(t *testing.T, text string) {
		got := replyText(text)
		if len(got) > maxReply || strings.Contains(strings.ReplaceAll(got, "%%", ""), "%") {
			t.Fatalf("%q", got)
		}
		for i := range len(got) {
			if got[i] < ' ' || got[i] > '~' {
				t.Fatalf("octet %x in %q", got[i], got)
			}
		}
	})
}
