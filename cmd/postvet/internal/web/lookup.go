package web

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/postvet/postvet/cmd/postvet/internal/control"
	"github.com/postvet/postvet/cmd/postvet/internal/layout"
	"github.com/postvet/postvet/cmd/postvet/internal/web/access"
	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/policy/caa"
	"github.com/postvet/postvet/policy/dane"
	"github.com/postvet/postvet/policy/foreign"
)

// LookupSource asks the DNS by the resolver of the service.
type LookupSource interface {
	// Lookup returns the answer to one question, from the cache or from the DNS.
	Lookup(ctx context.Context, name string, t dnscache.Type) *dnscache.Answer
}

// lookup shows what the cache has of a name, and what the DNS says of it.
type lookup struct {
	Name     string `json:"name,omitempty"`
	Sentence string `json:"sentence"`
	// Cached are the answers that the cache had before the DNS was asked.
	Cached []control.Answer `json:"cached"`
	Total  int              `json:"cached_total"`
	// Answers are those of the DNS to each type that was asked for.
	Answers []dnsAnswer `json:"answers"`
	// Flushed is how many answers were forgotten, nil if none were to be.
	Flushed  *int `json:"flushed,omitempty"`
	MayFlush bool `json:"may_flush"`
}

// dnsAnswer is an answer of the DNS.
type dnsAnswer struct {
	Type    string `json:"type"`
	Outcome string `json:"outcome"`
	// Text says the outcome in words.
	Text    string   `json:"text"`
	Records []string `json:"records"`
	// More is how many records are not shown.
	More      int    `json:"more"`
	Canonical string `json:"canonical,omitempty"`
	Authentic bool   `json:"authentic"`
	Cached    bool   `json:"cached"`
	// Lasts is for how many seconds the answer is kept.
	Lasts int    `json:"lasts_seconds"`
	Error string `json:"error,omitempty"`
}

// The bounds of a lookup on a page.
const (
	lookupTime      = 5 * time.Second
	maxDNSRecords   = 20
	maxDNSText      = 400
	maxCacheAnswers = 10
	maxCacheRecords = 6
)

// lookupForm shows the form, or leads to the name that it was sent with.
func (h *Handler) lookupForm(q *request) (any, error) {
	if name := q.get("name"); name != "" {
		return redirect("/lookup/" + url.PathEscape(name)), nil
	}
	return &lookup{Sentence: "Write a name or an address, and see what the cache of Postvet has of it, and what the DNS says.", Cached: []control.Answer{}, Answers: []dnsAnswer{}}, nil
}

func (h *Handler) lookup(q *request) (any, error) { return h.lookUp(q, nil) }

// flush forgets the answers of the cache for the name of the page.
func (h *Handler) flush(q *request) (any, error) {
	if !q.user.May(access.Admin) {
		return nil, &problem{Status: http.StatusForbidden, Title: "You may not flush the cache", Text: "It needs the role admin."}
	}
	name, err := lookupName(q.segment("name"))
	if err != nil {
		return nil, err
	}
	f, err := asked[control.Flushed](h, q, control.Request{Do: control.DoCacheFlush, Name: name})
	if err != nil {
		return nil, err
	}
	h.opt.Logger.Info("a user had the cache forget answers", zap.String("user", foreign.Terminal(q.user.Name, 100)), zap.String("name", foreign.Terminal(name, 300)), zap.Int("answers", f.Answers))
	return h.lookUp(q, &f.Answers)
}

// lookupName returns the name in the DNS of what a user wrote: that of an address is its reverse
// name.
func lookupName(text string) (string, error) {
	if ip, err := netip.ParseAddr(text); err == nil {
		return dnscache.ReverseName(ip), nil
	}
	if text == "" || len(text) > 253 || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		return "", &problem{Status: http.StatusBadRequest, Title: "This is no name", Text: "Write a name such as example.org or _dmarc.example.org, or an IP address."}
	}
	return strings.ToLower(strings.TrimSuffix(text, ".")), nil
}

func (h *Handler) lookUp(q *request, flushed *int) (any, error) {
	text := q.segment("name")
	name, err := lookupName(text)
	if err != nil {
		return nil, err
	}
	p := &lookup{Name: text, Flushed: flushed, MayFlush: q.user.May(access.Admin), Answers: []dnsAnswer{}}
	c, err := asked[control.Contents](h, q, control.Request{Do: control.DoCacheShow, Name: name})
	if err != nil {
		return nil, err
	}
	p.Cached, p.Total = c.Answers[:min(len(c.Answers), maxCacheAnswers)], c.Total
	for i := range p.Cached {
		a := &p.Cached[i]
		a.Records = a.Records[:min(len(a.Records), maxCacheRecords)]
	}
	ctx, cancel := context.WithTimeout(q.ctx, lookupTime)
	defer cancel()
	found := 0
	types := typesFor(name)
	answers := make([]*dnscache.Answer, len(types))
	var asking sync.WaitGroup
	for i, t := range types {
		asking.Go(func() { answers[i] = h.opt.Source.Lookup(ctx, name, t) })
	}
	asking.Wait()
	for i, t := range types {
		if answers[i].Outcome == dnscache.Found {
			found++
		}
		p.Answers = append(p.Answers, h.dnsAnswer(answers[i], t))
	}
	p.Sentence = p.sentence(found)
	return p, nil
}

