package dkim

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/dnscache/dnstest"
	"github.com/postvet/postvet/policy/message"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// signed puts a DKIM-Signature with the given tags on top of a message. It is
// independent of the package: it uses the reference canonicalizations, does not
// check the tags, and adds b= and a missing bh=.
func signed(raw, tags string, key crypto.Signer) string {
	h, body := splitMessage(raw)
	list, err := ParseTags(strings.ReplaceAll(tags, ";;", ";"))
	if err != nil {
		panic(err)
	}
	c, _ := list.Get("c")
	headerForm, bodyForm, _ := strings.Cut(c, "/")
	form := map[string]Canonicalization{"relaxed": Relaxed}
	body = referenceBody(form[bodyForm], body)
	if l, ok := list.Get("l"); ok {
		n, _ := parseDigits(l, 76)
		body = body[:min(int64(len(body)), n)]
	}
	if _, ok := list.Get("bh"); !ok {
		sum := sha256.Sum256([]byte(body))
		tags += "; bh=" + base64.StdEncoding.EncodeToString(sum[:])
	}
	f := message.NewField("DKIM-Signature", " "+tags+"; b=")
	names, _ := list.Get("h")
	used := map[string]int{}
	var data strings.Builder
	add := func(raw string) {
		if form[headerForm] == Relaxed {
			raw = referenceHeader(raw)
		}
		data.WriteString(raw)
	}
	for _, name := range splitList(strings.ToLower(names)) {
		seen := 0
		for i := len(h) - 1; i >= 0; i-- {
			if strings.ToLower(h[i].Name) == name {
				if seen == used[name] {
					add(h[i].Raw)
					break
				}
				seen++
			}
		}
		used[name]++
	}
	add(f.Raw)
	digest := sha256.Sum256([]byte(strings.TrimSuffix(data.String(), "\r\n")))
	var opts crypto.SignerOpts = crypto.SHA256
	if strings.Contains(tags, "ed25519") {
		opts = crypto.Hash(0)
	}
	sig, err := key.Sign(rand.Reader, digest[:], opts)
	if err != nil {
		panic(err)
	}
	return strings.TrimSuffix(f.Raw, "\r\n") + base64.StdEncoding.EncodeToString(sig) + "\r\n" + raw
}

const plain = "Received: one\r\nReceived: two\r\nFrom: Joe <joe@example.org>\r\nTo: a@example.net,\r\n\tb@example.net\r\n" +
	"Subject:  Hello   you \r\n\r\nHello  there. \r\n\r\nJoe\r\n\r\n\r\n"

// rsaTags and edTags are the tags of signatures of plain. testTime is the time of
// the tests.
const (
	testTime = 1_700_000_000
	rsaTags  = "v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.org; s=rsa; h=from:to:subject:from; t=1700000000"
	edTags   = "v=1; a=ed25519-sha256; c=relaxed/relaxed; d=example.org; s=ed; h=from:to:subject:from"
)

func testOptions() Options {
	return Options{Now: func() time.Time { return time.Unix(testTime, 0) }}
}

func testZone() string {
	return zone(map[string][]string{
		"rsa._domainkey.example.org":                     {rsaRecord()},
		"ed._domainkey.example.org":                      {edRecord()},
		"testing._domainkey.example.org":                 {"t=y; " + strings.TrimPrefix(rsaRecord(), "v=DKIM1; ")},
		"strict._domainkey.example.org":                  {rsaRecord() + "; t=s"},
		"revoked._domainkey.example.org":                 {"v=DKIM1; p="},
		"short._domainkey.example.org":                   {"v=DKIM1; p=" + bare(512, 3)},
		"long._domainkey.example.org":                    {"v=DKIM1; p=" + bare(9000, 3)},
		"xn--schlssel-95a._domainkey.xn--bcher-kva.test": {edRecord()},
	}, map[string]string{
		"servfail._domainkey.example.org": "SERVFAIL",
		"slow._domainkey.example.org":     "TIMEOUT",
	})
}

