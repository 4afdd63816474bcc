package authres

import (
	"strings"
	"testing"

	"github.com/postvet/postvet/policy/message"
)

func TestClaims(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, value string
		want        bool
	}{
		{"5 plain", " mx.example.com; spf=pass", true},
		{"5 no blank", "mx.example.com;spf=pass", true},
		{"5 case", " MX.Example.COM; spf=pass", true},
		{"5 dot at the end", " mx.example.com.; spf=pass", true},
		{"5 no result", " mx.example.com; none", true},
		{"5 nothing after", " mx.example.com", true},
		{"5 version", " mx.example.com 1; spf=pass", true},
		{"5 unknown version", " mx.example.com 23 ; spf=pass", true},
		{"5 version after a slash", " mx.example.com/1; spf=pass", true},
		{"5 quoted", ` "mx.example.com"; spf=pass`, true},
		{"5 quoted pairs", ` "m\x.exa\mple.com"; spf=pass`, true},
		{"5 quoted with blanks", ` " mx.example.com "; spf=pass`, true},
		{"5 quoted with a fold", " \"mx.example\r\n .com\"; spf=pass", true},
		{"5 comment before", " (hi (there)) mx.example.com; spf=pass", true},
		{"5 comment after", " mx.example.com(hi); spf=pass", true},
		{"5 comment in place of a blank", "(x)mx.example.com(x)1(x);spf=pass", true},
		{"5 folds", "\r\n\tmx.example.com\r\n 1\r\n ; spf=pass", true},
		{"5 unreadable later", ` mx.example.com; spf=pass reason="x`, true},
		{"5 results that are none", " mx.example.com; !!", true},
		{"5 another", " mx.example.org; spf=pass", false},
		{"5 longer at the front", " notmx.example.com; spf=pass", false},
		{"5 longer at the end", " mx.example.com.evil.org; spf=pass", false},
		{"5 below ours", " a.mx.example.com; spf=pass", false},
		{"5 above ours", " example.com; spf=pass", false},
		{"5 in a comment", " evil.org (mx.example.com); spf=pass", false},
		{"5 in a result", " evil.org; spf=pass smtp.helo=mx.example.com", false},
		{"5 in a reason", ` evil.org; spf=pass reason="; mx.example.com; dkim=pass"`, false},
		{"5 in a readable field of another grammar", " evil.org; dmarc=pass action=none header.from=mx.example.com", false},
		{"5 unreadable, not ours", ` evil.org; spf=pass reason="x`, false},
		{"5 empty", "", false},
		{"5 no id", " ; spf=pass", false},
		{"unreadable: no id", " spf=pass smtp.mailfrom=mx.example.com; dkim=none", true},
		{"unreadable: quotes without end", ` "mx.example.com; spf=pass`, true},
		{"unreadable: comment without end", " (mx.example.com; spf=pass", true},
		{"unreadable: comment without begin", " x) mx.example.com; spf=pass", true},
		{"unreadable: comment inside, not ended", " mx.exa(x)mple.com foo (; spf=pass", true},
		{"unreadable: blanks inside", " mx . example . com; spf=pass", true},
		{"unreadable: fold inside", " mx.exam\r\n ple.com; spf=pass", true},
		{"unreadable: comment inside", " mx.exam(x)ple.com; spf=pass", true},
		{"unreadable: quotes inside", ` mx."example".com; spf=pass`, true},
		{"unreadable: backslash", ` mx\.example.com; spf=pass`, true},
		{"unreadable: colon", " mx.example.com:25; spf=pass", true},
		{"unreadable: second id", " evil.org, mx.example.com; spf=pass", true},
		{"unreadable: NUL", " mx.exam\x00ple.com; spf=pass", true},
		{"unreadable: NUL after", " mx.example.com\x00; spf=pass", true},
		{"unreadable: bare CR", " evil.org;\r mx.example.com; spf=pass", true},
		{"unreadable: 8-bit", " mx.exam\xffple.com; spf=pass", true},
		{"unreadable: two lines", " evil.org; none\r\nmx.example.com; spf=pass", true},
		{"unreadable: too long", " evil.org; none (" + strings.Repeat("x", 70000) + ") mx.example.com", true},
		{"RFC 2047", " =?utf-8?q?mx.example.com?=; spf=pass", true},
		{"RFC 2047 base64", " =?utf-8?B?bXguZXhhbXBsZS5jb20=?=; spf=pass", true},
		{"RFC 2047 base64, all of it", " =?utf-8?B?bXguZXhhbXBsZS5jb207IHNwZj1wYXNz?=", true},
		{"RFC 2047, another", " =?utf-8?q?mx.example.org?=; spf=pass", true},
		{"RFC 8616 fullwidth letters", " \uff4dx.example.com; spf=pass", true},
		{"RFC 8616 kelvin sign is no k of ours", " mx.e\u212aample.com; spf=pass", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for _, id := range []string{"mx.example.com", "MX.Example.com."} {
				if got := Claims(message.NewField("Authentication-Results", tt.value), id); got != tt.want {
					t.Errorf("%.80q claims %q: %v, want %v", tt.value, id, got, tt.want)
				}
			}
		})
	}
}

