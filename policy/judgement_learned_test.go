package policy_test

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/postvet/postvet/dnscache/dnstest"
	"github.com/postvet/postvet/policy"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/failures"
	"github.com/postvet/postvet/policy/judgement"
	"github.com/postvet/postvet/policy/patterns"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/rules"
)

// learned returns an observer as that of a service with a journal.
func learned(known *patterns.Known) *patterns.Observer {
	return &patterns.Observer{Failures: failures.New(), Known: func() *patterns.Known { return known }}
}

// month is what a service learned from the mail of 30 days.
type month struct {
	learner patterns.Learner
	rows    []patterns.Row
	today   int64
}

// learn has a message arrive on each of some days, the last of which is today.
func (m *month) learn(res *result.Results, days, times int) {
	for i := range days {
		res.Arrived = time.Unix((m.today-int64(i))*86400, 0)
		for range times {
			m.learner.Learn(res, nil)
		}
		m.rows = append(m.rows, m.learner.Take(-1)...) // the day is over
	}
}

func (m *month) known() *patterns.Known {
	rows := slices.Clone(m.rows)
	slices.SortStableFunc(rows, func(a, b patterns.Row) int { return cmp.Compare(a.Org, b.Org) })
	b := patterns.NewBuilder(m.today)
	for _, r := range rows {
		b.Add(r)
	}
	return b.Known()
}

// evaluate returns the results of variants, by the zones that they need.
func (c *corpus) evaluate(t *testing.T, all ...variant) (results []*result.Results) {
	t.Helper()
	checkers := map[[2]string]*policy.Checker{}
	for _, v := range all {
		key := [2]string{v.author, v.list}
		if checkers[key] == nil {
			_, resolver := dnstest.Start(t, c.zone(v))
			checkers[key] = policy.NewChecker(policy.Options{Resolver: resolver, AuthservID: "mx.test.example", Now: time.Now, Judgement: true})
		}
		results = append(results, converse(t, checkers[key], c.message(t, v)))
	}
	return results
}

// fromAuthor is mail that an author's own host sends.
func fromAuthor(author string) variant {
	return variant{author: author, list: "none", client: "author", mailFrom: "ann@{author}", to: "none", received: "none", change: "none", seal: "none", sign: "none"}
}

// shuffled has the messages of kinds arrive within the hour in many orders: what is observed
// depends on what came before.
func shuffled(t *testing.T, kinds map[string]*tally, known *patterns.Known, least int) {
	t.Helper()
	judge := rules.Rules{AuthservID: "mx.test.example", OnReject: rules.RejectJudge}
	type arrival struct {
		kind string
		res  *result.Results
	}
	var all []arrival
	for kind, n := range kinds {
		for _, res := range n.results {
			all = append(all, arrival{kind, res})
		}
	}
	lowest := 100.0
	for seed := range uint64(20) {
		random := rand.New(rand.NewPCG(seed, 17))
		random.Shuffle(len(all), func(i, k int) { all[i], all[k] = all[k], all[i] })
		observer, tallies := learned(known), map[string]*tally{}
		for _, x := range all {
			res := *x.res
			res.Observed = result.Observed{ForwardedTo: res.Observed.ForwardedTo}
			res.Evidence = judgement.Gather(&res)
			forwarded := res.Observed.ForwardedTo
			res.Observed = observer.Observe(&res, judgement.Indirect(res.Evidence))
			res.Observed.ForwardedTo = forwarded
			judgement.GatherObserved(&res)
			if tallies[x.kind] == nil {
				tallies[x.kind] = &tally{}
			}
			tallies[x.kind].add(&res, judge.Decide(&res))
		}
		if n := tallies["indirect"]; n.refused > 0 {
			t.Errorf("order %d: %d of %d legitimate messages refused", seed, n.refused, n.failed)
		}
		n := tallies["direct"]
		lowest = min(lowest, 100*float64(n.refused)/float64(n.failed))
		if 100*n.refused < least*n.failed {
			t.Errorf("order %d: %d of %d direct forgeries refused; want %d %%", seed, n.refused, n.failed, least)
		}
	}
	t.Logf("in 20 orders at least %.1f %% of the direct forgeries are refused", lowest)
}

// established are the services of the corpus that send mail of their own, too, and their hosts.
var established = map[string]string{"desk.example": "desk", "mailer.example": "esp", "cal.example": "desk"}

