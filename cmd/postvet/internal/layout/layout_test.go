package layout

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestScreenOf(t *testing.T) {
	t.Parallel()
	for when, color := range map[string]bool{"auto": false, "never": false, "always": true} {
		if s, ok := ScreenOf(&bytes.Buffer{}, when); !ok || s.Color != color || s.Width != 0 {
			t.Errorf("%s: %+v, %v", when, s, ok)
		}
	}
	if _, ok := ScreenOf(&bytes.Buffer{}, "sometimes"); ok {
		t.Error("sometimes is a word")
	}
}

func TestLines(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		text        string
		width, used int
		want        []string
	}{
		{"", 10, 0, []string{""}},
		{"one two three", 7, 0, []string{"one two", "three"}},
		{"one two three", 7, 1, []string{"one", "two", "three"}},
		{"one two three", 13, 0, []string{"one two three"}},
		{"a longer word", 4, 0, []string{"a", "longer", "word"}},
		{"süß süß", 7, 0, []string{"süß süß"}},
	} {
		if d := cmp.Diff(tt.want, Lines(tt.text, tt.width, tt.used)); d != "" {
			t.Errorf("%q (-want +got):\n%s", tt.text, d)
		}
	}
	if d := cmp.Diff([]string{"one two", "three"}, Paragraph(" one\n\ttwo   three\n", 8)); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// FuzzWrap: wrapping loses nothing, and keeps lines short where words are.
func FuzzWrap(f *testing.F) {
	f.Add("some words to be wrapped here", 40, 9)
	f.Add("    deeper  with  gaps ", 40, 21)
	f.Add("ü"+strings.Repeat("x", 100)+" y", 50, 3)
	f.Fuzz(func(t *testing.T, text string, width, indent int) {
		if width < minColumns || width > maxColumns || indent < 0 || strings.ContainsAny(text, "\n\t") || !utf8.ValidString(text) {
			return
		}
		got := Screen{Width: width}.Wrap(text, indent, indent)
		if clean := strings.ReplaceAll(got, "\n"+strings.Repeat(" ", indent), " "); clean != text {
			t.Fatalf("%q became %q", text, got)
		}
		for i, line := range strings.Split(got, "\n") {
			if i == 0 {
				line = strings.Repeat(" ", indent) + line
			}
			if indent <= width/2 && utf8.RuneCountInString(line) > width && strings.Contains(strings.TrimSpace(line), " ") {
				t.Fatalf("a line of more than %d columns: %q", width, line)
			}
		}
	})
}
