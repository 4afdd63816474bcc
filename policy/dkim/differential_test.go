package dkim

import (
	"bytes"
	"context"
	"crypto"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	msgauth "github.com/emersion/go-msgauth/dkim"

	"github.com/postvet/postvet/dnscache"
)

// zoneMap returns a resolver over a map, for tests with thousands of messages.
func zoneMap(txt map[string]string) Resolver {
	return resolverFunc(func(_ context.Context, name string, _ dnscache.Type) *dnscache.Answer {
		if t, ok := txt[name]; ok {
			return &dnscache.Answer{Outcome: dnscache.Found, TXT: []string{t}}
		}
		return &dnscache.Answer{Outcome: dnscache.NXDomain}
	})
}

func oracleZone() map[string]string {
	return map[string]string{"rsa._domainkey.example.org": rsaRecord(), "ed._domainkey.example.org": edRecord()}
}

// oracle verifies a message with go-msgauth.
func oracle(mail string, txt map[string]string) (results []Status, err error) {
	vs, err := msgauth.VerifyWithOptions(strings.NewReader(mail), &msgauth.VerifyOptions{LookupTXT: func(name string) ([]string, error) {
		if t, ok := txt[name]; ok {
			return []string{t}, nil
		}
		return nil, errors.New("no such name")
	}})
	for _, v := range vs {
		switch {
		case v.Err == nil:
			results = append(results, Pass)
		case msgauth.IsTempFail(v.Err):
			results = append(results, TempError)
		case msgauth.IsPermFail(v.Err):
			results = append(results, PermError)
		default:
			results = append(results, Fail)
		}
	}
	return results, err
}

// explained are the known differences from go-msgauth between pass and not pass,
// with their reasons. The kinds of failure are not compared. TestExplained shows
// each difference.
var explained = []struct {
	why  string
	mail func() string
	ours Status
	is   func(mail string, ours Result) bool
}{
	{
		"go-msgauth fails every signature with l= by a policy of its own; RFC 6376 section 3.5 has it verified",
		func() string { return signed(plain, strings.Replace(edTags, "s=ed", "s=ed; l=5", 1), edKey()) }, Pass,
		func(_ string, r Result) bool { return r.BodyLength >= 0 },
	},
	{
		"go-msgauth removes the values of other tags that end in b, too; RFC 6376 section 3.5 means b= alone",
		func() string { return signed(plain, strings.Replace(edTags, "s=ed", "s=ed; zb=x", 1), edKey()) }, Pass,
		func(mail string, _ Result) bool { return strings.Contains(mail, "zb=") },
	},
	{
		"go-msgauth compares i= and d= as they are spelt; domains have no case (RFC 6376 section 3.5)",
		func() string {
			return signed(plain, strings.Replace(edTags, "s=ed", "s=ed; i=@EXAMPLE.org", 1), edKey())
		}, Pass,
		func(_ string, r Result) bool { return r.Identity != strings.ToLower(r.Identity) },
	},
	{
		"go-msgauth turns CR and LF alone in the body into CRLF; to RFC 6376 section 3.4 they are bytes like others",
		func() string { return signed(plain+"a\nb\r\n", edTags, edKey()) }, Pass,
		func(mail string, _ Result) bool {
			return strings.ContainsAny(strings.ReplaceAll(mail, "\r\n", ""), "\r\n")
		},
	},
	{
		"go-msgauth takes t= from any future; ours ends after a day (RFC 6376 section 3.5 leaves it open)",
		func() string { return signed(plain, edTags+"; t=99999999999", edKey()) }, PermError,
		func(_ string, r Result) bool { return strings.HasPrefix(r.Reason, "signed in the future") },
	},
	{
		"go-msgauth does not look at t=s of the key (RFC 6376 section 3.6.1)",
		func() string {
			return signed(plain, strings.Replace(edTags, "s=ed", "s=strict; i=@x.example.org", 1), edKey())
		}, PermError,
		func(_ string, r Result) bool { return strings.Contains(r.Reason, "subdomain") },
	},
}

// bareBreak reports whether a message has a CR or LF without the other. go-msgauth
// ends header lines there.
func bareBreak(mail string, _ Result) bool {
	return strings.ContainsAny(strings.ReplaceAll(mail, "\r\n", ""), "\r\n")
}