func TestVerify(t *testing.T) {
	t.Parallel()
	_, r := dnstest.Start(t, testZone())
	replace := func(s string, pairs ...string) string { return strings.NewReplacer(pairs...).Replace(s) }
	rsaMail, edMail := signed(plain, rsaTags, rsaKey()), signed(plain, edTags, edKey())
	with := func(tags string, pairs ...string) string { return signed(plain, replace(tags, pairs...), rsaKey()) }
	const (
		bodyChanged   = "fail body hash does not match: the body was changed after signing"
		headerChanged = "fail signature does not match: a signed header field was changed"
	)
	tests := []struct{ name, mail, want string }{
		{"3.3 rsa-sha256", rsaMail, "pass"},
		{"8463 ed25519-sha256", edMail, "pass"},
		{"8463 both", strings.TrimSuffix(edMail, plain) + rsaMail, "pass | pass"},
		{"3.4 simple/simple", with(rsaTags, "relaxed/relaxed", "simple/simple"), "pass"},
		{"3.4 simple/relaxed", with(rsaTags, "relaxed/relaxed", "simple/relaxed"), "pass"},
		{"3.4 relaxed/simple", with(rsaTags, "relaxed/relaxed", "relaxed/simple"), "pass"},
		{"3.4 relaxed alone", with(rsaTags, "relaxed/relaxed", "relaxed"), "pass"},
		{"3.4 no c", with(rsaTags, "c=relaxed/relaxed; ", ""), "pass"},
		{"3.4.2 header rewritten in white space", replace(rsaMail, "Subject:  Hello   you ", "SUBJECT : Hello\r\n you"), "pass"},
		{"3.4.1 the same under simple", replace(with(rsaTags, "relaxed/relaxed", "simple/relaxed"), "Subject:  Hello   you ", "SUBJECT : Hello\r\n you"), headerChanged},
		{"3.4.4 body rewritten in white space", replace(rsaMail, "Hello  there. ", "Hello\tthere."), "pass"},
		{"3.4.3 the same under simple", replace(with(rsaTags, "relaxed/relaxed", "relaxed/simple"), "Hello  there. ", "Hello\tthere."), bodyChanged},
		{"3.4.3 empty lines added at the end", with(rsaTags, "relaxed/relaxed", "simple/simple") + "\r\n\r\n", "pass"},
		{"3.4.3 last CRLF lost", strings.TrimSuffix(with(rsaTags, "relaxed/relaxed", "simple/simple"), "\r\n\r\n\r\n"), "pass"},
		{"3.7 body changed", replace(rsaMail, "Joe\r\n\r\n", "Jim\r\n\r\n"), bodyChanged},
		{"3.7 body added to", rsaMail + "More\r\n", bodyChanged},
		{"3.7 Subject changed", replace(rsaMail, "Hello   you", "Hello me"), headerChanged},
		{"3.7 field not signed changed", replace(rsaMail, "Received: one", "Received: three"), "pass"},
		{"3.7 another tag of the signature changed", replace(rsaMail, "t=1700000000", "t=1700000001"), headerChanged},
		{"3.7 b= folded", replace(rsaMail, "; b=", ";\r\n\tb = \r\n\t"), headerChanged}, // "b =" is not "b="
		{"5.4.2 oversigned From added", "From: evil@example.com\r\n" + rsaMail, headerChanged},
		{"5.4.2 field not oversigned added above", "Subject: other\r\n" + rsaMail, "pass"},
		{"5.4.2 last of two is signed", with(rsaTags, "h=", "h=received:"), "pass"},
		{"5.4.2 first of two changed", replace(with(rsaTags, "h=", "h=received:"), "Received: one", "Received: three"), "pass"},
		{"5.4.2 last of two changed", replace(with(rsaTags, "h=", "h=received:"), "Received: two", "Received: three"), headerChanged},
		{"5.4.2 both signed and swapped", replace(with(rsaTags, "h=", "h=received:received:"), "one", "two", "two", "one"), headerChanged},
		{"5.4 signature names other signatures", signed(edMail, replace(rsaTags, "h=", "h=dkim-signature:dkim-signature:"), rsaKey()), "pass | pass"},
		{"5.4 signature below removed", strings.Replace(signed(edMail, replace(rsaTags, "h=", "h=dkim-signature:"), rsaKey()), edMail, plain, 1), headerChanged},
		{"3.5 l=", with(rsaTags, "t=", "l=10; t=") + "More\r\n", "pass"},
		{"3.5 l= of all", with(rsaTags, "t=", "l=21; t="), "pass"},
		{"3.5 l= beyond the end", with(rsaTags, "t=", "l=22; t="), "permerror l= is larger than the body"},
		{"3.5 l=0", with(rsaTags, "t=", "l=0; t=") + "More\r\n", "pass"},
		{"3.5 body changed within l=", replace(with(rsaTags, "t=", "l=10; t="), "Hello  there", "Hallo  there"), bodyChanged},
		{"3.5 x= not yet", with(rsaTags, "t=", "x=1700000001; t="), "pass"},
		{"3.5 x= within the skew", with(rsaTags, "t=1700000000", "x=1699999701"), "pass"},
		{"3.5 x= over", with(rsaTags, "t=1700000000", "x=1699999699"), "permerror expired on 2023-11-14 22:08:19 UTC"},
		{"3.5 t= in the future", with(rsaTags, "t=1700000000", "t=1700086701"), "permerror signed in the future, on 2023-11-15 22:18:21 UTC"},
		{"3.5 t= of a clock in local time", with(rsaTags, "t=1700000000", "t=1700050000"), "pass"},
		{"3.5 i= below d=", with(rsaTags, "t=", "i=joe@sub.Example.ORG; t="), "pass"},
		{"3.6.1 t=s and i= below d=", with(rsaTags, "s=rsa", "s=strict", "t=", "i=joe@sub.example.org; t="), "permerror the key does not allow i= to be in a subdomain"},
		{"3.6.1 t=s and i= in d=", with(rsaTags, "s=rsa", "s=strict", "t=", "i=joe@EXAMPLE.org; t="), "pass"},
		{"3.6.1 t=y", with(rsaTags, "s=rsa", "s=testing"), "pass testing"},
		{"3.6.1 t=y and changed", replace(with(rsaTags, "s=rsa", "s=testing"), "Hello   you", "x"), headerChanged + " testing"},
		{"6.1.2 no key", with(rsaTags, "s=rsa", "s=none"), "permerror no key at none._domainkey.example.org"},
		{"6.1.2 revoked", with(rsaTags, "s=rsa", "s=revoked"), "permerror key revoked"},
		{"6.1.2 servfail", with(rsaTags, "s=rsa", "s=servfail"), "temperror looking up servfail._domainkey.example.org: servfail"},
		{"6.1.2 timeout", with(rsaTags, "s=rsa", "s=slow"), "temperror looking up slow._domainkey.example.org: timeout"},
		{"6.1.2 servfail and the body changed", replace(with(rsaTags, "s=rsa", "s=servfail"), "Hello  there", "Hallo  there"), bodyChanged},
		{"6.1.2 timeout and the body changed", replace(with(rsaTags, "s=rsa", "s=slow"), "Hello  there", "Hallo  there"), bodyChanged},
		{"6.1.2 servfail and l= beyond the end", with(rsaTags, "s=rsa", "s=servfail", "t=", "l=22; t="), "permerror l= is larger than the body"},
		{"6.1.2 no key and the body changed", replace(with(rsaTags, "s=rsa", "s=none"), "Hello  there", "Hallo  there"), "permerror no key at none._domainkey.example.org"},
		{"6.1.2 revoked and the body changed", replace(with(rsaTags, "s=rsa", "s=revoked"), "Hello  there", "Hallo  there"), "permerror key revoked"},
		{"6.1.2 key of another type", with(rsaTags, "s=rsa", "s=ed"), "permerror the key is for ed25519, the signature is by rsa"},
		{"8301 short key", with(rsaTags, "s=rsa", "s=short"), "permerror key of 512 bits is below 1024"},
		{"8301 long key", with(rsaTags, "s=rsa", "s=long"), "policy key of 9000 bits is above 8192"},
		{"8301 rsa-sha1", replace(rsaMail, "a=rsa-sha256", "a=rsa-sha1", "bh=", "bh=AAAAAAAAAAAAAAAAAAAAAAAAAAA=; xx="), "permerror algorithm rsa-sha1 is no longer valid"},
		{"8616 U-labels", signed(plain, replace(edTags, "d=example.org; s=ed", "d=bücher.test; s=schlüssel; i=@Bücher.test"), edKey()), "pass"},
		{"6.1.1 not a signature", "DKIM-Signature: nonsense\r\n" + rsaMail, `permerror "nonsense" is not a tag: it has no equals sign | pass`},
		{"no signature", plain, ""},
		{"no header", "\r\n" + plain, ""},
		{"nothing", "", ""},
		{"empty body", strings.TrimSuffix(signed("From: joe@example.org\r\n\r\n", rsaTags, rsaKey()), "\r\n"), "pass"},
		{"name with a blank before the colon", replace(rsaMail, "DKIM-Signature:", "DKIM-Signature :"), "pass"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if tt.name == "name with a blank before the colon" && !strings.Contains(tt.mail, "DKIM-Signature :") {
				t.Fatal("the case is not there")
			}
			var got []string
			for _, res := range verify(r, tt.mail, testOptions()) {
				s := strings.TrimSpace(string(res.Status) + " " + res.Reason)
				if res.Testing {
					s += " testing"
				}
				got = append(got, s)
			}
			if d := cmp.Diff(tt.want, strings.Join(got, " | ")); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

func TestResult(t *testing.T) {
	t.Parallel()
	_, r := dnstest.Start(t, testZone())
	got := verify(r, signed(plain, strings.Replace(rsaTags, "t=", "l=5; i=joe@Sub.example.org; t=", 1), rsaKey()), testOptions())
	if len(got) != 1 || len(got[0].Signature) != 8 {
		t.Fatalf("results %+v", got)
	}
	got[0].Signature = ""
	want := Result{Domain: "example.org", Selector: "rsa", Algorithm: "rsa-sha256", Status: Pass, KeyBits: 2048, KeyRecord: rsaRecord(), Identity: "joe@Sub.example.org", BodyLength: 5, Partial: true}
	if d := cmp.Diff(want, got[0]); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	broken := verify(r, "DKIM-Signature: a=rsa-sha256; d=Example.ORG; s=sel; b=abc\r\n"+plain, testOptions())
	want = Result{Domain: "example.org", Selector: "sel", Algorithm: "rsa-sha256", Status: PermError, Reason: "v= is missing", Failure: FailureMalformed, Identity: "@example.org", BodyLength: -1, Signature: "abc"}
	if d := cmp.Diff([]Result{want}, broken); d != "" {
		t.Errorf("what can be read of a broken one (-want +got):\n%s", d)
	}
}

func TestSignaturePrefix(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		b    []string
		want []string
	}{
		{"8 are enough", []string{"AAAAAAAAAAAA", "BBBBBBBBBBBB"}, []string{"AAAAAAAA", "BBBBBBBB"}},
		{"6008 4 more to tell them apart", []string{"AAAAAAAAAAAA", "AAAAAAAAAABB", "AAAAAAAAXX"}, []string{"AAAAAAAAAAA", "AAAAAAAAAAB", "AAAAAAAAX"}},
		{"equal", []string{"AAAAAAAAAAAA", "AAAAAAAAAAAA"}, []string{"AAAAAAAA", "AAAAAAAA"}},
		{"short", []string{"AAAA", "AAAAB"}, []string{"AAAA", "AAAAB"}},
		{"none", []string{""}, []string{""}},
		{"bounded", []string{strings.Repeat("A", 99) + "B", strings.Repeat("A", 99) + "C"}, []string{strings.Repeat("A", 64), strings.Repeat("A", 64)}},
	}
	for _, tt := range tests {
		results, checks := make([]Result, len(tt.b)), make([]*check, len(tt.b))
		for i, b := range tt.b {
			checks[i] = &check{sig: &Signature{B: b}}
		}
		setPrefixes(results, checks)
		var got []string
		for _, r := range results {
			got = append(got, r.Signature)
		}
		if d := cmp.Diff(tt.want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, d)
		}
	}
}

func TestMaxSignatures(t *testing.T) {
	t.Parallel()
	s, r := dnstest.Start(t, testZone())
	mail := plain
	for range 12 {
		mail = signed(mail, edTags, edKey())
	}
	got := verify(r, mail, testOptions())
	for i, res := range got {
		want, reason := Pass, ""
		if i >= 10 {
			want, reason = Policy, "more than 10 signatures"
		}
		if res.Status != want || res.Reason != reason || res.Domain != "example.org" {
			t.Errorf("signature %d: %+v", i, res)
		}
	}
	if len(got) != 12 {
		t.Errorf("%d results of 12", len(got))
	}
	if n := len(s.Queries()); n != 1 {
		t.Errorf("%d queries for one key", n)
	}
}

// resolverFunc is a resolver for answers that dnstest cannot give.
type resolverFunc func(ctx context.Context, name string, t dnscache.Type) *dnscache.Answer

func (f resolverFunc) Lookup(ctx context.Context, name string, t dnscache.Type) *dnscache.Answer {
	if recall := dnscache.RecallOf(ctx); recall != nil {
		return recall.Miss()
	}
	return f(ctx, name, t)
}

func TestContextEnds(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	r := resolverFunc(func(ctx context.Context, _ string, _ dnscache.Type) *dnscache.Answer {
		cancel()
		<-ctx.Done()
		return &dnscache.Answer{Outcome: dnscache.Timeout, Err: ctx.Err()}
	})
	h, body := splitMessage(signed(plain, edTags, edKey()))
	var bodies Bodies
	v := NewVerifier(h, &bodies, testOptions())
	keys := v.LookupKeys(ctx, r) // hangs if the context does not end it
	bodies.Write([]byte(body))
	bodies.Close()
	if got := v.Finish(keys); len(got) != 1 || got[0].Status != TempError {
		t.Errorf("%+v", got)
	}
}

func TestMisuse(t *testing.T) {
	t.Parallel()
	mail := signed(plain, edTags, edKey())
	h, body := splitMessage(mail)
	_, r := dnstest.Start(t, testZone())
	tests := []struct {
		name      string
		keys, end bool
		want      string
	}{
		{"no keys", false, true, "temperror the key was not looked up"},
		{"body not closed", true, false, "temperror the body is incomplete"},
	}
	for _, tt := range tests {
		var bodies Bodies
		v := NewVerifier(h, &bodies, testOptions())
		var keys Keys
		if tt.keys {
			keys = v.LookupKeys(t.Context(), r)
		}
		bodies.Write([]byte(body))
		if tt.end {
			bodies.Close()
		}
		got := v.Finish(keys)
		if s := fmt.Sprintf("%s %s", got[0].Status, got[0].Reason); s != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, s, tt.want)
		}
	}
	if got := NewVerifier(message.Header{{Name: "DKIM-Signature", Raw: "no colon"}, {}}, &Bodies{}, Options{}).Finish(nil); len(got) != 1 || got[0].Status != PermError {
		t.Errorf("a field without colon: %+v", got)
	}
}

