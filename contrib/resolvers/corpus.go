//go:build linux

package main

import (
	"bytes"
	"crypto"
	"fmt"
	"net/netip"
	"strings"

	"github.com/emersion/go-msgauth/dkim"

	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
)

// sample is one message with its expected verdict. Each is the only one that concerns
// its author's domain, so none finds its records in a cache that has not seen it.
type sample struct {
	name     string
	envelope message.Envelope
	header   message.Header
	body     []byte
	forged   bool
	want     result.Action
}

// corpus is messages, and the zone that answers for their domains.
type corpus struct {
	samples []sample
	zone    string
}

// draft is a message that is not signed.
func draft(i int, author string) []byte {
	return fmt.Appendf(nil, "From: Somebody <somebody@%s>\r\nTo: <user@here.example>\r\nSubject: message %d\r\nDate: Sat, 28 Nov 2026 10:00:00 +0000\r\nMessage-ID: <%d@%s>\r\n\r\nHello,\r\n\r\nthis is number %d.\r\n", author, i, i, author, i)
}

// sign signs a message.
func sign(msg []byte, domain, selector string, key crypto.Signer) ([]byte, error) {
	var b bytes.Buffer
	err := dkim.Sign(&b, bytes.NewReader(msg), &dkim.SignOptions{
		Domain: domain, Selector: selector, Signer: key, Hash: crypto.SHA256,
		HeaderCanonicalization: dkim.CanonicalizationRelaxed, BodyCanonicalization: dkim.CanonicalizationRelaxed,
	})
	return b.Bytes(), err
}

// newCorpus makes n messages, honest ones and forgeries in turn.
func newCorpus(n int) (*corpus, error) {
	k, err := newKeys()
	if err != nil {
		return nil, err
	}
	z := newZone()
	z.key(forger, "s1", k.other)
	c := &corpus{}
	for i := range n {
		s, err := newSender(i, k)
		if err != nil {
			return nil, err
		}
		z.sender(i, s)
		x, err := newSample(i, s, k)
		if err != nil {
			return nil, fmt.Errorf("corpus: %w", err)
		}
		c.samples = append(c.samples, x)
	}
	c.zone = z.String()
	return c, nil
}

// newSample makes message number i, of a sender or in its name.
func newSample(i int, s sender, k keys) (sample, error) {
	author, from := s.domain, "bounce@"+s.domain
	ip, helo := s.ip, "mx."+s.domain
	signer, selector, key := s.domain, s.selector, s.key
	x := sample{want: result.Accept}
	if x.forged = i%2 == 1; x.forged {
		x.want, ip, helo = result.Reject, forgerHost, "mx."+forger
		key = nil
	}
	switch i % 10 {
	case 0, 4:
		x.name = "honest"
	case 2:
		x.name, from, ip, helo = "forwarded, with a signature", "srs0@"+forwarder, forwarderHost, "mx."+forwarder
	case 6:
		x.name, key = "honest, without a signature", nil
	case 8:
		x.name, from, ip, helo = "bounce with a signature", "", forwarderHost, "mx."+forwarder
	case 1:
		x.name = "forged author and sender"
	case 3:
		x.name, from = "forged author, own sender", "bounce@"+forger
	case 5:
		x.name, from, author = "forged subdomain, own sender and signature", "bounce@"+forger, "news."+s.domain
		signer, selector, key = forger, "s1", k.other
	case 7:
		x.name, from, key = "forged author and signature", "bounce@"+forger, k.other
	case 9:
		x.name, from = "forged bounce", ""
	}
	msg := draft(i, author)
	if key != nil {
		var err error
		if msg, err = sign(msg, signer, selector, key); err != nil {
			return x, err
		}
	}
	x.envelope = message.Envelope{
		Client: message.Client{IP: netip.MustParseAddr(ip)}, Helo: helo, Sender: message.Sender{Path: from}, Recipients: []string{"user@here.example"},
	}
	return x, x.parse(msg)
}

// parse sets the header and the body from a message.
func (x *sample) parse(msg []byte) error {
	header, body, _ := strings.Cut(string(msg), "\r\n\r\n")
	var err error
	x.header, err = message.NewReader(strings.NewReader(header + "\r\n\r\n")).Header()
	x.body = []byte(body)
	return err
}

// bogusSamples returns forgeries in the name of a domain whose records are forged too:
// SPF passes if they are believed.
func bogusSamples() ([]sample, error) {
	var all []sample
	for i := range 10 {
		x := sample{name: "forged records", forged: true, want: result.TempFail, envelope: message.Envelope{
			Client: message.Client{IP: netip.MustParseAddr(forgerHost)}, Helo: "mx." + forger,
			Sender: message.Sender{Path: "bounce@" + bogus}, Recipients: []string{"user@here.example"},
		}}
		if err := x.parse(draft(i, bogus)); err != nil {
			return nil, err
		}
		all = append(all, x)
	}
	return all, nil
}