// typesFor returns the types of records to ask for: all of a name have those of mail, and some
// names have a purpose.
func typesFor(name string) []dnscache.Type {
	switch {
	case strings.HasSuffix(name, ".in-addr.arpa") || strings.HasSuffix(name, ".ip6.arpa"):
		return []dnscache.Type{dnscache.PTR}
	case strings.HasPrefix(name, "_") && strings.Contains(name, "._tcp."):
		return []dnscache.Type{dnscache.TLSA, dnscache.TXT}
	case strings.HasPrefix(name, "_") || strings.Contains(name, "._domainkey."):
		return []dnscache.Type{dnscache.TXT}
	}
	return []dnscache.Type{dnscache.MX, dnscache.TXT, dnscache.A, dnscache.AAAA, dnscache.CAA}
}

// dnsAnswer returns an answer of the DNS as the page shows it.
func (h *Handler) dnsAnswer(a *dnscache.Answer, t dnscache.Type) dnsAnswer {
	x := dnsAnswer{Type: t.String(), Outcome: a.Outcome.String(), Records: []string{}, Canonical: a.Canonical, Authentic: a.Authentic, Cached: a.Cached}
	x.Text = outcomeText(a.Outcome)
	if a.Outcome.Known() && !a.Expires.IsZero() {
		x.Lasts = max(0, int(a.Expires.Sub(h.opt.Now()).Seconds()))
	}
	if a.Err != nil {
		x.Error = foreign.Terminal(a.Err.Error(), maxDNSText)
	}
	all := recordsOf(a, t)
	x.More = max(0, len(all)-maxDNSRecords)
	for _, s := range all[:min(len(all), maxDNSRecords)] {
		x.Records = append(x.Records, foreign.Terminal(s, maxDNSText))
	}
	return x
}

// recordsOf returns the records of an answer as zone files have them, more or less.
func recordsOf(a *dnscache.Answer, t dnscache.Type) (all []string) {
	all = append(all, a.TXT...)
	for _, ip := range a.Addrs {
		all = append(all, ip.String())
	}
	for _, m := range a.MX {
		all = append(all, fmt.Sprintf("%d %s", m.Preference, cmp.Or(m.Host, ".")))
	}
	all = append(all, a.Names...)
	for _, data := range a.Data {
		switch t {
		case dnscache.TLSA:
			if r, err := dane.Parse(data); err == nil {
				all = append(all, r.String())
				continue
			}
		case dnscache.CAA:
			if r, err := caa.Parse(data); err == nil {
				all = append(all, fmt.Sprintf("%d %s %q", map[bool]int{true: 128}[r.Critical], r.Tag, r.Value))
				continue
			}
		}
		all = append(all, fmt.Sprintf("%x", data))
	}
	return all
}

// outcomeText says an outcome for a reader who knows no DNS.
func outcomeText(o dnscache.Outcome) string {
	switch o {
	case dnscache.Found:
		return "there are records"
	case dnscache.NoData:
		return "the name exists, and has no such record"
	case dnscache.NXDomain:
		return "the name does not exist"
	case dnscache.ServFail:
		return "the name's servers failed; it is not known whether there are records"
	case dnscache.Refused:
		return "the resolver refuses to answer"
	}
	return "no answer came in time"
}

func (p *lookup) sentence(found int) string {
	if p.Flushed != nil {
		return fmt.Sprintf("%s of %s forgotten, and the DNS was asked anew.", layout.Count(*p.Flushed, "answer"), p.Name)
	}
	failed, none := 0, 0
	for i := range p.Answers {
		switch p.Answers[i].Outcome {
		case dnscache.NXDomain.String():
			none++
		case dnscache.Found.String(), dnscache.NoData.String():
		default:
			failed++
		}
	}
	switch {
	case none > 0:
		return p.Name + " does not exist in the DNS."
	case failed > 0 && found == 0:
		return fmt.Sprintf("The DNS could not be asked about %s: %s failed.", p.Name, layout.Count(failed, "question"))
	case failed > 0:
		return fmt.Sprintf("%s has records of %s, and %s failed.", p.Name, layout.Count(found, "type"), layout.Count(failed, "question"))
	case found == 0:
		return p.Name + " has no records of the types that mail needs."
	}
	return fmt.Sprintf("%s has records of %s.", p.Name, layout.Count(found, "type"))
}
