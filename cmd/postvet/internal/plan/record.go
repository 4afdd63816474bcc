package plan

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/postvet/postvet/cmd/postvet/internal/finding"
	"github.com/postvet/postvet/policy/bimi"
	"github.com/postvet/postvet/policy/dane"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/mtasts"
	"github.com/postvet/postvet/policy/spf"
)

// Record is a record to publish or to remove, in the forms in which it is entered.
type Record struct {
	Remove bool   `json:"remove"`
	Name   string `json:"name"`
	Type   string `json:"type"`
	TTL    int    `json:"ttl"`
	// Data is the record as zone files have it, BIND the whole line.
	Data string `json:"data"`
	BIND string `json:"bind"`
	// Host and Value are what web panels ask for: the name without the zone, "@" for the
	// zone itself, and the data without quotes. Priority is that of an MX record, which
	// most panels ask for apart; -1 for other types.
	Host     string `json:"host"`
	Value    string `json:"value"`
	Priority int    `json:"priority"`
}

// ttl is the TTL of records that are proposed: an hour, so that a mistake is soon gone.
const ttl = 3600

// newRecord returns the forms of a change.
func newRecord(zone string, c *finding.Change) Record {
	r := Record{Remove: c.Remove, Name: c.Name, Type: c.Type, TTL: ttl, Data: c.Data, Value: c.Data, Host: hostIn(c.Name, zone), Priority: -1}
	r.BIND = strings.TrimRight(fmt.Sprintf("%s. %d IN %s %s", c.Name, ttl, c.Type, c.Data), " ")
	switch c.Type {
	case "TXT":
		r.Value, _ = unquote(c.Data)
	case "MX":
		preference, host, _ := strings.Cut(c.Data, " ")
		r.Priority, _ = strconv.Atoi(preference)
		r.Value = host
	}
	return r
}

// hostIn returns a name as panels ask for it.
func hostIn(name, zone string) string {
	if name == zone {
		return "@"
	}
	if host, ok := strings.CutSuffix(name, "."+zone); ok {
		return host
	}
	return name
}

// The errors of changes.
var (
	errName = errors.New("no name of a record")
	errData = errors.New("no data of a record")
)

// Check parses a change: its name, its data as zone files have it, and the text of a TXT
// record by the standard that it is of. The error says what is wrong.
func Check(c *finding.Change) error {
	name, ok := message.NormalizeDomain(strings.TrimPrefix(c.Name, "*."))
	if !ok || name != strings.TrimPrefix(c.Name, "*.") || len(c.Name) > 253 {
		return errName
	}
	if strings.ContainsAny(c.Data, "\n\r") {
		return errData
	}
	if c.Remove {
		return nil // as it stands there
	}
	switch c.Type {
	case "TXT":
		text, err := unquote(c.Data)
		if err != nil {
			return err
		}
		return checkText(c, text)
	case "MX":
		preference, host, _ := strings.Cut(c.Data, " ")
		if _, err := strconv.ParseUint(preference, 10, 16); err != nil {
			return errData
		}
		return checkHost(host)
	case "PTR":
		return checkHost(c.Data)
	case "A", "AAAA":
		if ip, err := netip.ParseAddr(c.Data); err != nil || ip.Is4() != (c.Type == "A") {
			return errData
		}
		return nil
	case "TLSA":
		r, err := dane.ParseText(c.Data)
		if err == nil && r.Unusable() != "" {
			err = errors.New(r.Unusable())
		}
		return err
	}
	return errors.New("no type of record that is proposed")
}

// checkHost checks the name of a host with its dot at the end.
func checkHost(data string) error {
	host, ok := strings.CutSuffix(data, ".")
	if name, valid := message.NormalizeDomain(host); !ok || !valid || name != host {
		return errData
	}
	return nil
}

// standard is the standard of a TXT record.
type standard string

// The standards.
const (
	ofSPF    standard = "spf"
	ofDKIM   standard = "dkim"
	ofDMARC  standard = "dmarc"
	ofMTASTS standard = "mta-sts"
	ofTLSRPT standard = "tls-rpt"
	ofBIMI   standard = "bimi"
)

// standardOf returns the standard of a TXT record by where it stands.
func standardOf(c *finding.Change) standard {
	switch {
	case strings.Contains(c.Name, "._domainkey."):
		return ofDKIM
	case strings.HasPrefix(c.Name, "_mta-sts."):
		return ofMTASTS
	case strings.HasPrefix(c.Name, "_smtp._tls."):
		return ofTLSRPT
	case strings.Contains(c.Name, "._bimi."):
		return ofBIMI
	case strings.HasPrefix(c.Data, `"v=DMARC1`):
		return ofDMARC
	}
	return ofSPF
}

// checkText parses the text of a TXT record.
func checkText(c *finding.Change, text string) (err error) {
	switch standardOf(c) {
	case ofSPF:
		_, err = spf.ParseRecord(text)
	case ofDKIM:
		_, err = dkim.ParseKey(text)
	case ofDMARC:
		var r *dmarc.Record
		if r, err = dmarc.ParseRecord(text); err == nil && (r.Processing != dmarc.ProcessAsPublished || !onlyPercent(r.Problems)) {
			err = errData
		}
	case ofMTASTS:
		_, err = mtasts.ParseRecord(text)
	case ofTLSRPT:
		_, err = mtasts.ParseReporting(text)
	case ofBIMI:
		_, err = bimi.ParseRecord(text)
	}
	return err
}

// onlyPercent reports whether nothing is wrong with a DMARC record but that it has pct=. A
// record keeps it where receivers that go by RFC 7489 would treat more mail without it.
func onlyPercent(problems []string) bool {
	return len(problems) == 0 || len(problems) == 1 && strings.HasPrefix(problems[0], "pct= ")
}

// TextOf returns the text of a TXT record, "" if it cannot be read.
func TextOf(c *finding.Change) string {
	text, err := unquote(c.Data)
	if err != nil {
		return ""
	}
	return text
}

// unquote returns the text of the strings of a TXT record (RFC 1035 section 5.1).
func unquote(data string) (string, error) {
	var b strings.Builder
	for data != "" {
		if data[0] != '"' {
			return "", errData
		}
		data = data[1:]
		length := 0
		for ; data != "" && data[0] != '"'; length++ {
			if data[0] != '\\' {
				b.WriteByte(data[0])
				data = data[1:]
				continue
			}
			octet, n, err := escaped(data)
			if err != nil {
				return "", err
			}
			b.WriteByte(octet)
			data = data[n:]
		}
		if data == "" || length > 255 {
			return "", errData
		}
		if data = data[1:]; data != "" {
			if data[0] != ' ' || len(data) == 1 {
				return "", errData
			}
			data = data[1:]
		}
	}
	return b.String(), nil
}

// escaped returns the octet of an escape and the length of the escape.
func escaped(s string) (octet byte, n int, err error) {
	switch {
	case len(s) >= 4 && s[1] >= '0' && s[1] <= '9':
		v, err := strconv.ParseUint(s[1:4], 10, 8)
		return byte(v), 4, err
	case len(s) >= 2:
		return s[1], 2, nil
	}
	return 0, 0, errData
}
