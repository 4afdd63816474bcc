package foreign

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// hostile holds one of each kind that must not come through: ESC, BEL, CSI of
// C1, DEL, NUL, line ends of ASCII and Unicode, a change of direction, an
// isolate, a zero-width space, a joiner, a byte order mark, a tag, a soft
// hyphen, a variation selector, a filler of Hangul, an invalid octet.
const hostile = "\x1b[2J\x07\u009b\x7f\x00\r\n\u2028\u202e\u2066\u200b\u200d\ufeff\U000e0041\u00ad\ufe0f\u3164\xff"

func TestForms(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, in                                   string
		line, word, quote, terminal, terminalQuote string
	}{
		{"plain", "mx.example.org", "mx.example.org", "mx.example.org", `"mx.example.org"`, "mx.example.org", `"mx.example.org"`},
		{"empty", "", "", `""`, `""`, "", `""`},
		{"blank", "a b", "a b", `"a\x20b"`, `"a b"`, "a b", `"a b"`},
		{"quotes", `a"\`, `a"\`, `"a\"\\"`, `"a\"\\"`, `a"\`, `"a\"\\"`},
		{"fold", "a\r\n\tb", "a   b", `"a\r\n\tb"`, `"a\r\n\tb"`, "a???b", `"a\r\n\tb"`},
		{"scripts", "ü 日本", "? ??", `"\u00fc\x20\u65e5\u672c"`, `"\u00fc \u65e5\u672c"`, "ü 日本", `"ü 日本"`},
		{"beyond the first plane", "😀", "?", `"\U0001f600"`, `"\U0001f600"`, "😀", `"😀"`},
		{"escape sequence", "\x1b[2J", "?[2J", `"\x1b[2J"`, `"\x1b[2J"`, "?[2J", `"\x1b[2J"`},
		{"C1", "\u009b2J", "?2J", `"\u009b2J"`, `"\u009b2J"`, "?2J", `"\u009b2J"`},
		{"C1 as an octet", "\x9b2J", "?2J", `"\x9b2J"`, `"\x9b2J"`, "?2J", `"\x9b2J"`},
		{"direction", "a\u202eb", "a?b", `"a\u202eb"`, `"a\u202eb"`, "a?b", `"a\u202eb"`},
		{"zero width", "a\u200bb", "a?b", `"a\u200bb"`, `"a\u200bb"`, "a?b", `"a\u200bb"`},
		{"variation selector", "a\ufe0f", "a?", `"a\ufe0f"`, `"a\ufe0f"`, "a?", `"a\ufe0f"`},
		{"other blanks", "a\u00a0\u3000", "a??", `"a\u00a0\u3000"`, `"a\u00a0\u3000"`, "a??", `"a\u00a0\u3000"`},
		{"invalid", "\xc3\xff", "??", `"\xc3\xff"`, `"\xc3\xff"`, "??", `"\xc3\xff"`},
		{"replaced before", "\ufffd", "?", `"\ufffd"`, `"\ufffd"`, "?", `"\ufffd"`},
	} {
		for _, form := range []struct{ name, got, want string }{
			{"Line", Line(tc.in, 100), tc.line},
			{"Word", Word(tc.in, 100), tc.word},
			{"Quote", Quote(tc.in, 100), tc.quote},
			{"Terminal", Terminal(tc.in, 100), tc.terminal},
			{"TerminalQuote", TerminalQuote(tc.in, 100), tc.terminalQuote},
			{"Line, whole", Line(tc.in, Whole), tc.line},
			{"Quote, whole", Quote(tc.in, Whole), tc.quote},
		} {
			if form.got != form.want {
				t.Errorf("%s: %s: %q, want %q", tc.name, form.name, form.got, form.want)
			}
		}
	}
}

func TestTerminalLines(t *testing.T) {
	t.Parallel()
	if got, want := TerminalLines("a\tü\n\x1b[2J\r\n\u202e"), "a\tü\n?[2J?\n?"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := TerminalLines(hostile); len(got) != utf8.RuneCountInString(hostile) || strings.Trim(got, "?[2J\n") != "" {
		t.Errorf("%q", got)
	}
}

func TestCutting(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, got, want string }{
		{"fits", Line("abcdef", 6), "abcdef"},
		{"one too many", Line("abcdefg", 6), "abc..."},
		{"what is replaced", Line("\xff\xff\xff\xff\xff", 4), "?..."},
		{"nothing but dots", Line("abcdef", 3), "..."},
		{"no room for dots", Line("abcdef", 2), ".."},
		{"no room", Line("abcdef", 0), ""},
		{"less than no room", Line("abcdef", -5), ""},
		{"empty without room", Line("", 0), ""},
		{"a reply fits", Reply("50% ü\r\n", 8), "50%% ?  "},
		{"a reply does not", Reply("1%%%", 6), "1%%..."},
		{"not half a percent sign", Reply("%%%%", 6), "%%..."},
		{"a character of two octets", Terminal("äöü", 5), "ä..."},
		{"a character that fits", Terminal("äöü", 6), "äöü"},
		{"a character of four octets", Terminal("😀😀", 7), "😀..."},
		{"not half a character", Terminal("😀😀", 6), "..."},
		{"longer before it is replaced", Terminal("\u202e\u202e\u202e", 3), "???"},
		{"Cut", Cut("aäöü", 6), "aä..."},
		{"Cut, invalid", Cut("a\xff\xff\xff\xff", 4), "a..."},
		{"Cut, fits", Cut("a\x1b", 2), "a\x1b"},
		{"a quotation fits", Quote("abc", 5), `"abc"`},
		{"a quotation does not", Quote("abcdef", 7), `"ab"...`},
		{"not half an escape", Quote("a\x1b\x1b", 9), `"a"...`},
		{"a whole escape", Quote("a\x1b\x1b", 10), `"a\x1b"...`},
		{"an escaped quote", Quote(`"""""`, 8), `"\""...`},
		{"an empty quotation", Quote("", 2), `""`},
		{"no room for quotes", Quote("abcdef", 4), `...`},
		{"no room for anything", Quote("", 1), `.`},
		{"the dots are no part of it", Quote("...", 5), `"..."`},
		{"TerminalQuote", TerminalQuote("ääääää", 9), `"ää"...`},
		{"a word", Word("abcdefgh", 6), "abc..."},
		{"a word that is quoted", Word("a  b", 10), `"a\x20"...`},
	} {
		if tc.got != tc.want {
			t.Errorf("%s: %q, want %q", tc.name, tc.got, tc.want)
		}
	}
}

// Line and Terminal hand on what is harmless as it is: they are called for each
// message.
func TestHarmlessTextIsNotCopied(t *testing.T) {
	s := strings.Repeat("mx.example.org ", 10)
	if n := testing.AllocsPerRun(100, func() { Line(s, 200); Terminal(s, 200); Cut(s, 200) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func add(f *testing.F) {
	for _, s := range []string{"", "plain", "a b", "\"\\", "äöü日本😀", hostile, strings.Repeat(hostile, 9), strings.Repeat("\xff", 50)} {
		for _, n := range []int{-1, 0, 1, 2, 3, 4, 5, 6, 7, 10, 60, 500} {
			f.Add(s, n)
		}
	}
}

// bounded fails if a text is too long or is not what the form promises.
func bounded(t *testing.T, form, s, got string, n int, ascii bool) {
	t.Helper()
	if len(got) > max(n, 0) {
		t.Fatalf("%s(%q, %d) has %d octets: %q", form, s, n, len(got), got)
	}
	if !utf8.ValidString(got) {
		t.Fatalf("%s(%q, %d) is not UTF-8: %q", form, s, n, got)
	}
	for _, r := range got {
		switch {
		case ascii && (r < ' ' || r > '~'):
			t.Fatalf("%s(%q, %d) is not printable ASCII: %q", form, s, n, got)
		case unicode.In(r, unicode.C, unicode.Zl, unicode.Zp, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point, unicode.Bidi_Control):
			t.Fatalf("%s(%q, %d) holds %q: %q", form, s, n, r, got)
		}
	}
}

// FuzzLine: one line of printable ASCII, and what is harmless stays.
func FuzzLine(f *testing.F) {
	add(f)
	f.Fuzz(func(t *testing.T, s string, n int) {
		got := Line(s, n)
		bounded(t, "Line", s, got, n, true)
		if again := Line(got, n); again != got {
			t.Fatalf("Line of %q is %q", got, again)
		}
		reply := Reply(s, n)
		bounded(t, "Reply", s, reply, n, true)
		if strings.Contains(strings.ReplaceAll(reply, "%%", ""), "%") {
			t.Fatalf("Reply(%q, %d) holds half a percent sign: %q", s, n, reply)
		}
		if n >= 2*len(s) && strings.ReplaceAll(reply, "%%", "%") != Line(s, n) {
			t.Fatalf("Reply(%q, %d) is %q", s, n, reply)
		}
		if n >= len(s) && len(got) != utf8.RuneCountInString(s) {
			t.Fatalf("%q became %q", s, got)
		}
	})
}

// FuzzTerminal: nothing that a terminal obeys or hides, and what is harmless
// stays.
func FuzzTerminal(f *testing.F) {
	add(f)
	f.Fuzz(func(t *testing.T, s string, n int) {
		got := Terminal(s, n)
		bounded(t, "Terminal", s, got, n, false)
		if again := Terminal(got, n); again != got {
			t.Fatalf("Terminal of %q is %q", got, again)
		}
		lines := TerminalLines(s)
		bounded(t, "TerminalLines", s, strings.NewReplacer("\n", "", "\t", "").Replace(lines), Whole, false)
		if again := TerminalLines(lines); again != lines {
			t.Fatalf("TerminalLines of %q is %q", lines, again)
		}
		if strings.Count(lines, "\n") != strings.Count(s, "\n") {
			t.Fatalf("%q became %q", s, lines)
		}
	})
}

// FuzzQuote: a citation can be read back as far as it goes.
func FuzzQuote(f *testing.F) {
	add(f)
	f.Fuzz(func(t *testing.T, s string, n int) {
		for _, form := range []struct {
			name  string
			quote func(string, int) string
			ascii bool
		}{{"Quote", Quote, true}, {"TerminalQuote", TerminalQuote, false}} {
			got := form.quote(s, n)
			bounded(t, form.name, s, got, n, form.ascii)
			if strings.HasPrefix(got, `"`) {
				readBack(t, s, got)
			} else if n >= len(`""...`) {
				t.Fatalf("%s(%q, %d) has no quotes: %q", form.name, s, n, got)
			}
		}
	})
}

// FuzzWord: one word, quoted unless it is one as it stands.
func FuzzWord(f *testing.F) {
	add(f)
	f.Fuzz(func(t *testing.T, s string, n int) {
		got := Word(s, n)
		bounded(t, "Word", s, got, n, true)
		if strings.Contains(got, " ") {
			t.Fatalf("Word(%q, %d) holds a blank: %q", s, n, got)
		}
		if strings.HasPrefix(got, `"`) {
			readBack(t, s, got)
		} else if start := strings.TrimSuffix(got, missing); got != s && !strings.HasPrefix(s, start) && strings.Trim(got, ".") != "" {
			t.Fatalf("Word(%q, %d) is another one: %q", s, n, got)
		}
	})
}

func readBack(t *testing.T, s, got string) {
	t.Helper()
	quoted := got
	if !strings.HasSuffix(got, `"`) {
		quoted = strings.TrimSuffix(got, missing)
	}
	start, err := strconv.Unquote(quoted)
	if err != nil || !strings.HasPrefix(s, start) || quoted == got && start != s {
		t.Fatalf("%q of %q reads back as %q: %v", got, s, start, err)
	}
}

// FuzzJSON: a document means what it did, and nothing of it steers a terminal.
func FuzzJSON(f *testing.F) {
	for _, s := range []string{"", "plain", hostile, "äöü日本😀\U000e0041<&>"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		document, err := json.MarshalIndent(map[string][]string{s: {s}}, "", "\t")
		if err != nil {
			t.Fatal(err)
		}
		got := JSON(document)
		bounded(t, "JSON", s, strings.NewReplacer("\n", "", "\t", "").Replace(string(got)), Whole, false)
		var before, after map[string][]string
		if err := errors.Join(json.Unmarshal(document, &before), json.Unmarshal(got, &after)); err != nil {
			t.Fatalf("%v: %s", err, got)
		}
		if diff := cmp.Diff(before, after); diff != "" {
			t.Fatalf("%s became %s: %s", document, got, diff)
		}
		if string(JSON(got)) != string(got) {
			t.Fatalf("JSON of %s differs", got)
		}
	})
}