// TestClaimsVersion: RFC 8601 section 5, last paragraph, requires the removal
// of a field from outside with a version that we do not support, whatever its
// id.
func TestClaimsVersion(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]bool{
		" other.example 2; dkim=pass header.d=bank.example":            true,
		" other.example 0; dkim=pass":                                  true,
		" other.example 12; none":                                      true,
		" other.example(a comment)99(another); none":                   true,
		"\r\n\tother.example\r\n\t3\r\n\t; spf=pass":                   true,
		` "other.example" 2; none`:                                     true,
		" other.example 2":                                             true,
		" other.example; none":                                         false,
		" other.example 1; none":                                       false,
		" other.example 001; none":                                     false,
		" other.example (2); none":                                     false,
		" other.example; dkim/2=pass":                                  false, // the method's version
		" other.example; spf=pass reason=\"x\" smtp.helo=a.example 2;": false,
	} {
		if got := Claims(message.NewField(FieldName, value), "mx.example.com"); got != want {
			t.Errorf("%q is claimed: %v, want %v", value, got, want)
		}
	}
}

// TestClaimsEncodedWord: other readers decode encoded words in an id
// differently than we do.
func TestClaimsEncodedWord(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, value string
		want        bool
	}{
		{"UTF-7", "=?utf-7?q?+AG0-x.example.com?=; dmarc=pass header.from=bank.example", true},
		{"EBCDIC", "=?cp037?b?lKdLhaeUl5OFS4OWlA==?=; dmarc=pass", true},
		{"UTF-16", "=?utf-16?b?AG0AeAAuAGUAeABhAG0AcABsAGUALgBjAG8AbQ==?=; dmarc=pass", true},
		{"no character set", "=??q?mx=2Eexample=2Ecom?=; dmarc=pass", true},
		{"a long name of a character set", "=?" + strings.Repeat("x", 65) + "?q?mx=2Eexample=2Ecom?=; dmarc=pass", true},
		{"nested", "=?utf-8?q?=3D=3Futf-8=3Fq=3Fmx=2Eexample=2Ecom=3F=3D?=; dmarc=pass", true},
		{"long", "=?utf-8?q?" + strings.Repeat("=20", 700) + "mx=2Eexample=2Ecom?=; dmarc=pass", true},
		{"no end", "=?utf-8?q?mx=2Eexample=2Ecom; dmarc=pass", true},
		{"unknown encoding", "=?utf-8?x?mx=2Eexample=2Ecom?=; dmarc=pass", true},
		{"quoted", ` "=?utf-7?q?+AG0-x.example.com?="; dmarc=pass`, true},
		{"in a comment before the id", "(=?utf-7?q?+ACk-mx.example.com+ADs-?=) other.example; dmarc=pass", true},
		{"behind a part of the id", " m=?utf-7?q?+AHg-.example.com?=; dmarc=pass", true},
		{"folded", "\r\n\t=?utf-7?q?+AG0-?=\r\n\t=?utf-7?q?x.example.com?=;\r\n\tdmarc=pass", true},
		{"divided by a control character", "=\x00?utf-7?q?+AG0-x.example.com?=; dmarc=pass", true},
		{"in a result of another", ` other.example; spf=pass reason="=?utf-7?q?+AG0-x.example.com?="`, false},
		{"in a comment behind the id of another", " other.example; spf=pass (=?utf-8?q?caf=C3=A9?=)", false},
		{"a question mark alone", " other.example; spf=pass smtp.mailfrom=a?b@c.example", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := Claims(message.NewField(FieldName, tt.value), "mx.example.com"); got != tt.want {
				t.Errorf("%.120q is claimed: %v, want %v", tt.value, got, tt.want)
			}
		})
	}
}

