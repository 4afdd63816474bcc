package dkim

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"math"
	"math/big"
	mathrand "math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
)

// signAll puts signatures with the given options on top of a message. They share the
// index and the body hashes.
func signAll(mail string, options ...SignOptions) (string, error) {
	header, body := splitMessage(mail)
	index := NewHeaderIndex(header)
	var bodies Bodies
	var signers []*Signer
	for _, o := range options {
		s, err := NewSigner(index, &bodies, o)
		if err != nil {
			return "", err
		}
		signers = append(signers, s)
	}
	for chunk := range slices.Chunk([]byte(body), 7) {
		bodies.Write(chunk)
	}
	bodies.Close()
	var top strings.Builder
	for _, s := range signers {
		f, err := s.Sign()
		if err != nil {
			return "", err
		}
		top.WriteString(f.Raw)
	}
	return top.String() + mail, nil
}

func signOption(selector string, key crypto.Signer) SignOptions {
	return SignOptions{
		Domain: "example.org", Selector: selector, Key: key, HeaderForm: Relaxed, BodyForm: Relaxed,
		Time: time.Now(), Expires: time.Now().Add(7 * 24 * time.Hour),
	}
}

// TestExamples signs the messages of RFC 6376 appendix A.2 and RFC 8463 appendix A.3
// with their keys, and compares each octet of b=.
func TestExamples(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join("testdata", "sign", "rfc*.txtar"))
	if err != nil || len(files) != 2 {
		t.Fatalf("%d examples, %v", len(files), err)
	}
	signatures := 0
	for _, file := range files {
		a, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		keys := map[string]crypto.Signer{}
		var mail string
		for _, f := range a.Files {
			switch selector, kind, _ := strings.Cut(f.Name, "."); kind {
			case "pem":
				block, _ := pem.Decode(f.Data)
				if keys[selector], err = x509.ParsePKCS1PrivateKey(block.Bytes); err != nil {
					t.Fatal(err)
				}
			case "seed":
				seed, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(f.Data)))
				if err != nil {
					t.Fatal(err)
				}
				keys[selector] = ed25519.NewKeyFromSeed(seed)
			default:
				mail = strings.ReplaceAll(string(f.Data), "\n", "\r\n")
			}
		}
		header, body := splitMessage(mail)
		for i, f := range header {
			if !f.Is("DKIM-Signature") {
				continue
			}
			s, err := ParseSignature(f)
			if err != nil {
				t.Fatal(err)
			}
			var bodies Bodies
			sum := bodies.Hash(s.BodyForm, s.Hash, -1)
			bodies.Write([]byte(body))
			bodies.Close()
			if !bytes.Equal(sum.Sum(), s.BodyHash) {
				t.Errorf("%s %s: bh= is %x, want %x", file, s.Selector, sum.Sum(), s.BodyHash)
			}
			_, hash, err := algorithmOf(keys[s.Selector])
			if err != nil {
				t.Fatal(err)
			}
			got, err := keys[s.Selector].Sign(rand.Reader, NewHeaderIndex(header).Digest(s, i), hash)
			if err != nil {
				t.Fatal(err)
			}
			signatures++
			if !bytes.Equal(got, s.Value) {
				t.Errorf("%s %s: b= is %s, want %s", file, s.Selector, base64.StdEncoding.EncodeToString(got), s.B)
			}
		}
	}
	if signatures != 3 {
		t.Errorf("%d signatures, want 3", signatures)
	}
}

