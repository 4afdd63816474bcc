package patterns

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"

	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/spf"
)

const today = 20786

// pass returns genuine mail of a domain, which passes SPF, a signature or both.
func pass(org, ip string, bySPF, bySignature bool) *result.Results {
	res := &result.Results{MailFrom: "ann@" + org, Client: result.ClientResult{IP: ip}, Arrived: time.Unix(today*86400+3600, 0)}
	res.Author.Domain = org
	res.DMARC = dmarc.Result{Status: dmarc.Pass, OrganizationalDomain: org, SPFAligned: bySPF, DKIMAligned: bySignature}
	status := spf.Fail
	if bySPF {
		status = spf.Pass
	}
	res.SPF = []spf.Result{{Identity: spf.MailFrom, Domain: org, Status: status}}
	if bySignature {
		res.DKIM = []dkim.Result{{Domain: "mail." + org, Status: dkim.Pass}}
	}
	return res
}

// sorted returns rows in the order that a builder needs.
func sorted(rows []Row) []Row {
	slices.SortFunc(rows, Row.Compare)
	return rows
}

func TestLearn(t *testing.T) {
	t.Parallel()
	network := func(n, unsigned int64) Row { return Row{"a.example", Network, "192.0.2.0/24", today, n, unsigned} }
	forwarder := Row{"a.example", Forwarder, "192.0.2.0/24", today, 1, 0}
	signer := func(n int64) Row { return Row{"a.example", Signer, "mail.a.example", today, n, 0} }
	for _, tt := range []struct {
		name   string
		change func(*result.Results)
		want   []Row
	}{
		{"signed", func(*result.Results) {}, []Row{network(3, 0), signer(3)}},
		{"unsigned", func(r *result.Results) { r.DKIM = nil }, []Row{network(3, 3)}},
		{"a broken signature is one", func(r *result.Results) { r.DKIM[0].Status = dkim.Fail }, []Row{network(3, 0)}},
		{"signed by another alone", func(r *result.Results) { r.DKIM[0].Domain = "b.example" }, []Row{network(3, 3)}},
		{"through a forwarder, or replayed", func(r *result.Results) { r.DMARC.SPFAligned, r.SPF[0].Status = false, spf.Fail }, []Row{forwarder, signer(1)}},
		{"of a domain without an SPF record", func(r *result.Results) { r.DMARC.SPFAligned, r.SPF[0].Status = false, spf.None }, []Row{network(1, 0), signer(1)}},
		{"from a sender of another without an SPF record", func(r *result.Results) {
			r.DMARC.SPFAligned, r.SPF[0] = false, spf.Result{Identity: spf.MailFrom, Domain: "b.example", Status: spf.None}
		}, []Row{forwarder, signer(1)}},
		{"it fails", func(r *result.Results) { r.DMARC.Status = dmarc.Fail }, nil},
		{"undecided", func(r *result.Results) { r.DMARC.Status = dmarc.TempError }, nil},
		{"exempt", func(r *result.Results) { r.Exempt = result.ExemptAuthenticated }, nil},
		{"of a user", func(r *result.Results) { r.User = "ann" }, nil},
		{"a relay hides the client", func(r *result.Results) { r.Client.Hidden = "x" }, nil},
		{"made on a relay", func(r *result.Results) { r.Client.Inside = true }, nil},
		{"no client", func(r *result.Results) { r.Client.IP = "" }, nil},
		{"no domain", func(r *result.Results) { r.DMARC.OrganizationalDomain = "" }, nil},
	} {
		res := pass("a.example", "192.0.2.1", true, true)
		tt.change(res)
		var l Learner
		for range 3 {
			l.Learn(res, nil)
		}
		if got := sorted(l.Take(today)); !slices.Equal(got, sorted(tt.want)) {
			t.Errorf("%s: %+v, want %+v", tt.name, got, tt.want)
		}
		if again := l.Take(today); again != nil {
			t.Errorf("%s: %+v is taken twice", tt.name, again)
		}
	}
	var l Learner
	replayed := pass("a.example", "192.0.2.1", false, true)
	l.Learn(replayed, nil)
	l.Take(today)
	l.Learn(replayed, nil)
	if again := l.Take(today); again != nil {
		t.Errorf("a replay after the first write counts again: %+v", again)
	}
	l.Learn(pass("sub.a.example", "192.0.2.1", true, true), nil)
	l.Learn(pass("nota.example", "192.0.2.1", true, true), nil)
	l.Forget("a.example")
	if got := sorted(l.Take(today)); len(got) != 2 || got[0].Org != "nota.example" {
		t.Errorf("after Forget: %+v", got)
	}
}