// TestDigestIsLinear checks that 100 signatures that name all of 2000 fields do not
// search the header once per name.
func TestDigestIsLinear(t *testing.T) {
	t.Parallel()
	var h message.Header
	for range 2000 {
		h = append(h, message.NewField("X", " y"))
	}
	x := NewHeaderIndex(h)
	s := &Signature{Field: message.NewField("DKIM-Signature", ""), Hash: crypto.SHA256}
	for range maxSignedFields {
		s.SignedFields = append(s.SignedFields, "x")
	}
	start := time.Now()
	first := x.Digest(s, -1)
	for range 99 {
		if d := cmp.Diff(first, x.Digest(s, -1)); d != "" {
			t.Fatal("the index keeps state between signatures")
		}
	}
	if d := time.Since(start); d > time.Minute { // some 10 ms
		t.Errorf("100 signatures over 2000 fields took %v", d)
	}
}

// Within Options.MaxSignatures those come first that can be aligned with the author,
// wherever they stand.
func TestAuthorFirst(t *testing.T) {
	t.Parallel()
	foreign := func(domain string) string {
		return "DKIM-Signature: v=1; a=ed25519-sha256; d=" + domain + "; s=ed; h=from; bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=AA==\r\n"
	}
	one := signed(plain, edTags, edKey())
	many := strings.Repeat(foreign("a.example.net"), 14) + one
	tests := []struct {
		name, author, mail string
		at                 int
		want               Status
	}{
		{"no author", "", many, 14, Policy},
		{"the author's", "example.org", many, 14, Pass},
		{"above the author's", "mail.example.org", many, 14, Pass},
		{"a stranger's", "example.com", many, 14, Policy},
		{"behind as many of the author's", "example.org", strings.Repeat(foreign("example.org"), 10) + one, 10, Policy},
		{"before relatives", "example.org", strings.Repeat(foreign("mail.example.org"), 10) + one, 10, Pass},
		{"few", "example.com", one, 0, Pass},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, r := dnstest.Start(t, testZone())
			o := testOptions()
			o.Author = tt.author
			got := verify(r, tt.mail, o)
			if got[tt.at].Status != tt.want {
				t.Errorf("%+v, want %s", got[tt.at], tt.want)
			}
			limited := 0
			for _, res := range got {
				if res.Failure == FailureLimit {
					limited++
				}
			}
			if want := max(0, len(got)-10); limited != want {
				t.Errorf("%d signatures beyond the limit, want %d", limited, want)
			}
		})
	}
}