// TestSigner compares whole fields. Both algorithms give one value for one input, so
// a fixed time gives a fixed field.
func TestSigner(t *testing.T) {
	t.Parallel()
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	at := time.Unix(1_700_000_000, 0)
	const mail = "From: Ann <ann@example.org>\r\nTo: bob@example.net\r\nSubject: hello\r\nDate: Tue, 14 Nov 2023 22:13:20 +0000\r\n\r\nHi.\r\n"
	tests := []struct {
		name string
		opt  SignOptions
		want string
	}{
		{
			"3.5 all tags, folded before 77 columns",
			SignOptions{Domain: "Bücher.example", Selector: "S1", Identity: "ann b;=c@news.bücher.example", Key: key, Time: at, Expires: at.Add(time.Hour)},
			"DKIM-Signature: v=1; a=ed25519-sha256; c=simple/simple;\r\n" +
				"\td=xn--bcher-kva.example; s=s1;\r\n" +
				"\ti=ann=20b=3B=3Dc@news.xn--bcher-kva.example; t=1700000000;\r\n" +
				"\tx=1700003600; h=from:from:subject:subject:to:to:cc:reply-to:\r\n" +
				"\tcontent-type:date:date;\r\n" +
				"\tbh=UrA8rmgY3eNBotmDWtzAmHyn5RyZv8Gea45sNGsP0zw=; b=NcGox4rTQG60fmCgs\r\n" +
				"\tVYj7RzR6zs3NC/6v052N6QxxZhCaSjK95M2UOG8yXq9JWwq6zdcT9i+5m8TfVH7a2K0D\r\n" +
				"\tg==\r\n",
		},
		{
			"3.5 only what must be",
			SignOptions{Domain: "example.org", Selector: "s", Key: key, HeaderForm: Relaxed, BodyForm: Relaxed, Fields: []FieldRule{{"from", Present}}, Time: at},
			"DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed; d=example.org;\r\n" +
				"\ts=s; t=1700000000; h=from;\r\n" +
				"\tbh=UrA8rmgY3eNBotmDWtzAmHyn5RyZv8Gea45sNGsP0zw=; b=dOdvr+vBC5s6YYx9m\r\n" +
				"\tHyVaQoj5VEZemb4F47/sAk5NENfDcoH08HEZWLg8bE8bTJXOsCEQOf6sqyhWoONeJ/0D\r\n" +
				"\tQ==\r\n",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := signAll(mail, tt.opt)
			if err != nil {
				t.Fatal(err)
			}
			field := strings.TrimSuffix(got, mail)
			for line := range strings.Lines(field) {
				if width := len(strings.ReplaceAll(strings.TrimSuffix(line, "\r\n"), "\t", "        ")); width > 76 {
					t.Errorf("%d columns: %q", width, line)
				}
			}
			if d := cmp.Diff(tt.want, field); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

func TestNewSignerErrors(t *testing.T) {
	t.Parallel()
	at := time.Unix(1_700_000_000, 0)
	good := SignOptions{Domain: "example.org", Selector: "s", Key: edKey(), Time: at}
	short := &rsa.PrivateKey{PublicKey: rsa.PublicKey{N: new(big.Int).Rsh(rsaKey().N, uint(rsaKey().N.BitLen()-1023)), E: 65537}}
	const mail = "From: a@example.org\r\n\r\n"
	tests := []struct {
		name, mail string
		change     func(*SignOptions)
		want       string
	}{
		{"domain", mail, func(o *SignOptions) { o.Domain = "exa mple.org" }, `dkim: signing: domain "exa mple.org" is not a domain name`},
		{"domain of one label", mail, func(o *SignOptions) { o.Domain = "org" }, `dkim: signing: domain "org" is not a domain name`},
		{"domain with CRLF", mail, func(o *SignOptions) { o.Domain = "a.org\r\nX: y" }, `dkim: signing: domain "a.org\r\nX: y" is not a domain name`},
		{"selector", mail, func(o *SignOptions) { o.Selector = "a;b" }, `dkim: signing: selector "a;b" is not a domain name`},
		{"no selector", mail, func(o *SignOptions) { o.Selector = "" }, `dkim: signing: selector "" is not a domain name`},
		{"3.5 identity elsewhere", mail, func(o *SignOptions) { o.Identity = "a@example.net" }, `dkim: signing: identity "a@example.net" is not in the domain example.org`},
		{"3.5 identity without @", mail, func(o *SignOptions) { o.Identity = "example.org" }, `dkim: signing: identity "example.org" is not in the domain example.org`},
		{"no key", mail, func(o *SignOptions) { o.Key = nil }, "dkim: signing: the key is missing"},
		{"8301 3.2 a short key", mail, func(o *SignOptions) { o.Key = short }, "dkim: signing: the key has 1023 bits, verifiers accept none below 1024"},
		{"no time", mail, func(o *SignOptions) { o.Time = time.Time{} }, "dkim: signing: the time is missing"},
		{"3.5 expiry", mail, func(o *SignOptions) { o.Expires = at }, "dkim: signing: the expiry is not after the time"},
		{"5.4 From is not signed", mail, func(o *SignOptions) { o.Fields = []FieldRule{{"to", Oversign}} }, "dkim: signing: the fields to sign lack From"},
		{"5.4 no From", "To: a@example.org\r\n\r\n", func(*SignOptions) {}, "dkim: signing: the message has no From field"},
		{"too many fields", mail + "\r\n", func(o *SignOptions) { o.Fields = manyRules(1001) }, "dkim: signing: more than 1000 fields to sign"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			o := good
			tt.change(&o)
			_, err := signAll(tt.mail, o)
			if err == nil || err.Error() != tt.want {
				t.Errorf("error %v, want %s", err, tt.want)
			}
		})
	}
}

func manyRules(n int) []FieldRule {
	list := []FieldRule{{"from", Oversign}}
	for i := range n {
		list = append(list, FieldRule{"x-" + strings.Repeat("x", i), Oversign})
	}
	return list
}

func TestSignBeforeTheEnd(t *testing.T) {
	t.Parallel()
	header, _ := splitMessage(plain)
	s, err := NewSigner(NewHeaderIndex(header), &Bodies{}, signOption("ed", edKey()))
	if err != nil {
		t.Fatal(err)
	}
	if f, err := s.Sign(); err == nil || err.Error() != "dkim: signing: the body is incomplete" || f.Raw != "" {
		t.Errorf("field %q, error %v", f.Raw, err)
	}
}

// TestSignerAgainstVerifiers signs generated messages twice, by two keys and all
// forms. Our verifier and go-msgauth must accept both signatures. Another field of
// an oversigned name must break them, and one of another name must not.
func TestSignerAgainstVerifiers(t *testing.T) {
	t.Parallel()
	rnd := mathrand.New(mathrand.NewPCG(8463, 6376))
	txt := oracleZone()
	unread := 0
	const mails = 400
	for range mails {
		mail := randomMail(rnd)
		a, b := signOption("ed", edKey()), signOption("rsa", rsaKey())
		for _, o := range []*SignOptions{&a, &b} {
			o.HeaderForm, o.BodyForm = Canonicalization(rnd.IntN(2)), Canonicalization(rnd.IntN(2))
			o.Fields = [][]FieldRule{nil, StrictFields(), ListFields(), {{"from", Oversign}, {"x-many", Present}}}[rnd.IntN(4)]
			if rnd.IntN(3) == 0 {
				o.Identity = strings.Repeat("ann.", rnd.IntN(30)) + "é@sub.example.org"
			}
		}
		signed, err := signAll(mail, a, b)
		if err != nil {
			t.Fatal(err)
		}
		got := verify(zoneMap(txt), signed, Options{})
		if len(got) != 2 || got[0].Status != Pass || got[1].Status != Pass {
			t.Fatalf("we verify our own signatures as %+v\n%q", got, signed)
		}
		theirs, err := oracle(signed, txt)
		switch {
		case err != nil || strayLine(signed) || bareBreak(signed, Result{}):
			unread++
		case !slices.Equal(theirs, []Status{Pass, Pass}):
			t.Fatalf("go-msgauth verifies our signatures as %v\n%q", theirs, signed)
		}
		if got := verify(zoneMap(txt), "From: eve@evil.example\r\n"+signed, Options{}); got[0].Status == Pass || got[1].Status == Pass {
			t.Fatalf("with another From: %+v\n%q", got, signed)
		}
		if got := verify(zoneMap(txt), "Sender: list@example.net\r\nX-New: 1\r\n"+signed, Options{}); got[0].Status != Pass || got[1].Status != Pass {
			t.Fatalf("with a Sender: %+v\n%q", got, signed)
		}
	}
	if unread > mails/2 {
		t.Errorf("go-msgauth does not read %d of %d messages", unread, mails)
	}
}

func TestSignatureOfSmallestBody(t *testing.T) {
	t.Parallel()
	for _, body := range []string{"", "\r\n", "\r\n\r\n", " \t", "a", "a\r\n", " a \r\n \r\n", "a\r"} {
		for form := range Canonicalization(2) {
			o := signOption("ed", edKey())
			o.BodyForm = form
			signed, err := signAll("From: a@example.org\r\n\r\n"+body, o)
			if err != nil {
				t.Fatal(err)
			}
			if got := verify(zoneMap(oracleZone()), signed, Options{}); got[0].Status != Pass {
				t.Errorf("body %q, %s: %+v", body, form, got)
			}
		}
	}
}

func TestExpiryAndTimeOfSigner(t *testing.T) {
	t.Parallel()
	o := signOption("ed", edKey())
	o.Time, o.Expires = time.Unix(100, int64(999*time.Millisecond)), time.Unix(math.MaxInt32, 0)
	signed, err := signAll(plain, o)
	if err != nil {
		t.Fatal(err)
	}
	h, _ := splitMessage(signed)
	s, err := ParseSignature(h[0])
	if err != nil || s.Time != 100 || s.Expires != math.MaxInt32 || s.BodyLength != -1 {
		t.Errorf("t=%d x=%d l=%d, %v", s.Time, s.Expires, s.BodyLength, err)
	}
}
