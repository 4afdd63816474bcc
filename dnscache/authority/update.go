package authority

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/miekg/dns"
)

// Change replaces the TXT records of a name. The server makes it only if the name has
// what From says, so that nobody's record is lost.
type Change struct {
	Name string
	// From are the records that the name must have, as [Ask] returned them: none if
	// there must be none.
	From []Record
	// To is the text of the one record afterwards, "" for none.
	To  string
	TTL time.Duration
}

// ErrConflict is the error of a change whose name does not have what From says.
var ErrConflict = errors.New("another TXT record stands at the name, or the record has changed")

// Update has a server make a change: it finds the zone of the name, and sends one update
// that is made as a whole or not at all. key may be nil: then the address of this machine
// must be allowed to make updates.
func Update(ctx context.Context, addr netip.AddrPort, key *Key, c Change) error {
	zone, err := zoneOf(ctx, addr, c.Name)
	if err != nil {
		return err
	}
	m, err := c.message(zone)
	if err != nil {
		return err
	}
	client := dns.Client{Net: "tcp", Timeout: Timeout}
	if key != nil {
		m.SetTsig(dns.Fqdn(key.Name), key.algorithm, 300, time.Now().Unix())
		client.TsigSecret = map[string]string{dns.Fqdn(key.Name): key.secret()}
	}
	resp, _, err := client.ExchangeContext(ctx, m, addr.String())
	if resp == nil {
		return failure(err)
	}
	var tsig uint16
	if t := resp.IsTsig(); t != nil {
		tsig = t.Error
	}
	switch {
	case tsig == dns.RcodeBadKey:
		return fmt.Errorf("the server does not know the TSIG key %s (BADKEY)", key)
	case tsig == dns.RcodeBadSig:
		return fmt.Errorf("the server has another secret or algorithm for the TSIG key %s (BADSIG)", key)
	case tsig == dns.RcodeBadTime:
		return errors.New("the clocks of the server and of this machine differ by more than five minutes (BADTIME)")
	case resp.Rcode == dns.RcodeYXRrset, resp.Rcode == dns.RcodeNXRrset, resp.Rcode == dns.RcodeYXDomain, resp.Rcode == dns.RcodeNameError:
		return ErrConflict
	case resp.Rcode != dns.RcodeSuccess:
		return errors.New(rcode(resp.Rcode))
	case err != nil:
		return errors.New("the answer to the update does not verify by the TSIG key")
	case key != nil && resp.IsTsig() == nil: // RFC 8945 section 5.3: anybody could have sent it
		return errors.New("the answer to the update is not signed by the TSIG key")
	}
	return nil
}

// message returns the update (RFC 2136 section 2).
func (c Change) message(zone string) (*dns.Msg, error) {
	name := dns.Fqdn(c.Name)
	m := new(dns.Msg).SetUpdate(zone)
	if len(c.From) == 0 {
		m.RRsetNotUsed([]dns.RR{&dns.TXT{Hdr: dns.RR_Header{Name: name, Rrtype: dns.TypeTXT, Class: dns.ClassINET}}})
	} else {
		var exact []dns.RR
		for _, r := range c.From {
			if r.rr == nil {
				return nil, errors.New("a record that did not come from a server")
			}
			rr := dns.Copy(r.rr)
			rr.Header().Name = name
			exact = append(exact, rr)
		}
		m.Used(exact)
		m.RemoveRRset(exact[:1])
	}
	if c.To != "" {
		ttl := max(c.TTL, time.Minute)
		m.Insert([]dns.RR{&dns.TXT{
			Hdr: dns.RR_Header{Name: name, Rrtype: dns.TypeTXT, Class: dns.ClassINET, Ttl: uint32(ttl / time.Second)},
			Txt: split(c.To),
		}})
	}
	return m, nil
}
