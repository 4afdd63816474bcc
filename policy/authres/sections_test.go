package authres

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/policy/message"
)

// The cases here are generated, with an expectation that is worked out from the text of
// RFC 8601 alone. Their names begin with its section, which "make conformance" counts.

// TestSectionForged spells an authserv-id in every way that the grammar of section 2.2
// allows. All fields with ours go, and so do those of a version other than 1; foreign
// ones of version 1 stay (section 5).
func TestSectionForged(t *testing.T) {
	t.Parallel()
	before := []string{"", " ", "\r\n ", "\t", "(remark) ", " (a (nested \\) one))\r\n "}
	after := []string{"", ";", " ; spf=pass", " 1; dkim=pass", "(x) 1 (y);none", "\r\n\t1\r\n ; none", "; dkim=fail reason=\"; mx.example.org\""}
	ours := []string{"mx.example.com", "MX.EXAMPLE.COM", "mX.eXample.Com", "mx.example.com.", `"mx.example.com"`, `"mx\.exam\ple.com"`}
	foreign := []string{"mx.example.org", "a.mx.example.com", "example.com", "mx.example.com.example.org", "xmx.example.com", `"mx.example.org"`}
	check := func(what, value string, want bool) {
		t.Run(fmt.Sprintf("5 %s: %q", what, value), func(t *testing.T) {
			t.Parallel()
			if got := Claims(message.NewField("Authentication-Results", value), "mx.example.com"); got != want {
				t.Errorf("claims our name: %v, want %v", got, want)
			}
		})
	}
	for _, b := range before {
		for _, a := range after {
			for _, id := range ours {
				check("our id", b+id+a, true)
			}
			for _, id := range foreign {
				check("a foreign id", b+id+a, false)
			}
		}
		for _, version := range []string{"2", "10", "0", "99"} {
			check("a version that nobody knows", b+"mx.example.org "+version+"; spf=pass", true)
		}
	}
}

// registered has the methods with their sections and the results that they may have.
var registered = []struct {
	section, method, results, ptype, property, value string
}{
	{"2.7.1", "dkim", "none pass fail policy neutral temperror permerror", "header", "d", "example.org"},
	{"2.7.2", "spf", "none neutral pass fail softfail policy temperror permerror", "smtp", "mailfrom", "example.org"},
	{"2.7.3", "iprev", "pass fail temperror permerror", "policy", "iprev", "192.0.2.1"},
	{"2.7.4", "auth", "none pass fail temperror permerror", "smtp", "auth", "ann"},
	{"2.7.6", "x-other", "pass something-new", "policy", "x-detail", "a"},
	{"2.7", "arc", "none pass fail", "header", "oldest-pass", "0"},
	{"2.7", "dmarc", "none pass fail temperror permerror", "header", "from", "example.org"},
}

// TestSectionWords writes every registered result of every method, and reads it again.
func TestSectionWords(t *testing.T) {
	t.Parallel()
	for _, m := range registered {
		for result := range strings.FieldsSeq(m.results) {
			t.Run(fmt.Sprintf("%s %s=%s", m.section, m.method, result), func(t *testing.T) {
				t.Parallel()
				want := []Method{{Name: m.method, Result: result, Properties: []Property{{m.ptype, m.property, m.value}}}}
				id, got, err := Parse(Format("mx.example.com", want))
				if d := cmp.Diff(want, got); err != nil || id != "mx.example.com" || d != "" {
					t.Errorf("%q %v (-want +got):\n%s", id, err, d)
				}
			})
		}
	}
}

// TestSectionGrammar writes generated results and reads them again: what is written has
// the grammar of section 2.2 whatever the values are. It is then written as others may
// write it, with comments, folds and quotes, which changes nothing.
func TestSectionGrammar(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(8601, 22)) //nolint:gosec // the same cases every time
	values := []string{"example.org", "@example.org", "a b", "x;y", "a=b", `say "hi"`, `back\slash`, "(bracket", "2001:db8::1", "ann+tag", "a/b+c=", "-", "a..b", "'", "=?x"}
	gaps := []string{" ", "\r\n\t", " (remark) ", "\t(a (nested) one)\r\n "}
	for n := range 300 {
		var methods []Method
		var other strings.Builder
		other.WriteString("mx.example.com")
		gap := func() string { return gaps[random.IntN(len(gaps))] }
		for range 1 + random.IntN(3) {
			m := registered[random.IntN(len(registered))]
			words := strings.Fields(m.results)
			method := Method{Name: m.method, Result: words[random.IntN(len(words))]}
			fmt.Fprintf(&other, "%s;%s%s%s=%s%s", gap(), gap(), method.Name, gap(), gap(), method.Result)
			if random.IntN(2) == 0 {
				method.Reason = values[random.IntN(len(values)-1)] // the last one is altered on purpose
				fmt.Fprintf(&other, "%sreason%s=%s%s", gap(), gap(), gap(), quotedString(method.Reason))
			}
			value := values[random.IntN(len(values)-1)]
			method.Properties = []Property{{m.ptype, m.property, value}}
			fmt.Fprintf(&other, "%s%s%s.%s%s%s=%s%s", gap(), m.ptype, gap(), gap(), m.property, gap(), gap(), quotedString(value))
			methods = append(methods, method)
		}
		t.Run(fmt.Sprintf("2.2 written by others, number %d", n), func(t *testing.T) {
			t.Parallel()
			id, got, err := Parse(other.String())
			if d := cmp.Diff(methods, got); err != nil || id != "mx.example.com" || d != "" {
				t.Errorf("%q: %q %v (-want +got):\n%s", other.String(), id, err, d)
			}
		})
		t.Run(fmt.Sprintf("2.2 written by us, number %d", n), func(t *testing.T) {
			t.Parallel()
			text := Format("mx.example.com", methods)
			id, got, err := Parse(text)
			if err != nil || id != "mx.example.com" || len(got) != len(methods) {
				t.Fatalf("%q: %q %v %v", text, id, err, got)
			}
			for i, m := range methods {
				if got[i].Name != m.Name || got[i].Result != m.Result {
					t.Errorf("%q: %s=%s, want %s=%s", text, got[i].Name, got[i].Result, m.Name, m.Result)
				}
			}
		})
	}
}

func quotedString(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}