func TestExplained(t *testing.T) {
	t.Parallel()
	txt := oracleZone()
	txt["strict._domainkey.example.org"] = edRecord() + "; t=s"
	r := zoneMap(txt)
	for _, e := range explained {
		mail := e.mail()
		ours := verify(r, mail, Options{})
		theirs, err := oracle(mail, txt)
		if err != nil || len(ours) != 1 || len(theirs) != 1 {
			t.Fatalf("%s: %v, %v, %v", e.why, ours, theirs, err)
		}
		if ours[0].Status != e.ours || (theirs[0] == Pass) == (e.ours == Pass) || !e.is(mail, ours[0]) {
			t.Errorf("%s: ours is %s (%s), go-msgauth's %s", e.why, ours[0].Status, ours[0].Reason, theirs[0])
		}
	}
}

// TestDifferential signs random messages with go-msgauth, mutates them, and compares
// the results of both implementations.
func TestDifferential(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(6376, 8463))
	txt := oracleZone()
	r := zoneMap(txt)
	passed, failed, unread, known := 0, 0, 0, map[string]int{}
	for n := range 1500 {
		mail := randomMail(rnd)
		o := signOptions{
			Domain: "example.org", Selector: "ed", Key: crypto.Signer(edKey()),
			HeaderForm: Canonicalization(rnd.IntN(2)), BodyForm: Canonicalization(rnd.IntN(2)),
		}
		if n%10 == 0 {
			o.Selector, o.Key = "rsa", rsaKey()
		}
		if rnd.IntN(2) == 0 {
			o.SignedFields = []string{"From", "Subject", "X-Many", "X-Many", "X-None"}
		}
		var b bytes.Buffer
		if err := signMail(&b, strings.NewReader(mail), o); err != nil {
			t.Fatal(err)
		}
		signed := b.String()
		whole := verify(r, signed, Options{})
		if len(whole) != 1 || whole[0].Status != Pass {
			t.Fatalf("go-msgauth signed, we say %+v of\n%q", whole, signed)
		}
		mutated := mutate(rnd, signed)
		ours := verify(r, mutated, Options{})
		theirs, err := oracle(mutated, txt)
		if err != nil || len(ours) != len(theirs) || strayLine(mutated) || bareBreak(mutated, Result{}) {
			unread++
			continue // go-msgauth cannot parse the header, or parses it differently
		}
		for i := range ours {
			if (ours[i].Status == Pass) == (theirs[i] == Pass) {
				if ours[i].Status == Pass {
					passed++
				} else {
					failed++
				}
				continue
			}
			why := ""
			for _, e := range explained {
				if (e.ours == Pass) == (ours[i].Status == Pass) && e.is(mutated, ours[i]) {
					why = e.why
					break
				}
			}
			if known[why]++; why == "" {
				t.Errorf("ours %+v, go-msgauth %s of\n%q\nwhich was\n%q", ours[i], theirs[i], mutated, signed)
			}
		}
	}
	t.Logf("%d passed and %d failed on both sides, %d read in different ways", passed, failed, unread)
	for why, n := range known {
		t.Logf("%d differ: %s", n, why)
	}
	if passed < 100 || failed < 100 {
		t.Errorf("only %d passed and %d failed: the mutations are too tame or too wild", passed, failed)
	}
}

// strayLine reports whether a header line is not a field. Our header ends there, as
// in Postfix (see message.Reader), and go-msgauth's does not.
func strayLine(mail string) bool {
	header, _, _ := strings.Cut(mail, "\r\n\r\n")
	for l := range strings.SplitSeq(header, "\r\n") {
		if !strings.ContainsAny(l, ":") && !strings.HasPrefix(l, " ") && !strings.HasPrefix(l, "\t") {
			return true
		}
	}
	return false
}

var pieces = []string{"a", "word ", " ", "\t", "  ", "\r\n", "\r\n\r\n", " \r\n", "é", "=", ";", ":", "x: y\r\n", "long text without end "}

func randomMail(rnd *rand.Rand) string {
	var b strings.Builder
	text := func(n int) string {
		var t strings.Builder
		for range rnd.IntN(n) {
			t.WriteString(pieces[rnd.IntN(len(pieces))])
		}
		return t.String()
	}
	fmt.Fprintf(&b, "X-Many: 1 %s\r\nFrom: a@example.org\r\n", strings.ReplaceAll(text(6), "\r\n", "\r\n "))
	fmt.Fprintf(&b, "Subject:%s\r\nX-Many : 2\r\n", strings.ReplaceAll(text(10), "\r\n", " "))
	return b.String() + "\r\n" + text(30)
}

