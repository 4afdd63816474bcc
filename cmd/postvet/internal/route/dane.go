package route

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/postvet/postvet/cmd/postvet/internal/advice"
	"github.com/postvet/postvet/cmd/postvet/internal/finding"
	"github.com/postvet/postvet/cmd/postvet/internal/lookups"
	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/policy/dane"
	"github.com/postvet/postvet/policy/foreign"
)

// DANE is what TLSA records say about the hosts (RFC 7672).
type DANE struct {
	State    State        `json:"state"`
	Hosts    []TLSA       `json:"hosts"`
	Findings finding.List `json:"findings"`
}

// TLSA is the TLSA records of one host.
type TLSA struct {
	Host string `json:"host"`
	// Name is where the records stand.
	Name  string `json:"name"`
	State State  `json:"state"`
	// DNSSEC is about the records, or about the proof that there are none.
	DNSSEC  lookups.DNSSEC `json:"dnssec"`
	Records []TLSARecord   `json:"records"`

	base    string // the name that the records belong to
	records []dane.Record
	demands bool // senders that check DANE demand TLS (RFC 7672 section 2.2)
}

// TLSARecord is one record.
type TLSARecord struct {
	Text string `json:"text"` // as in a zone file
	// Unusable says why senders ignore it, "" if they use it.
	Unusable string `json:"unusable,omitempty"`
}

// maxTLSA bounds the records of one host that are shown and compared.
const maxTLSA = 20

func (d *DANE) find(ctx context.Context, l *lookups.Lookups, m *MX) {
	found := make([]TLSA, len(m.Hosts))
	answers := make([]*dnscache.Answer, len(m.Hosts))
	var all sync.WaitGroup
	for i := range m.Hosts {
		if h := &m.Hosts[i]; h.name != "" && len(h.Addresses) > 0 {
			all.Go(func() { found[i], answers[i] = findTLSA(ctx, l, h) })
		}
	}
	all.Wait()
	seen := map[string]bool{}
	for i := range found {
		if t := &found[i]; answers[i] != nil && !seen[t.Host] {
			seen[t.Host] = true
			t.judge(m, &m.Hosts[i], answers[i], &d.Findings)
			d.Hosts = append(d.Hosts, *t)
		}
	}
	d.State = d.state()
	if m.more || slices.ContainsFunc(m.Hosts, func(h Host) bool { return h.failed }) {
		d.State = Unchecked // of a host nothing is known
	}
	d.conclude()
}

// findTLSA looks up the records of one host. Of an alias those of its target count or,
// without any, its own (RFC 7672 section 2.2.2).
func findTLSA(ctx context.Context, l *lookups.Lookups, h *Host) (TLSA, *dnscache.Answer) {
	t := TLSA{Host: h.Name, Records: []TLSARecord{}, State: Absent}
	var a *dnscache.Answer
	for _, base := range []string{l.Addresses(ctx, h.name).Canonical, h.name} {
		if base == "" {
			continue
		}
		t.base = base
		t.Name = "_25._tcp." + foreign.Line(base, advice.MaxText)
		a = l.Lookup(ctx, "_25._tcp."+base, dnscache.TLSA)
		if !a.Outcome.Void() {
			break
		}
	}
	t.DNSSEC = l.DNSSECOf(ctx, a)
	for _, rdata := range a.Data[:min(len(a.Data), maxTLSA)] {
		r, err := dane.Parse(rdata)
		if err != nil {
			t.Records = append(t.Records, TLSARecord{Unusable: "it is too short or too long for a TLSA record"})
			continue
		}
		t.records = append(t.records, r)
		t.Records = append(t.Records, TLSARecord{foreign.Cut(r.String(), advice.MaxRecord), r.Unusable()})
	}
	return t, a
}

