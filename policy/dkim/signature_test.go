package dkim

import (
	"bytes"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/policy/message"
)

// thirtyTwo is a bh= of the length of SHA-256.
const thirtyTwo = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

// field returns a DKIM-Signature of valid tags, with the given tags replaced. "-x"
// leaves x out.
func field(tags ...string) message.Field {
	base := []string{"v=1", "a=rsa-sha256", "d=example.org", "s=sel", "h=from:to", "bh=" + thirtyTwo, "b=c2ln"}
	for _, t := range tags {
		name, _, _ := strings.Cut(strings.TrimPrefix(t, "-"), "=")
		at := -1
		for i := range base {
			if strings.HasPrefix(base[i], name+"=") {
				at = i
			}
		}
		switch {
		case strings.HasPrefix(t, "-"):
			base = append(base[:at], base[at+1:]...)
		case at >= 0:
			base[at] = t
		default:
			base = append(base, t)
		}
	}
	return message.NewField("DKIM-Signature", " "+strings.Join(base, "; "))
}

func TestParseSignature(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		field  message.Field
		reason string // "" for none
	}{
		{"sound", field(), ""},
		{"3.2 folds and white space", message.NewField("dkim-signature", "\r\n v = 1 ;\r\n\ta=rsa-sha256;d=example.org; s=sel\r\n ; h=from :\r\n to; bh="+thirtyTwo+"; b= c2\r\n ln;"), ""},
		{"3.2 two semicolons at the end", field("b=c2ln;;"), ""},
		{"3.2 empty tag in the middle", field("a=rsa-sha256;"), ""},
		{"3.2 repeated tag", message.NewField("DKIM-Signature", field().Value()+"; d=example.org"), "tag d= is repeated"},
		{"3.2 repeated unknown tag", field("y=1; y=1"), "tag y= is repeated"},
		{"3.2 no equals sign", field("nonsense"), `"nonsense" is not a tag: it has no equals sign`},
		{"3.2 name begins with a digit", field("1a=b"), `"1a" is not a tag name`},
		{"3.2 NUL", field("z=a\x00b"), "a control character in tag z="},
		{"3.2 names are case-sensitive", field("-d=", "D=example.org"), "d= is missing"},
		{"3.2 no tags", message.NewField("DKIM-Signature", " \r\n "), "no tags"},
		{"3.2 unknown tags are ignored", field("future=x y z", "_a=1"), `"_a" is not a tag name`},
		{"3.2 unknown tags are ignored, sound", field("future=x y z", "a_1="), ""},
		{"too many tags", field(strings.Repeat("t_=x;", 1) + tagsUpTo(70)), "more than 64 tags"},
		{"too long", field("z=" + strings.Repeat("x", 70000)), "the field is longer than 65536 bytes"},
		{"3.5 no v", field("-v="), "v= is missing"},
		{"3.5 other v", field("v=2"), `version "2" is not 1`},
		{"3.5 no a", field("-a="), "a= is missing"},
		{"3.5 unknown a", field("a=rsa-md5"), `algorithm "rsa-md5" is not known`},
		{"RFC 5234 2.3 a in capitals", field("a=RSA-SHA256", "c=Relaxed/SIMPLE"), ""},
		{"3.2 a name with a hyphen", field("x-foo=bar"), ""},
		{"8463 ed25519", field("a=ed25519-sha256"), ""},
		{"3.5 no b", field("-b="), "b= is missing"},
		{"3.5 empty b", field("b="), "b= is empty"},
		{"3.5 b not base64", field("b=!!!"), "b= is not base64"},
		{"3.5 b without padding", field("b=c2lnbg"), ""},
		{"3.5 no bh", field("-bh="), "bh= is missing"},
		{"3.5 bh of another length", field("bh=c2ln"), "bh= does not have the length of its hash"},
		{"3.5 bh not base64", field("bh=*"), "bh= is not base64"},
		{"3.5 no d", field("-d="), "d= is missing"},
		{"3.5 empty d", field("d="), "d= is empty"},
		{"3.5 d of one label", field("d=org"), "d= is not a domain name"},
		{"3.5 d with brackets", field("d=legitimate.example(.attacker.example"), "d= is not a domain name"},
		{"3.5 d with an empty label", field("d=a..example"), "d= is not a domain name"},
		{"3.5 d with a dot at the end", field("d=example.org."), "d= is not a domain name"},
		{"3.5 d with NUL", field("d=example.org\x00.evil.example"), "a control character in tag d="},
		{"3.5 d with a long label", field("d=" + strings.Repeat("a", 64) + ".example"), "d= is not a domain name"},
		{"3.5 d of 254 octets", field("d=" + strings.Repeat("abcdefg.", 31) + "123456"), "d= is not a domain name"},
		{"3.5 d of 253 octets", field("d=" + strings.Repeat("abcdefg.", 31) + "12345"), ""},
		{"3.5 no s", field("-s="), "s= is missing"},
		{"3.5 s with a blank", field("s=a b"), "s= is not a selector"},
		{"3.5 s of labels", field("s=a.b_c"), ""},
		{"3.5 no h", field("-h="), "h= is missing"},
		{"3.5 empty h", field("h="), "h= does not sign From"},
		{"5.4 h without From", field("h=to:x-from"), "h= does not sign From"},
		{"3.5 h with a blank in a name", field("h=from:t o"), "h= has an invalid field name"},
		{"3.5 h with 1001 names", field("h=from" + strings.Repeat(":x", 1000)), "h= has more than 1000 names"},
		{"3.5 c unknown", field("c=strict"), `canonicalization "strict" is not known`},
		{"3.5 c body unknown", field("c=relaxed/strict"), `canonicalization "relaxed/strict" is not known`},
		{"3.5 c of three", field("c=relaxed/simple/simple"), `canonicalization "relaxed/simple/simple" is not known`},
		{"3.5 c empty", field("c="), `canonicalization "" is not known`},
		{"3.5 i in the domain", field("i=joe@example.org"), ""},
		{"3.5 i without local part", field("i=@example.org"), ""},
		{"3.5 i below, other case", field("i=joe@News.EXAMPLE.org"), ""},
		{"3.5 i outside", field("i=joe@example.net"), "i= is not in the domain of d="},
		{"3.5 i with d as mere ending", field("i=joe@badexample.org"), "i= is not in the domain of d="},
		{"3.5 i above", field("d=sub.example.org", "i=joe@example.org"), "i= is not in the domain of d="},
		{"3.5 i without at sign", field("i=example.org"), "i= is not an identity"},
		{"3.5 i with encoded CRLF", field("i=a=0D=0Ab@example.org"), "i= is not an identity"},
		{"3.5 i encoded outside", field("i=joe=40example.org=40example.net"), "i= is not in the domain of d="},
		{"3.5 q", field("q=dns/txt"), ""},
		{"3.5 q with another", field("q=future/x : dns/txt"), ""},
		{"3.5 q without dns/txt", field("q=http"), "q= does not name dns/txt"},
		{"3.5 q empty", field("q="), "q= does not name dns/txt"},
		{"3.5 t and x", field("t=100", "x=101"), ""},
		{"3.5 x before t", field("t=100", "x=99"), "x= is not after t="},
		{"3.5 x at t", field("t=1000", "x=1000"), "x= is not after t="},
		{"3.5 t negative", field("t=-1"), "t= is not a time"},
		{"3.5 t empty", field("t="), "t= is not a time"},
		{"3.5 t of 13 digits", field("t=1234567890123"), "t= is not a time"},
		{"3.5 x with a word", field("x=never"), "x= is not a time"},
		{"3.5 l", field("l=0"), ""},
		{"3.5 l negative", field("l=-1"), "l= is not a number"},
		{"3.5 l of 76 digits", field("l=" + strings.Repeat("9", 76)), ""},
		{"3.5 l of 77 digits", field("l=" + strings.Repeat("9", 77)), "l= is not a number"},
		{"8616 U-labels", field("d=bücher.example", "s=schlüssel", "i=straße@post.BÜCHER.example"), ""},
		{"8616 d not UTF-8", field("d=b\xfccher.example"), "d= is not a domain name"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s, err := ParseSignature(tt.field)
			got := ""
			var e *Error
			if errors.As(err, &e) {
				got = e.Reason
				if e.Status != PermError {
					t.Errorf("status %s, want permerror", e.Status)
				}
			} else if err != nil {
				t.Fatalf("error %v is no *Error", err)
			}
			if d := cmp.Diff(tt.reason, got); d != "" {
				t.Errorf("reason (-want +got):\n%s", d)
			}
			if s == nil {
				t.Error("no signature to report")
			}
		})
	}
}