// TestLearnKeepsNoHeader: what is learned keeps no header in memory of which its domains are
// parts.
func TestLearnKeepsNoHeader(t *testing.T) {
	t.Parallel()
	header := strings.Repeat("x", 1000) + "mail.a.example"
	domain := header[1000:]
	res := pass("a.example", "192.0.2.1", true, true)
	res.DMARC.OrganizationalDomain, res.DKIM[0].Domain = domain[len("mail."):], domain
	var l Learner
	l.Learn(res, nil)
	rows := l.Take(today)
	if len(rows) != 2 {
		t.Fatalf("%+v", rows)
	}
	for _, r := range rows {
		if unsafe.StringData(r.Org) == unsafe.StringData(res.DMARC.OrganizationalDomain) || unsafe.StringData(r.Name) == unsafe.StringData(domain) {
			t.Errorf("%+v is a part of the header", r)
		}
	}
	for owner := range l.days[today].owners {
		if unsafe.StringData(owner) == unsafe.StringData(res.DMARC.OrganizationalDomain) {
			t.Errorf("%s is a part of the header", owner)
		}
	}
}

// know returns what rows say.
func know(rows ...Row) *Known {
	b := NewBuilder(today)
	for _, r := range sorted(rows) {
		b.Add(r)
	}
	return b.Known()
}

// days returns a row for each of some days.
func days(from, n int, r Row) (rows []Row) {
	for i := range n {
		r.Day = int64(today - from - i)
		rows = append(rows, r)
	}
	return rows
}

func TestSignsAll(t *testing.T) {
	t.Parallel()
	signed := Row{Org: "a.example", Kind: Network, Name: "192.0.2.0/24", N: 10}
	unsigned := Row{Org: "a.example", Kind: Network, Name: "198.51.100.0/24", N: 1, Unsigned: 1}
	for _, tt := range []struct {
		name                  string
		rows                  []Row
		established, signsAll bool
	}{
		{"nothing", nil, false, false},
		{"six days", days(0, MinDays-1, signed), false, false},
		{"seven days", days(0, MinDays, signed), true, true},
		{"seven days, but few messages", days(0, MinDays, Row{Org: "a.example", Kind: Network, Name: "192.0.2.0/24", N: 2}), false, false},
		{"two weeks ago", days(StaleDays-1, MinDays, signed), true, true},
		{"longer ago", days(StaleDays, MinDays, signed), true, false},
		{"too long ago", days(Days, 90, signed), false, false},
		{"from the future", days(-MinDays, MinDays, signed), false, false},
		{"unsigned mail long ago, among little", append(days(0, 30, signed), days(20, 1, unsigned)...), true, false},
		{"unsigned mail long ago, among much", slices.Concat(days(0, 30, signed), days(0, 19, Row{Org: "a.example", Kind: Network, Name: "203.0.113.0/24", N: 1}), days(20, 1, unsigned)), true, true},
		{"unsigned mail of this week, among much", slices.Concat(days(0, 30, signed), days(0, 30, Row{Org: "a.example", Kind: Network, Name: "203.0.113.0/24", N: 1}), days(UnsignedDays-1, 1, unsigned)), true, false},
		{"by replays alone", days(0, 30, Row{Org: "a.example", Kind: Forwarder, Name: "192.0.2.0/24", N: 1}), false, false},
	} {
		d, _ := know(tt.rows...).Domain("a.example")
		if d.Established != tt.established || d.SignsAll != tt.signsAll {
			t.Errorf("%s: %+v", tt.name, d)
		}
	}
}