// mutate changes a message in one place. Half of the changes are such that a
// canonicalization may undo them.
func mutate(rnd *rand.Rand, mail string) string {
	at := rnd.IntN(len(mail))
	switch rnd.IntN(8) {
	case 0:
		return mail + strings.Repeat("\r\n", rnd.IntN(3))
	case 1:
		return mail[:at] + " " + mail[at:]
	case 2:
		return mail[:at] + mail[at+1:]
	case 3:
		return mail[:at] + string(mail[rnd.IntN(len(mail))]) + mail[at:]
	case 4:
		return strings.Replace(mail, ": ", ":\t ", 1)
	case 5:
		return "X-Many: 0\r\n" + mail
	case 6:
		return strings.Replace(mail, "; ", ";\r\n\t", 1)
	}
	return strings.TrimSuffix(mail, "\r\n")
}

// FuzzVerify checks that any message gets one result per field, and that a result
// has a status and, unless it is pass, a reason.
func FuzzVerify(f *testing.F) {
	rnd := rand.New(rand.NewPCG(1, 1))
	txt := oracleZone()
	r := zoneMap(txt)
	f.Add(signed(plain, rsaTags, rsaKey()))
	f.Add(signed(plain, edTags+"; l=3; zb=x", edKey()))
	f.Add(signed(randomMail(rnd), strings.Replace(edTags, "relaxed/relaxed", "simple/simple", 1), edKey()))
	f.Add("DKIM-Signature:\r\n\r\n")
	f.Add("DKIM-Signature: v=1\r\n \r\nFrom: x\r\n\r\n")
	f.Fuzz(func(t *testing.T, mail string) {
		h, _ := splitMessage(mail)
		fields := 0
		for _, fld := range h {
			if fld.Is("DKIM-Signature") {
				fields++
			}
		}
		got := verify(r, mail, testOptions())
		if len(got) != fields {
			t.Fatalf("%d results of %d fields", len(got), fields)
		}
		for _, res := range got {
			if res.Status == "" || res.Status == None || (res.Reason == "") != (res.Status == Pass) {
				t.Errorf("result %+v", res)
			}
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	txt := oracleZone()
	for _, size := range []int{5 << 10, 50 << 10, 1 << 20} {
		body := strings.Repeat("The quick brown fox jumps over the lazy dog, and then it goes home. 12\r\n", size/72)
		mail := strings.Split(plain, "\r\n\r\n")[0] + "\r\n\r\n" + body
		one := signed(mail, rsaTags, rsaKey())
		two := signed(one, edTags, edKey())
		for _, c := range []struct{ name, mail string }{{"RSA", one}, {"RSAEd25519", two}} {
			b.Run(fmt.Sprintf("%s/%dKB", c.name, size>>10), func(b *testing.B) {
				cached := cachedKeys(txt)
				h, body := splitMessage(c.mail)
				data := []byte(body)
				b.ReportAllocs()
				b.SetBytes(int64(len(data)))
				for b.Loop() {
					var bodies Bodies
					v := NewVerifier(h, &bodies, testOptions())
					keys := v.LookupKeys(context.Background(), cached)
					writeChunks(func(p []byte) { bodies.Write(p) }, data)
					bodies.Close()
					if got := v.Finish(keys); got[0].Status != Pass {
						b.Fatal(got)
					}
				}
			})
			b.Run(fmt.Sprintf("%s/%dKB/GoMsgauth", c.name, size>>10), func(b *testing.B) {
				b.ReportAllocs()
				b.SetBytes(int64(len(c.mail)))
				for b.Loop() {
					if got, err := oracle(c.mail, txt); err != nil || got[0] != Pass {
						b.Fatal(got, err)
					}
				}
			})
		}
	}
}

// cachedKeys returns a resolver that answers at once. The keys are parsed each time,
// because only answers of the cache keep derived values.
func cachedKeys(txt map[string]string) Resolver {
	answers := map[string]*dnscache.Answer{}
	for name, t := range txt {
		answers[name] = &dnscache.Answer{Outcome: dnscache.Found, TXT: []string{t}, Expires: time.Now().Add(time.Hour)}
	}
	return resolverFunc(func(_ context.Context, name string, _ dnscache.Type) *dnscache.Answer { return answers[name] })
}
