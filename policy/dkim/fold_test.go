package dkim

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/policy/message"
)

func TestFold(t *testing.T) {
	t.Parallel()
	id := func(n int) string { return "<" + strings.Repeat("x", n-2) + ">" }
	tests := []struct{ name, value, want string }{
		{"short", " hello", " hello"},
		{"900 octets", " " + strings.Repeat("x ", 441), " " + strings.Repeat("x ", 441)},
		{"5322 2.1.1 references in one line", " " + id(400) + " " + id(400) + " " + id(400), " " + id(400) + " " + id(400) + "\r\n " + id(400)},
		{"many", " " + strings.Repeat(id(300)+" ", 8) + "end", " " + strings.Repeat(id(300)+" "+id(300)+"\r\n ", 3) + id(300) + " " + id(300) + " end"},
		{"no white space", " " + id(2000), " " + id(2000)},
		{"white space behind the limit", " " + id(1500) + " " + id(10), " " + id(1500) + "\r\n " + id(10)},
		{"a run of white space", " " + id(895) + " \t  " + id(100), " " + id(895) + "\r\n \t  " + id(100)},
		{"white space at the end stays", " " + id(880) + strings.Repeat(" ", 200), " " + id(880) + strings.Repeat(" ", 200)},
		{"white space in front stays", strings.Repeat(" ", 1000) + "x", strings.Repeat(" ", 1000) + "x"},
		{"folded before", "\r\n " + id(400) + " " + id(400) + "\r\n\t" + id(600) + " " + id(600), "\r\n " + id(400) + " " + id(400) + "\r\n\t" + id(600) + "\r\n " + id(600)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f, folded := Fold(message.NewField("References", tt.value))
			if d := cmp.Diff(tt.want, f.Value()); d != "" || folded != (tt.value != tt.want) {
				t.Errorf("folded %v (-want +got):\n%s", folded, d)
			}
		})
	}
}

func FuzzFold(f *testing.F) {
	f.Add(" "+strings.Repeat("abc ", 500), true)
	f.Add(strings.Repeat("x", 899)+" \t"+strings.Repeat("y", 10), false)
	f.Add("\r\n "+strings.Repeat("\t", 2000)+"x", true)
	f.Fuzz(func(t *testing.T, value string, twice bool) {
		if strings.ContainsAny(value, "\r\n") {
			value = strings.ReplaceAll(strings.ReplaceAll(value, "\r", ""), "\n", "\r\n ")
		}
		if twice {
			value += value
		}
		in := message.NewField("X", value)
		out, folded := Fold(in)
		if got, want := AppendField(nil, Relaxed, out), AppendField(nil, Relaxed, in); string(got) != string(want) {
			t.Fatalf("relaxed form %q, was %q", got, want)
		}
		if folded == (in.Raw == out.Raw) {
			t.Errorf("folded %v: %q", folded, out.Raw)
		}
		if strings.ReplaceAll(out.Raw, "\r\n", "") != strings.ReplaceAll(in.Raw, "\r\n", "") {
			t.Errorf("%q became %q", in.Raw, out.Raw)
		}
		before := map[string]bool{}
		for line := range strings.Lines(in.Raw) {
			before[line] = true
		}
		for line := range strings.Lines(out.Raw) {
			if strings.Trim(line, " \t\r\n") == "" && !before[line] {
				t.Errorf("a line of white space in %q", out.Raw)
			}
		}
	})
}