func TestForwarder(t *testing.T) {
	t.Parallel()
	through := func(domains, n int, suffix string) (rows []Row) {
		for i := range domains {
			rows = append(rows, days(0, n, Row{Org: fmt.Sprintf("d%d%s", i, suffix), Kind: Forwarder, Name: "192.0.2.0/24", N: 1})...)
		}
		return rows
	}
	p := netip.MustParsePrefix("192.0.2.0/24")
	for _, tt := range []struct {
		name string
		rows []Row
		want bool
	}{
		{"three domains", through(ForwarderDomains-1, 30, ".example"), false},
		{"four domains on four days", through(ForwarderDomains, ForwarderDays-1, ".example"), false},
		{"four domains on five days", through(ForwarderDomains, ForwarderDays, ".example"), true},
		{"many domains of one owner", through(100, 30, ".evil.example"), false},
	} {
		if _, ok := know(tt.rows...).Forwarder(p); ok != tt.want {
			t.Errorf("%s: %v", tt.name, ok)
		}
	}
}

func TestObserve(t *testing.T) {
	t.Parallel()
	known := know(slices.Concat(
		days(0, 10, Row{Org: "a.example", Kind: Network, Name: "192.0.2.0/24", N: 10}),
		days(0, 10, Row{Org: "b.example", Kind: Network, Name: "192.0.2.0/24", N: 10, Unsigned: 5}),
		days(0, 10, Row{Org: "desk.example", Kind: Network, Name: "203.0.113.0/24", N: 10, Unsigned: 10}),
	)...)
	for _, tt := range []struct {
		name               string
		org                string
		change             func(*result.Results)
		signsAll, forwards result.Presence
	}{
		{"signs all", "a.example", func(*result.Results) {}, result.Present, result.Absent},
		{"does not sign all", "b.example", func(*result.Results) {}, result.Absent, result.Absent},
		{"unknown", "c.example", func(*result.Results) {}, "", result.Absent},
		{"from a service", "a.example", func(r *result.Results) {
			r.SPF = []spf.Result{{Identity: spf.MailFrom, Domain: "bounce.desk.example", Status: spf.Pass}}
		}, result.Present, result.Present},
		{"signed by a service", "a.example", func(r *result.Results) {
			r.DKIM = []dkim.Result{{Domain: "desk.example", Status: dkim.Pass}}
		}, result.Present, result.Present},
		{"in the name of a service", "a.example", func(r *result.Results) {
			r.SPF = []spf.Result{{Identity: spf.MailFrom, Domain: "desk.example", Status: spf.Fail}}
			r.DKIM = []dkim.Result{{Domain: "desk.example", Status: dkim.Fail}}
		}, result.Present, result.Absent},
		{"the author is no service", "a.example", func(r *result.Results) {
			r.SPF = []spf.Result{{Identity: spf.MailFrom, Domain: "a.example", Status: spf.Pass}}
		}, result.Present, result.Absent},
	} {
		res := pass(tt.org, "198.51.100.1", false, false)
		res.DMARC.Status = dmarc.Fail
		tt.change(res)
		var o result.Observed
		known.Observe(&o, res)
		if o.SignsAll.State != tt.signsAll || o.Forwarder.State != tt.forwards {
			t.Errorf("%s: %+v", tt.name, o)
		}
	}
	var o result.Observed
	(*Known)(nil).Observe(&o, pass("a.example", "192.0.2.1", false, false))
	if o != (result.Observed{}) {
		t.Errorf("nothing is known: %+v", o)
	}
}

