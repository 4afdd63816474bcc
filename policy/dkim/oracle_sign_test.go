package dkim

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	mathrand "math/rand/v2"
	"strings"
	"testing"

	"github.com/postvet/postvet/contrib/oracles"
)

// oracleSign is the input of a driver that signs. PEM is the key, Seed the seed of
// an Ed25519 key in base64.
type oracleSign struct {
	Selector, Algorithm, Header, Body, PEM, Seed string
	Length                                       bool
}

// runSigner signs messages with a driver. Each signature must pass, with two
// exceptions: the driver's own verifier rejects it too, or the body does not end in
// CRLF, where signers differ as their verifiers do (see dkimpyExplained and
// libopendkimExplained).
func runSigner(t *testing.T, driver string) {
	t.Helper()
	t.Parallel()
	const mails = 400
	rsaPEM := string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(rsaKey())}))
	der, err := x509.MarshalPKCS8PrivateKey(edKey())
	if err != nil {
		t.Fatal(err)
	}
	edPEM := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	txt := oracleZone()
	requests := make([]oracleRequest, mails)
	for i := range requests {
		g := oracleMail{mathrand.New(mathrand.NewPCG(5672, uint64(i)))}
		mail := strings.Join(g.header(), "\r\n") + "\r\n\r\n" + g.body()
		s := &oracleSign{Header: g.one("simple", "relaxed"), Body: g.one("simple", "relaxed"), Length: g.chance(4)}
		if g.chance(3) {
			s.Selector, s.Algorithm, s.PEM = "rsa", "rsa-sha256", rsaPEM
		} else {
			if driver == "libopendkim.py" {
				s.Header = "relaxed" // its own verifier rejects its signatures in the simple form
			}
			s.Selector, s.Algorithm, s.PEM, s.Seed = "ed", "ed25519-sha256", edPEM, base64.StdEncoding.EncodeToString(edKey().Seed())
		}
		requests[i] = oracleRequest{Mail: []byte(mail), Keys: txt, Sign: s}
	}
	answers := oracles.Ask[oracleRequest, []oracleAnswer](t, driver, requests)
	signed, passed, open := 0, 0, 0
	var doubtful []oracleRequest
	var ours []Result
	for i, a := range answers {
		if len(a) != 1 || a[0].Result != "signed" {
			continue // the driver rejects the header
		}
		signed++
		mail := a[0].Reason + string(requests[i].Mail)
		got := verify(zoneMap(txt), mail, Options{})
		switch {
		case len(got) != 1:
			t.Fatalf("message %d has %d signatures\n%q", i, len(got), mail)
		case got[0].Status == Pass:
			passed++
		case !strings.HasSuffix(mail, "\r\n") &&
			(strings.HasPrefix(got[0].Reason, "body hash does not match") || got[0].Reason == "l= is larger than the body"):
			open++
		default:
			doubtful = append(doubtful, oracleRequest{Mail: []byte(mail), Keys: txt})
			ours = append(ours, got[0])
		}
	}
	for i, a := range oracles.Ask[oracleRequest, []oracleAnswer](t, driver, doubtful) {
		if len(a) != 1 || a[0].Result == "pass" {
			t.Errorf("ours %+v, theirs %v\n%q", ours[i], a, doubtful[i].Mail)
		}
	}
	name, _, _ := strings.Cut(driver, ".")
	t.Logf("oracle %s-signed %d %d %d", name, signed, passed, signed-passed)
	t.Logf("%d are not signed, %d differ for their last line, %d do not pass for the signer either", mails-signed, open, len(doubtful))
	if signed < mails*9/10 || passed < signed*9/10 {
		t.Errorf("only %d of %d messages are signed, and %d pass", signed, mails, passed)
	}
}

func TestOracleSignerDkimpy(t *testing.T)      { runSigner(t, "dkimpy.py") }
func TestOracleSignerLibopendkim(t *testing.T) { runSigner(t, "libopendkim.py") }