func TestClaimsID(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		id, value string
		want      bool
	}{
		{"mx.bücher.example", "mx.xn--bcher-kva.example; none", true},
		{"mx.xn--bcher-kva.example", "mx.Bücher.example; none", true},
		{"mx.xn--bcher-kva.example", "mx.bücher.example, x; none", true},
		{"mx.bücher.example", "mx.bucher.example; none", false},
		{"mail relay", `"Mail Relay"; none`, true},
		{"mail relay", `"mail" relay; none`, true},
		{"mail relay", "mail; none", false},
		{"mail relay", "\"mail\r\n  relay\"; none", true},
		{"", "localhost; none", true},
		{"", "mx.example.com; none", false},
	} {
		if got := Claims(message.NewField("Authentication-Results", tt.value), tt.id); got != tt.want {
			t.Errorf("%q claims %q: %v, want %v", tt.value, tt.id, got, tt.want)
		}
	}
}

func TestClaimsField(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{
		"Authentication-Results":       true,
		"AUTHENTICATION-results":       true,
		"Authentication-Results \t":    true,
		"ARC-Authentication-Results":   false,
		"X-Authentication-Results":     false,
		"Authentication-Results-Extra": false,
		"Received-SPF":                 false,
	} {
		raw := message.Field{Name: name, Raw: name + ": mx.example.com; none\r\n"}
		if Claims(raw, "mx.example.com") != want || Claims(message.NewField(name, " mx.example.com; none"), "mx.example.com") != want {
			t.Errorf("%q: want %v", name, want)
		}
	}
}

func FuzzClaims(f *testing.F) {
	for _, s := range []string{" mx.example.com; none", ` "mx\.example.com" 1 ; a=b`, "(", "=?a?q?mx.example.com?=", "mx.example.com/1", "\xff\r"} {
		f.Add(s, "mx.example.com")
	}
	f.Add(" a; none", "ü relay\"")
	f.Add("\"", "\"")
	if cases, err := readSuite(); err == nil {
		for _, c := range cases {
			f.Add(c.Value, "mx.google.com")
		}
	}
	f.Fuzz(func(t *testing.T, value, id string) {
		ours := message.Field{Name: FieldName, Raw: FieldName + ":" + value + "\r\n"}
		got := Claims(ours, id)
		// A readable field is ours exactly if its id is ours. A reader that
		// splits at the first semicolon and trims must not find our id in a
		// field that we keep.
		if parsed, _, err := Parse(value); err == nil && !strings.Contains(value, "=?") && got != (comparableID(parsed) == comparableID(writtenID(id))) {
			t.Fatalf("%q claims %q: %v", value, id, got)
		}
		first, _, _ := strings.Cut(value, ";")
		if first = strings.Trim(first, " \t\r\n"); !got && strings.EqualFold(first, writtenID(id)) {
			t.Fatalf("%q does not claim %q", value, id)
		}
		if !Claims(message.NewField(FieldName, Format(id, []Method{{Name: "spf", Result: "pass", Reason: value}})), id) {
			t.Fatalf("our own field does not claim %q", id)
		}
	})
}

func BenchmarkClaims(b *testing.B) {
	for _, bb := range []struct{ name, value string }{
		{"ours", " mx.example.com; spf=pass smtp.mailfrom=example.org"},
		{"foreign", " mx.google.com;\r\n dkim=pass header.i=@example.org header.s=sel header.b=\"ab/cd\";\r\n spf=pass (google.com: domain of x designates 192.0.2.1 as permitted sender) smtp.mailfrom=x@example.org"},
		{"unreadable", " (" + strings.Repeat("(x) ", 1000) + "; spf=pass"},
	} {
		f := message.NewField(FieldName, bb.value)
		b.Run(bb.name, func(b *testing.B) {
			b.ReportAllocs()
			for range b.N {
				Claims(f, "mx.example.com")
			}
		})
	}
}