// feed evaluates genuine mail of each author and service, and has it learned for a month. A
// spammer's own mail came for three days.
func (c *corpus) feed(t *testing.T) *month {
	t.Helper()
	m := &month{today: patterns.DayOf(time.Now())}
	for _, author := range slices.Sorted(maps.Keys(c.authors)) {
		res := c.evaluate(t, fromAuthor(author))[0]
		if pass := c.authors[author].all != "none" || c.authors[author].signs; (res.DMARC.Status == dmarc.Pass) != pass {
			t.Fatalf("mail of %s: %+v", author, res.DMARC)
		}
		m.learn(res, 20, 2)
	}
	own := maps.Clone(established)
	own["spammer.example"] = "spammer"
	for domain, host := range own {
		v := fromAuthor(domain)
		v.client = host
		res := c.evaluate(t, v)[0]
		if res.DMARC.Status != dmarc.Pass {
			t.Fatalf("mail of %s: %+v", domain, res.DMARC)
		}
		days := 20
		if domain == "spammer.example" {
			days = 3
		}
		m.learn(res, days, 2)
	}
	return m
}

// A service that nobody knows, and that sends for one author, is not refused, though the author
// signs all its mail.
func TestNewService(t *testing.T) {
	t.Parallel()
	c := readFlows(t)
	m := &month{today: patterns.DayOf(time.Now())}
	m.learn(c.evaluate(t, fromAuthor("strict.example"))[0], 30, 2)
	known := m.known()
	if d, _ := known.Domain("strict.example"); !d.SignsAll {
		t.Fatalf("%+v", d)
	}
	observer := learned(known)
	judge := rules.Rules{AuthservID: "mx.test.example", OnReject: rules.RejectJudge}
	for _, sign := range []string{"none", "desk.example"} {
		v := variant{author: "strict.example", list: "desk.example", client: "desk-bare", mailFrom: "bounce+17@desk.example", to: "none", received: "none", change: "strip", seal: "none", sign: sign}
		_, resolver := dnstest.Start(t, c.zone(v))
		checker := policy.NewChecker(policy.Options{Resolver: resolver, AuthservID: "mx.test.example", Now: time.Now, Judgement: true, Observer: observer})
		res := converse(t, checker, c.message(t, v))
		if verdict := judge.Decide(res); verdict.Action != result.Quarantine || res.Observed.SignsAll.State != result.Present {
			t.Errorf("%s: %s", verdict.Action, judgement.Summary(res.Evidence))
		}
	}
}

// Whatever forgers send, in 10,000 messages, what is known of a domain stays the same. A replay
// of a signed message makes networks known as forwarders at most, and never changes whether the
// domain signs all its mail.
func TestPoisoning(t *testing.T) {
	t.Parallel()
	c := readFlows(t)
	genuineMail := func() *month {
		m := &month{today: patterns.DayOf(time.Now())}
		for _, author := range []string{"strict.example", "plain.example", "dkimonly.example"} {
			m.learn(c.evaluate(t, fromAuthor(author))[0], 20, 2)
		}
		return m
	}
	before, after := genuineMail().known(), genuineMail()
	var forged []variant
	for i := range c.flows {
		if f := &c.flows[i]; f.kind != "indirect" {
			f.each(func(v variant) {
				if slices.Contains([]string{"strict.example", "plain.example", "dkimonly.example"}, v.author) {
					forged = append(forged, v)
				}
			})
		}
	}
	n := 0
	results := c.evaluate(t, forged...)
	for n < 10_000 {
		for _, res := range results {
			after.learn(res, 30, 1)
			n += 30
		}
	}
	replay := fromAuthor("strict.example")
	replay.client = "bot"
	other := fromAuthor("plain.example")
	other.client = "bot"
	replayed := c.evaluate(t, replay, other)
	if replayed[0].DMARC.Status != dmarc.Pass || replayed[1].DMARC.Status != dmarc.Fail {
		t.Fatalf("the replay: %+v", replayed[0].DMARC)
	}
	for _, res := range replayed {
		after.learn(res, 30, 300)
	}
	own := fromAuthor("spammer.example")
	own.client = "spammer"
	after.learn(c.evaluate(t, own)[0], 30, 10)
	known := after.known()
	for _, domain := range []string{"strict.example", "plain.example", "dkimonly.example", "soft.example"} {
		was, ok := before.Domain(domain)
		is, still := known.Domain(domain)
		if was != is || ok != still {
			t.Errorf("%s: before %+v, after %d forged messages %+v", domain, was, n, is)
		}
	}
	if _, forwarders := known.Size(); forwarders != 0 {
		t.Errorf("%d forwarders are known", forwarders)
	}
	replays := int64(0)
	for _, r := range after.rows {
		if r.Kind == patterns.Forwarder {
			replays += r.N
			if r.Org != "strict.example" || r.N != 1 {
				t.Errorf("%+v", r)
			}
		}
	}
	if replays != 30 {
		t.Errorf("9000 replays count %d times, want once a day", replays)
	}
	fmt.Fprintf(t.Output(), "%d forged messages of %d shapes, %d replays\n", n, len(forged), 9000)
}
