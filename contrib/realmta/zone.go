//go:build linux

package realmta

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/emersion/go-msgauth/dkim"

	"github.com/postvet/postvet/policy/arc/arctest"
)

// The domains of the test zone and what they publish.
const (
	// Good has SPF for GoodClient and ::1, a DKIM key, and p=reject.
	Good = "good.example"
	// Bank has p=reject, and no client address of the tests may send for it.
	Bank = "bank.example"
	// Hold is the same with p=quarantine.
	Hold = "hold.example"
	// Watch is the same with p=none.
	Watch = "watch.example"
	// NullMX says that it accepts no mail, and publishes nothing else.
	NullMX = "null.example"
	// Dark is a domain whose name servers never answer.
	Dark = "dark.example"
	// List is a mailing list's domain, with SPF for Lister and an Ed25519 key.
	List = "list.example"
	// Umlaut is bücher.example, with Good's keys.
	Umlaut = "xn--bcher-kva.example"
	// Branch is a subdomain of Good, with the same key.
	Branch = "branch." + Good
	// Broken is a domain whose name servers fail (SERVFAIL).
	Broken = "broken.example"

	// GoodClient is the address that Good's SPF record names; it has a
	// confirmed name, mail.good.example.
	GoodClient = "127.0.0.2"
	// GoodOutside is an address of the Internet that Good's SPF record names too,
	// for clients that a relay had.
	GoodOutside = "203.0.113.9"
	// Lister is the address of the list's host, which has a confirmed name,
	// mail.list.example.
	Lister = "127.0.0.7"
	// Stranger is an address that nobody's SPF record names.
	Stranger = "127.0.0.66"
	// Exempted is the one address that Postvet exempts.
	Exempted = "127.0.0.1"
)

// Selector is where Good's RSA key is published; the Ed25519 key is below
// SelectorEd.
const (
	Selector   = "rsa"
	SelectorEd = "ed"
)

// Zone is the test zone with the private keys to what it publishes.
type Zone struct {
	keys map[string]crypto.Signer // by selector
	text string
}

// NewZone makes the keys and the zone.
func NewZone() (*Zone, error) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	rsaDER, err := x509.MarshalPKIXPublicKey(&rsaKey.PublicKey)
	if err != nil {
		return nil, err
	}
	edPublic, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	var b strings.Builder
	txt := func(name, value string) {
		fmt.Fprintf(&b, "%s. TXT", name)
		for len(value) > 0 { // a character-string holds 255 octets
			n := min(len(value), 255)
			fmt.Fprintf(&b, " %q", value[:n])
			value = value[n:]
		}
		b.WriteString("\n")
	}
	txt(Good, "v=spf1 ip4:"+GoodClient+" ip6:::1 ip4:"+GoodOutside+" -all")
	txt("mail."+Good, "v=spf1 a -all")
	txt("_dmarc."+Good, "v=DMARC1; p=reject")
	txt(Selector+"._domainkey."+Good, "v=DKIM1; k=rsa; p="+base64.StdEncoding.EncodeToString(rsaDER))
	txt(SelectorEd+"._domainkey."+Good, "v=DKIM1; k=ed25519; p="+base64.StdEncoding.EncodeToString(edPublic))
	txt(Selector+"._domainkey."+Umlaut, "v=DKIM1; k=rsa; p="+base64.StdEncoding.EncodeToString(rsaDER))
	txt(Selector+"._domainkey."+Branch, "v=DKIM1; k=rsa; p="+base64.StdEncoding.EncodeToString(rsaDER))
	txt(List, "v=spf1 ip4:"+Lister+" -all")
	txt(SelectorEd+"._domainkey."+List, "v=DKIM1; k=ed25519; p="+base64.StdEncoding.EncodeToString(edPublic))
	for domain, policy := range map[string]string{Bank: "reject", Hold: "quarantine", Watch: "none"} {
		txt(domain, "v=spf1 ip4:192.0.2.1 -all")
		txt("_dmarc."+domain, "v=DMARC1; p="+policy)
	}
	fmt.Fprintf(&b, `
%[1]s. MX 10 mail.%[1]s.
%[8]s. MX 0 .
mail.%[1]s. A %[2]s
mail.%[1]s. AAAA ::1
2.0.0.127.in-addr.arpa. PTR mail.%[1]s.
mail.%[6]s. A %[7]s
7.0.0.127.in-addr.arpa. PTR mail.%[6]s.
1%[3]s.ip6.arpa. PTR mail.%[1]s.
$FAULT %[4]s * TIMEOUT
$FAULT _dmarc.%[4]s * TIMEOUT
$FAULT rsa._domainkey.%[4]s * TIMEOUT
$FAULT %[5]s * SERVFAIL
$FAULT _dmarc.%[5]s * SERVFAIL
$FAULT rsa._domainkey.%[5]s * SERVFAIL
`, Good, GoodClient, strings.Repeat(".0", 31), Dark, Broken, List, Lister, NullMX)
	return &Zone{keys: map[string]crypto.Signer{Selector: rsaKey, SelectorEd: edKey}, text: b.String()}, nil
}

// Seal adds an ARC set of the list on top of msg, which says what the list saw.
func (z *Zone) Seal(msg []byte, saw string) ([]byte, error) {
	key, ok := z.keys[SelectorEd].(ed25519.PrivateKey)
	if !ok {
		return nil, errors.New("realmta: no Ed25519 key")
	}
	return arctest.Sealer{Domain: List, Selector: SelectorEd, Key: key, Results: saw}.Seal(msg)
}

// Text returns the zone for dnstest.
func (z *Zone) Text() string { return z.text }

// storeKeys writes the keys of Good, Umlaut and Branch as Postvet reads them, for the user that it
// runs as.
func (z *Zone) storeKeys(dir string) error {
	for _, k := range [][2]string{{Good, Selector}, {Good, SelectorEd}, {Umlaut, Selector}, {Branch, Selector}} {
		der, err := x509.MarshalPKCS8PrivateKey(z.keys[k[1]])
		if err != nil {
			return fmt.Errorf("realmta: %w", err)
		}
		file := filepath.Join(dir, k[0], k[1]+".pem")
		if err := errors.Join(
			os.MkdirAll(filepath.Dir(file), 0o755),
			os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600),
			Give(file),
		); err != nil {
			return err
		}
	}
	return nil
}

// Sign adds a DKIM-Signature of the domain on top of msg, which has CRLF line
// ends. Canonicalization is "simple/simple" or "relaxed/relaxed".
func (z *Zone) Sign(msg []byte, domain, selector, canonicalization string) ([]byte, error) {
	header, body, _ := strings.Cut(canonicalization, "/")
	var signed bytes.Buffer
	err := dkim.Sign(&signed, bytes.NewReader(msg), &dkim.SignOptions{
		Domain: domain, Selector: selector, Signer: z.keys[selector], Hash: crypto.SHA256,
		HeaderCanonicalization: dkim.Canonicalization(header),
		BodyCanonicalization:   dkim.Canonicalization(body),
	})
	if err != nil {
		return nil, fmt.Errorf("realmta: %w", err)
	}
	return signed.Bytes(), nil
}