func tagsUpTo(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString("x" + strings.Repeat("y", i) + "=1;")
	}
	return strings.TrimSuffix(b.String(), ";")
}

func TestParseSignatureValues(t *testing.T) {
	t.Parallel()
	s, err := ParseSignature(field("d=BÜCHER.example", "s=Sel", "i=jos=C3=A9=3Dx@Sub.bücher.Example",
		"c=relaxed", "h= From : to:TO:", "l="+strings.Repeat("9", 30), "t=5", "x=7", "b=c2\r\n ln bg=="))
	if err != nil {
		t.Fatal(err)
	}
	got := []any{s.Domain, s.Selector, s.Identity, s.IdentityDomain, s.HeaderForm, s.BodyForm, s.SignedFields, s.BodyLength, s.Time, s.Expires, s.B, string(s.Value)}
	want := []any{
		"xn--bcher-kva.example", "sel", "josé=x@Sub.bücher.Example", "sub.xn--bcher-kva.example", Relaxed, Simple,
		[]string{"from", "to", "to"},
		int64(math.MaxInt64), int64(5), int64(7), "c2lnbg==", "sign",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestAppendUnsigned(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, value, want string }{
		{"in the middle", " v=1; b=abc; d=x", " v=1; b=; d=x"},
		{"last, folded, with white space around", " v=1; bh=qqb=; b =\r\n abc\r\n def \r\n\t", " v=1; bh=qqb=; b ="},
		{"tags that end in b", " xb=1; zb = b=2; b=abc=; bh=b=3", " xb=1; zb = b=2; b=; bh=b=3"},
		{"first", "b=abc=;b2=x", "b=;b2=x"},
		{"semicolon at the end", " v=1; b=abc ;", " v=1; b=;"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newSignature(message.NewField("DKIM-Signature", tt.value))
			if err := s.parseTags(true); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff("DKIM-Signature:"+tt.want, string(s.AppendUnsigned(nil, Simple))); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

func FuzzSignature(f *testing.F) {
	for _, v := range []string{
		field().Value(), field("i=a=40b@example.org", "c=relaxed/simple", "l=5", "t=1", "x=2", "q=dns/txt").Value(),
		" v=1; b", ";;", "b=;=;b=", " d=\xff; s=xn--; i=@", "v=1;a=rsa-sha1;b=\r\n =;",
	} {
		f.Add(v)
	}
	f.Fuzz(func(t *testing.T, value string) {
		fld := message.NewField("DKIM-Signature", value)
		for _, parse := range []func(message.Field) (*Signature, error){ParseSignature, ParseMessageSignature, ParseSeal} {
			s, err := parse(fld)
			if s == nil {
				t.Fatal("no signature")
			}
			if strings.ContainsFunc(s.Domain+s.Selector+s.Algorithm, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
				t.Errorf("d=%q s=%q a=%q go into reports", s.Domain, s.Selector, s.Algorithm)
			}
			if err != nil {
				if e, ok := err.(*Error); !ok || e.Status != PermError || e.Reason == "" {
					t.Errorf("error %#v", err)
				}
				continue
			}
			if len(s.SignedFields) > maxSignedFields || len(s.Value) == 0 {
				t.Errorf("%d fields, %d bytes of signature", len(s.SignedFields), len(s.Value))
			}
			// Without b= there must be no trace of its value, and nothing else changed.
			simple := s.AppendUnsigned(nil, Simple)
			if len(simple) > len(fld.Raw) || !bytes.HasPrefix([]byte(fld.Raw), simple[:bytes.IndexByte(simple, ':')]) {
				t.Errorf("unsigned form %q of %q", simple, fld.Raw)
			}
			again := newSignature(message.Field{Name: fld.Name, Raw: string(simple) + "\r\n"})
			if again.parseTags(true) == nil {
				if v, _ := again.Tags.Get("b"); v != "" {
					t.Errorf("b=%q is left in %q", v, simple)
				}
			} else {
				t.Errorf("the unsigned form %q does not parse", simple)
			}
		}
	})
}