// judge sets the state, and adds what is wrong.
func (t *TLSA) judge(m *MX, h *Host, a *dnscache.Answer, list *finding.List) {
	switch {
	case a.Bogus():
		t.State = Broken
		list.Error("the TLSA records of "+t.Host+" do not pass DNSSEC validation: senders that check DANE keep the mail (RFC 7672 section 2.1.2)", bogusFix(t.Name))
		return
	case !a.Outcome.Known():
		t.State = Unchecked
		list.DNSFailure(lookups.Failure("the TLSA records", t.Name, a) + "; if that is so for senders that check DANE, they keep the mail (RFC 7672 section 2.1.2)")
		return
	case len(t.Records) == 0:
		return
	}
	if n := len(a.Data); n > maxTLSA {
		list.Warning(fmt.Sprintf("%s has %d TLSA records; only the first %d were checked", t.Host, n, maxTLSA), "")
	}
	t.judgeRecords(list)
	unsigned := ""
	switch {
	case m.DNSSEC == lookups.Insecure:
		unsigned = "the MX records"
	case h.DNSSEC == lookups.Insecure:
		unsigned = "the addresses of " + t.Host
	case t.DNSSEC == lookups.Insecure:
		unsigned = "they"
	}
	secure := m.DNSSEC == lookups.Secure && h.DNSSEC == lookups.Secure && t.DNSSEC == lookups.Secure
	t.demands = secure
	switch {
	case unsigned != "":
		t.State = Broken
		list.Warning("the TLSA records of "+t.Host+" are useless, as "+unsigned+" are not signed: senders ignore them (RFC 7672 section 2.1)",
			"sign the zones of the domain and of "+t.Host+" by DNSSEC, or remove the TLSA records")
	case len(dane.Strongest(t.records)) == 0:
		t.State = Broken
		list.Warning("no TLSA record of "+t.Host+" can be used: senders demand TLS, but cannot tell a forged server (RFC 7672 section 2.2)",
			advice.Publish(t.Name, "TLSA 3 1 1 ...")+" with the SHA-256 digest of the server's public key; postvet route --connect prints it")
	case secure:
		t.State = Works
		t.judgeRollover(list)
	default:
		t.State = Unchecked
	}
}

// judgeRecords adds what is wrong with single records.
func (t *TLSA) judgeRecords(list *finding.List) {
	for _, r := range t.Records {
		if r.Unusable != "" {
			list.Add(finding.Warning, "a TLSA record of "+t.Host+" is ignored: "+r.Unusable, removal(t.Name, r.Text))
		}
	}
	certificate := false
	for _, r := range dane.Strongest(t.records) {
		certificate = certificate || r.Usage == dane.DANEEE && r.Selector == dane.Cert
	}
	if certificate {
		list.Note("a TLSA record of "+t.Host+" is about the certificate (selector 0), so that each renewal needs a new record", "publish records with selector 1, and renew certificates with the same key")
	}
}

// judgeRollover says whether the key of the server can change without a gap (RFC 7671
// section 8.1).
func (t *TLSA) judgeRollover(list *finding.List) {
	authorities, servers := 0, 0
	for _, r := range dane.Strongest(t.records) {
		if r.Usage == dane.DANETA {
			authorities++
		} else {
			servers++
		}
	}
	switch {
	case servers > 0 && authorities > 0:
		list.OK(t.Host + " has TLSA records of its key and of an authority: a new key of the same authority leaves no gap")
	case servers > 1:
		list.OK(t.Host + " has TLSA records of two keys: one may follow the other without a gap")
	case servers == 1:
		list.Note("the one TLSA record of "+t.Host+" is about one key: mail is kept back if the key changes first", "publish the record of the next key beside it, and change the key when the TTL has passed twice")
	case authorities > 0:
		list.OK(t.Host + " has TLSA records of an authority, whose certificate the server must send too")
	}
}

// state returns the state of all hosts together.
func (d *DANE) state() State {
	count := map[State]int{}
	for _, t := range d.Hosts {
		count[t.State]++
	}
	n := len(d.Hosts)
	switch {
	case n == 0 || count[Unchecked] > 0:
		return Unchecked
	case count[Absent] == n:
		return Absent
	case count[Works] == n:
		return Works
	case count[Works] > 0:
		return Partly
	}
	return Broken
}

// conclude adds what follows for the domain.
func (d *DANE) conclude() {
	switch d.State {
	case Works:
		d.Findings.OK("DANE: senders that check it deliver to no forged server")
	case Partly:
		var without []string
		for _, t := range d.Hosts {
			if t.State == Absent {
				without = append(without, t.Host)
			}
		}
		if len(without) > 0 {
			d.Findings.Warning("DANE does not hold for "+strings.Join(without, ", ")+": whoever keeps senders from the other hosts can take their place there", "publish TLSA records of each host")
		}
	}
}

// maxShown bounds a record that is to be found again by its text.
const maxShown = 300

// removal returns the fix that removes a record, the zero value for one that cannot be
// shown.
func removal(name, text string) finding.Fix {
	switch {
	case text == "":
		return finding.Fix{}
	case len(text) > maxShown:
		return finding.Advise("remove the TLSA record of " + name + ". that begins with " + text[:40])
	}
	return advice.Remove(name, "TLSA "+text)
}
