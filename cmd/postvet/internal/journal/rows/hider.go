package rows

import (
	"bytes"
	"net/netip"
	"strings"

	"github.com/postvet/postvet/policy/addrlist"
)

// Hider takes from records what names a client, and leaves its network. It is for one
// goroutine.
type Hider struct {
	encoder Encoder
	octets  []byte
	facts   []byte
}

// Hide changes a record as it was read from a store. Of addresses of clients the network
// stays; names from HELO and reverse DNS, and what others said of them, are removed. What
// was changed is valid until the next call. It returns false for a record that names no
// client.
func (h *Hider) Hide(rec *Record) (bool, error) {
	ip, err := netip.ParseAddr(string(rec[ColClient].Octets))
	if err != nil && len(rec[ColHelo].Octets) == 0 {
		return false, nil
	}
	row, err := rec.Row()
	if err != nil {
		return false, err
	}
	hideNames(row)
	row.Cut = true
	var network string
	if ip.IsValid() {
		network = addrlist.NetworkOf(ip).String()
		row.Results.Client.IP = network
	}
	// Addresses has all that is there kept as it is.
	h.encoder.codec = codec{b: h.octets[:0], room: maxFacts, level: Addresses}
	if network != "" {
		h.encoder.hidden, h.encoder.network = string(rec[ColClient].Octets), network
	}
	h.encoder.row(row)
	h.octets, h.encoder.b = h.encoder.b, nil
	var next Record
	if _, err := ReadRecord(h.octets, &next); err != nil {
		return false, err
	}
	h.facts = appendPacked(h.facts[:0], next[ColFacts].Octets)
	if client := rec[ColClient].Octets; network != "" {
		rec[ColOverride].Octets = bytes.ReplaceAll(rec[ColOverride].Octets, client, []byte(network))
	}
	rec[ColClient].Octets, rec[ColHelo].Octets, rec[ColFacts].Octets = next[ColClient].Octets, next[ColHelo].Octets, h.facts
	return true, nil
}

// hideNames removes the names of the client, and the addresses that others have recorded.
func hideNames(row *Row) {
	res, v := row.Results, row.Verdict
	texts := []*string{&res.DMARC.Reason, &v.Text, &v.Sentence}
	for i := range v.Overrides {
		texts = append(texts, &v.Overrides[i].Text)
	}
	for i := range v.Refused {
		texts = append(texts, &v.Refused[i].Text)
	}
	others := map[string]bool{res.Author.Domain: true, res.DMARC.OrganizationalDomain: true, domainOf(res.MailFrom): true}
	for _, name := range []string{res.Client.Helo, res.Client.PTR, res.IPRev.Name} {
		if len(name) < 4 || others[name] {
			continue
		}
		for _, t := range texts {
			*t = strings.ReplaceAll(*t, name, "...")
		}
	}
	for i := range res.SPF {
		s := &res.SPF[i]
		if len(s.Explanation) > 3 {
			for _, t := range texts {
				*t = strings.ReplaceAll(*t, s.Explanation, "...") // it may cite the address in other forms
			}
		}
		s.Explanation = ""
		if s.Domain == res.Client.Helo && !others[s.Domain] { // also of MAIL FROM, if that is null
			s.Domain, s.Reason = "", ""
		}
	}
	res.Client.Helo, res.Client.PTR, res.IPRev.Name, res.IPRev.Reason = "", "", "", ""
	for i := range res.ARC.Sealers {
		r := res.ARC.Sealers[i].Recorded
		if r == nil || r.RemoteIP == "" {
			continue
		}
		ip, err := netip.ParseAddr(r.RemoteIP)
		if r.RemoteIP = ""; err == nil {
			r.RemoteIP = addrlist.NetworkOf(ip).String()
		}
	}
}
