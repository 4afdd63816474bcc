package dkim

import (
	mathrand "math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/postvet/postvet/contrib/oracles"
)

// runOwn has a driver verify what [Signer] signs: 300 generated messages with the
// fields and forms that Postvet uses, and with the others. Each signature passes for
// us. It must pass for the driver too, unless the driver's table explains why not.
// Bodies end in CRLF, as those that an MTA passes on.
func runOwn(t *testing.T, driver string, table []oracleExplained) {
	t.Helper()
	t.Parallel()
	const mails = 300
	txt := oracleZone()
	requests := make([]oracleRequest, mails)
	for i := range requests {
		rnd := mathrand.New(mathrand.NewPCG(6376, uint64(i)))
		g := oracleMail{rnd}
		mail := strings.Join(g.header(), "\r\n") + "\r\n\r\n" + strings.TrimRight(g.body(), "\r\n") + "\r\n"
		o := signOption("ed", edKey())
		if i%2 == 0 {
			o = signOption("rsa", rsaKey())
		}
		if i%4 < 2 {
			o.HeaderForm, o.BodyForm = Canonicalization(rnd.IntN(2)), Canonicalization(rnd.IntN(2))
			o.Fields = [][]FieldRule{nil, StrictFields(), ListFields()}[rnd.IntN(3)]
		}
		signed, err := signAll(mail, o)
		if err != nil {
			t.Fatal(err)
		}
		if got := verify(zoneMap(txt), signed, Options{}); len(got) != 1 || got[0].Status != Pass {
			t.Fatalf("message %d: we verify it as %+v\n%q", i, got, signed)
		}
		requests[i] = oracleRequest{Mail: []byte(signed), Keys: txt}
	}
	passed, known := 0, 0
	for i, a := range oracles.Ask[oracleRequest, []oracleAnswer](t, driver, requests) {
		mail := string(requests[i].Mail)
		h, _ := splitMessage(mail)
		tags, _ := ParseTags(h[0].Value())
		form, _ := tags.Get("c")
		c := &oracleCase{mail: mail, field: h[0].Raw, relaxed: strings.HasSuffix(form, "/relaxed"), ours: Result{Status: Pass}}
		if len(a) == 1 {
			c.theirs = a[0]
		}
		switch {
		case len(a) == 1 && a[0].Result == "pass":
			passed++
		case slices.ContainsFunc(table, func(e oracleExplained) bool { return e.applies(c) }):
			known++
		default:
			t.Errorf("message %d: %s", i, c)
		}
	}
	t.Logf("%s: %d of %d signatures pass, %d differences are known", driver, passed, mails, known)
	if passed < mails/3 {
		t.Errorf("only %d of %d signatures pass", passed, mails)
	}
}

func TestOracleOwnDkimpy(t *testing.T)      { runOwn(t, "dkimpy.py", dkimpyExplained) }
func TestOracleOwnLibopendkim(t *testing.T) { runOwn(t, "libopendkim.py", libopendkimExplained) }
func TestOracleOwnMailDKIM(t *testing.T)    { runOwn(t, "maildkim.pl", mailDKIMExplained) }
