//go:build linux

package main

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/postvet/postvet/dnscache/dnstest"
)

// The domains that are no senders. All addresses are of RFC 2544, for which no resolver has
// a zone of its own.
const (
	// forger is a domain of the forger with SPF and a DKIM key of its own.
	forger = "forger.example"
	// forgerHost sends the forgeries. Its address has a confirmed name.
	forgerHost = "198.19.0.66"
	// forwarder is a host that forwards honest mail, with SPF for itself.
	forwarder     = "forwarder.example"
	forwarderHost = "198.19.0.7"
	// bogus is a domain whose records a forger has changed on their way to the
	// resolver. It is signed, so a validating resolver notices.
	bogus = "bogus.example"
)

// sender is a domain that publishes p=reject, and the keys to what it publishes.
type sender struct {
	domain, selector string
	ip               string
	key              crypto.Signer
}

// keys are the keys of all senders. RSA keys take a while to make, so they share one.
type keys struct {
	rsa   *rsa.PrivateKey
	other ed25519.PrivateKey // published nowhere
}

func newKeys() (keys, error) {
	var k keys
	var err error
	if k.rsa, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		return k, err
	}
	_, k.other, err = ed25519.GenerateKey(rand.Reader)
	return k, err
}

// newSender returns sender number i. One in five has an RSA key, whose record is
// long, and the others Ed25519.
func newSender(i int, k keys) (sender, error) {
	s := sender{domain: fmt.Sprintf("sender%d.example", i), selector: "s1", ip: fmt.Sprintf("198.18.%d.%d", i/250, 1+i%250), key: k.rsa}
	if i%5 == 4 {
		return s, nil
	}
	_, key, err := ed25519.GenerateKey(rand.Reader)
	s.key = key
	return s, err
}

// zone is the text of a zone file.
type zone struct{ strings.Builder }

// newZone returns the zone without senders. The names of the top level are those that
// a test of the resolver may ask for.
func newZone() *zone {
	z := &zone{}
	z.WriteString("$TTL 3600\n. SOA ns.example. hostmaster.example. 1 3600 600 86400 300\n. NS ns.example.\nns.example. A 127.0.0.1\n")
	for _, top := range []string{"com", "org", "net", "example"} {
		fmt.Fprintf(z, "%[1]s. SOA ns.example. hostmaster.example. 1 3600 600 86400 300\n%[1]s. NS ns.example.\n", top)
	}
	z.text("ready.example", "yes")
	for _, host := range [][2]string{{forger, forgerHost}, {forwarder, forwarderHost}} {
		z.host("mx."+host[0], host[1])
		z.text(host[0], "v=spf1 ip4:"+host[1]+" -all")
		z.text("mx."+host[0], "v=spf1 a -all")
	}
	z.text(bogus, "v=spf1 ip4:"+forgerHost+" -all")
	z.text("_dmarc."+bogus, "v=DMARC1; p=none")
	return z
}

// text adds a TXT record.
func (z *zone) text(name, value string) { z.WriteString(dnstest.TXT(name, value)) }

// host adds a host whose name and address lead to each other.
func (z *zone) host(name, ip string) {
	o := strings.Split(ip, ".")
	fmt.Fprintf(z, "%s. A %s\n%s.%s.%s.%s.in-addr.arpa. PTR %s.\n", name, ip, o[3], o[2], o[1], o[0], name)
}

// key adds a DKIM key.
func (z *zone) key(domain, selector string, key crypto.Signer) {
	name := selector + "._domainkey." + domain
	if public, ok := key.Public().(ed25519.PublicKey); ok {
		z.text(name, "v=DKIM1; k=ed25519; p="+base64.StdEncoding.EncodeToString(public))
		return
	}
	der, _ := x509.MarshalPKIXPublicKey(key.Public()) // a public RSA key always marshals
	z.text(name, "v=DKIM1; k=rsa; p="+base64.StdEncoding.EncodeToString(der))
}

// sender adds what a sender publishes. The forms of SPF take turns. One sender in ten
// has more TXT records than a datagram holds.
func (z *zone) sender(i int, s sender) {
	z.host("mx."+s.domain, s.ip)
	z.text("mx."+s.domain, "v=spf1 a -all")
	fmt.Fprintf(z, "%[1]s. MX 10 mx.%[1]s.\n%[1]s. A 198.19.1.80\n", s.domain)
	z.text("_dmarc."+s.domain, "v=DMARC1; p=reject")
	z.key(s.domain, s.selector, s.key)
	switch i % 4 {
	case 0:
		z.text(s.domain, "v=spf1 ip4:"+s.ip+" -all")
	case 1:
		z.text(s.domain, "v=spf1 a mx -all")
	case 2:
		z.text(s.domain, "v=spf1 include:_spf."+s.domain+" -all")
		z.text("_spf."+s.domain, "v=spf1 ip4:"+s.ip+" ?all")
	case 3:
		z.text(s.domain, "v=spf1 redirect=_spf."+s.domain)
		z.text("_spf."+s.domain, "v=spf1 a:mx."+s.domain+" -all")
	}
	for n := range 20 {
		if i%10 == 4 {
			z.text(s.domain, fmt.Sprintf("verification-%02d=%s", n, strings.Repeat("x", 100)))
		}
	}
}