// A flood of domains, networks and days stays within the bounds, and displaces nothing that is
// known.
func TestLearnerIsBounded(t *testing.T) {
	t.Parallel()
	known := know(days(0, 10, Row{Org: "known.example", Kind: Network, Name: "192.0.2.0/24", N: 10})...)
	var l Learner
	var group sync.WaitGroup
	for part := range 4 {
		group.Go(func() {
			for i := range 10_000 {
				ip := netip.AddrFrom4([4]byte{byte(10 + part), byte(i >> 8), byte(i), 1}).String()
				l.Learn(pass(fmt.Sprintf("d%d-%d.example", part, i), ip, true, true), known)
				l.Learn(pass(fmt.Sprintf("e%d-%d.example", part, i), "203.0.113.1", true, true), known)
				l.Learn(pass("victim.example", ip, false, true), known)
				late := pass("late.example", ip, true, true)
				late.Arrived = late.Arrived.Add(time.Duration(i%100) * 24 * time.Hour)
				l.Learn(late, known)
			}
		})
	}
	group.Wait()
	l.Learn(pass("known.example", "192.0.2.1", true, true), known)
	rows := l.Take(today)
	orgs, victim, fresh, ofOne, kept := map[string]bool{}, 0, 0, 0, 0
	for _, r := range rows {
		if r.Day == today {
			if !orgs[r.Org] {
				fresh++
			}
			orgs[r.Org] = true
		} else if r.Day != today+1 && r.Org != "late.example" {
			t.Errorf("%+v", r)
		}
		switch {
		case r.Org == "victim.example" && r.Kind == Forwarder:
			victim++
		case r.Org == "known.example" && r.Kind == Network:
			kept++
		case strings.HasPrefix(r.Org, "e") && r.Kind == Network && r.Name == "203.0.113.0/24":
			ofOne++
		}
	}
	if len(rows) > maxDays*MaxRows || fresh > maxNew+1 || victim > maxNames || ofOne > maxNewOfNetwork || kept != 1 || l.Left() == 0 {
		t.Errorf("%d rows, %d domains, %d networks of one, %d domains of a network, %d rows of the known one", len(rows), fresh, victim, ofOne, kept)
	}
	if len(l.days) > maxDays {
		t.Errorf("%d days", len(l.days))
	}
}

// A builder stays within its bounds, and keeps who handed on mail of several domains.
func TestBuilderIsBounded(t *testing.T) {
	t.Parallel()
	b := NewBuilder(today)
	for i := range maxForwarders + 1000 {
		b.Add(Row{Org: "a.example", Kind: Forwarder, Name: netip.PrefixFrom(netip.AddrFrom4([4]byte{11, byte(i >> 16), byte(i >> 8), byte(i)}), 32).String(), Day: today, N: 1})
	}
	for i := range ForwarderDomains {
		for day := range ForwarderDays {
			b.Add(Row{Org: fmt.Sprintf("b%d.example", i), Kind: Forwarder, Name: "192.0.2.0/24", Day: int64(today - day), N: 1})
		}
	}
	b.Add(Row{Org: "c.example", Kind: Forwarder, Name: "no network", Day: today, N: 1})
	if n := len(b.known.forwarders); n > maxForwarders {
		t.Errorf("%d networks", n)
	}
	if _, forwarders := b.Known().Size(); forwarders != 1 {
		t.Errorf("%d forwarders, want 1", forwarders)
	}
}

// TestBuilderOfManyDomains: domains stay within the bound, and displace none with more days.
func TestBuilderOfManyDomains(t *testing.T) {
	t.Parallel()
	b := NewBuilder(today)
	add := func(org string, n int) {
		for age := range n {
			b.Add(Row{Org: org, Kind: Network, Name: "192.0.2.0/24", Day: int64(today - age), N: 3})
		}
	}
	for i := range maxDomains - 100 {
		add(strconv.Itoa(i), MinDays+1)
	}
	for i := range 200 {
		add(fmt.Sprintf("late%d.example", i), MinDays)
	}
	add("often.example", MinDays+2)
	known := b.Known()
	late := 0
	for name, d := range known.domains {
		if d.Days == MinDays && strings.HasPrefix(name, "late") {
			late++
		}
	}
	if domains, _ := known.Size(); domains != maxDomains || late > 100 || !known.has("often.example") {
		t.Errorf("%d domains, %d of them late", domains, late)
	}
}

// A lookup takes no lock, and little time.
func BenchmarkObserve(b *testing.B) {
	known := know(days(0, 10, Row{Org: "a.example", Kind: Network, Name: "192.0.2.0/24", N: 10})...)
	res := pass("a.example", "198.51.100.1", false, false)
	for b.Loop() {
		var o result.Observed
		known.Observe(&o, res)
	}
}
