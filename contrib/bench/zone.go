package main

import (
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/postvet/postvet/dnscache/dnstest"
)

// zone is the text of a zone file with the records of the corpus.
type zone struct{ strings.Builder }

func newZone() *zone {
	z := &zone{}
	fmt.Fprintf(z, "$TTL %d\n. SOA ns.test. hostmaster.test. 1 3600 600 86400 300\n. NS ns.test.\nns.test. A 127.0.0.1\n", ttl)
	return z
}

// text adds a TXT record.
func (z *zone) text(name, value string) { z.WriteString(dnstest.TXT(name, value)) }

// host adds a host whose name and address lead to each other.
func (z *zone) host(c Client) {
	fmt.Fprintf(z, "%s. A %s\n", c.Host, c.IP)
	o := strings.Split(c.IP, ".")
	fmt.Fprintf(z, "%s.%s.%s.%s.in-addr.arpa. PTR %s.\n", o[3], o[2], o[1], o[0], c.Host)
}

// addProviders adds the providers that send for others, and the forwarders.
func (z *zone) addProviders() {
	for p := range providers {
		name := fmt.Sprintf("provider%d.net", p)
		z.text("_spf."+name, fmt.Sprintf("v=spf1 include:_a.%s include:_b.%s ~all", name, name))
		z.text("_a."+name, fmt.Sprintf("v=spf1 ip4:198.18.%d.0/25 ip6:2001:db8:%x::/48 ~all", p, p))
		z.text("_b."+name, fmt.Sprintf("v=spf1 ip4:198.18.%d.128/25 ~all", p))
		for h := range outbound {
			c := outboundHost(p, h)
			z.host(c)
			z.text(c.Host, "v=spf1 a -all")
		}
	}
	for i := range forwarders {
		z.host(forwarder(i))
	}
}

func (z *zone) addKeys(k keys) {
	if k.rsa != nil {
		z.text("rsa._domainkey."+k.domain, recordOf(&k.rsa.PublicKey))
	}
	if k.ed25519 != nil {
		z.text("ed._domainkey."+k.domain, "v=DKIM1; k=ed25519; p="+base64.StdEncoding.EncodeToString(k.ed25519.Public().(ed25519.PublicKey)))
	}
}

func (z *zone) addDomain(r *rand.Rand, d *domain) {
	z.addKeys(d.keys)
	if d.policy != "" {
		z.text("_dmarc."+d.name, fmt.Sprintf("v=DMARC1; p=%s; rua=mailto:agg@%s", d.policy, d.name))
	}
	// Mail does not come from the host of the web site.
	fmt.Fprintf(z, "%s. A 203.0.113.80\n%s. MX 10 mx.%s.\nnews.%s. A 203.0.113.80\n", d.name, d.name, d.name, d.name)
	own := Client{IP: "203.0.113.25", Host: "mx." + d.name}
	if d.client.Host == own.Host {
		z.host(d.client)
	} else {
		fmt.Fprintf(z, "%s. A %s\n", own.Host, own.IP)
	}
	z.text(own.Host, "v=spf1 a -all")
	switch d.shape {
	case spfAddress:
		z.text(d.name, fmt.Sprintf("v=spf1 ip4:%s -all", d.client.IP))
	case spfHosts:
		z.text(d.name, "v=spf1 a mx -all")
	case spfProvider:
		z.text(d.name, fmt.Sprintf("v=spf1 include:_spf.%s ip4:203.0.113.9 -all", provider(d.client)))
	case spfTwo:
		z.text(d.name, fmt.Sprintf("v=spf1 include:_spf.provider%d.net include:_spf.%s mx ~all", r.IntN(providers), provider(d.client)))
	case spfRedirect:
		z.text(d.name, "v=spf1 redirect=_r."+d.name)
		z.text("_r."+d.name, fmt.Sprintf("v=spf1 ip4:%s/32 -all", d.client.IP))
	}
}

// provider returns the domain that an outbound host belongs to.
func provider(c Client) string {
	_, name, _ := strings.Cut(c.Host, ".")
	return name
}

// recordOf returns the record of an RSA key.
func recordOf(key *rsa.PublicKey) string {
	der, _ := x509.MarshalPKIXPublicKey(key) // a public RSA key always marshals
	return "v=DKIM1; k=rsa; p=" + base64.StdEncoding.EncodeToString(der)
}
