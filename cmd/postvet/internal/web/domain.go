package web

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/domainhistory"
	"github.com/postvet/postvet/cmd/postvet/internal/inspect"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/counts"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
	"github.com/postvet/postvet/cmd/postvet/internal/layout"
	"github.com/postvet/postvet/cmd/postvet/internal/web/chart"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
)

// DomainSource has what is known of single domains.
type DomainSource interface {
	// DomainRecords returns the records of a domain and of names below it that mail has met.
	DomainRecords(ctx context.Context, domain string) ([]rows.Published, error)
	// DomainChanges returns how they changed since a time.
	DomainChanges(ctx context.Context, domain string, since time.Time) (*domainhistory.Changes, error)
	// DomainPatterns returns what was learned of a domain's genuine mail, nil for nothing.
	DomainPatterns(ctx context.Context, domain string) (*domainhistory.Patterns, error)
	// InspectDomain asks the DNS what a domain publishes, and says what is wrong with it.
	InspectDomain(ctx context.Context, domain string) (*inspect.Report, error)
}

// domainPage is what is known of one domain: what is the matter with it?
type domainPage struct {
	Name     string   `json:"name"`
	Sentence string   `json:"sentence"`
	Period   period   `json:"period"`
	Ranges   []option `json:"ranges"`
	// Sums are the numbers of its mail in the time, of all below its organizational domain,
	// of which the template shows All, Passed, Failed and Refused.
	Sums    counts.Sums    `json:"sums"`
	All     int64          `json:"-"`
	Passed  int64          `json:"-"`
	Failed  int64          `json:"-"`
	Refused int64          `json:"refused"`
	Trend   *chart.Bars    `json:"trend"`
	Clients []domainClient `json:"clients"`
	Causes  []domainCause  `json:"causes"`
	Looked  looked         `json:"looked"`
	// Uncounted says why the numbers are not known, "" if they are.
	Uncounted string `json:"counts_problem,omitempty"`
	// Records are those that mail has met, Changes how they and those of the watch changed.
	Records []rows.Published       `json:"records"`
	Changes *domainhistory.Changes `json:"changes"`
	// Changed is how many records changed, of which Changes has the first ones.
	Changed int `json:"changed"`
	// Patterns is what was learned of its genuine mail, nil for nothing.
	Patterns *domainhistory.Patterns `json:"patterns,omitempty"`
	Learned  string                  `json:"learned"`
	// DNS is what the DNS says now, nil if it was not asked.
	DNS   *domainDNS `json:"dns,omitempty"`
	Notes []string   `json:"notes"`
	Nodes *nodes     `json:"nodes,omitempty"`
	// Alone says that what was looked for in messages is of this node, unlike the numbers.
	Alone string `json:"of_this_node,omitempty"`
}

// domainClient is a network that sends mail of the domain.
type domainClient struct {
	Network string `json:"network"`
	// Host is the name of the host whose mail came last, if it is verified.
	Host   string    `json:"host,omitempty"`
	All    int64     `json:"messages"`
	Passed int64     `json:"passed"`
	Failed int64     `json:"failed"`
	Last   time.Time `json:"last"`
}

// domainCause is a likely cause of failures.
type domainCause struct {
	Hint string `json:"hint"`
	Text string `json:"text"`
	N    int64  `json:"messages"`
}

// The bounds of lists of one domain.
const (
	maxClients = 25
	maxRecords = 25
	maxChanges = 12
)

func (h *Handler) domain(q *request) (any, error) {
	name, ok := message.NormalizeDomain(q.segment("name"))
	if !ok {
		return nil, &problem{Status: http.StatusNotFound, Title: "This is no domain name", Text: "Write one such as example.org."}
	}
	p := &domainPage{Name: name, Clients: []domainClient{}, Causes: []domainCause{}, Records: []rows.Published{}, Notes: []string{}}
	p.Period, p.Ranges = q.period()
	s, err := h.series(q, counts.SeriesQuery{Kind: counts.Domain, Name: name, Since: p.Period.Since, Until: p.Period.Until, Step: p.Period.step})
	if errors.Is(err, context.DeadlineExceeded) {
		p.Uncounted = h.problemOf(q, err).words()
	} else if err != nil {
		return nil, h.unreadable(q, err)
	}
	p.Sums, p.Trend = s.Sum(), resultsOf("Messages in the name of "+name+" "+p.Period.Text+", by DMARC", s)
	p.All, p.Passed, p.Failed, p.Refused = p.Sums[counts.All], p.Sums[counts.Passed], p.Sums[counts.Failed], refusedOf(&p.Sums)
	if err := h.lookAtMail(q, p); err != nil {
		return nil, err
	}
	j := h.opt.Source.Facts(q.ctx).Journal // reading it may have set files aside
	p.Notes = append(p.Notes, slices.Concat(messagesAside(j, p.Period.Since, time.Time{}), countsAside(j, s.Oldest, p.Period.Since))...)
	h.recallDomain(q, p)
	if q.get("dns") == "yes" {
		p.DNS = h.askDNS(q, name)
	}
	p.Nodes = q.nodes.told()
	if n := p.Nodes; n != nil && n.Away == "" {
		p.Alone = "Of this node, " + foreign.Terminal(j.Shipping.Node, 120) + ", alone, unlike the numbers above: the journals of other nodes are not read for it."
	}
	p.Sentence = p.sentence(s.Oldest)
	return p, nil
}

// lookAtMail looks at the newest messages of the domain for what is not counted.
func (h *Handler) lookAtMail(q *request, p *domainPage) error {
	page, err := h.history(q, rows.Query{Domain: p.Name, Since: p.Period.Since, Limit: rows.MaxLimit}, q.within())
	if err != nil {
		return h.unreadable(q, err)
	}
	p.Looked = lookedAt(q, &page, p.Period.Since)
	for _, name := range page.Unread {
		p.Notes = append(p.Notes, unreadFile(name))
	}
	clients, causes := map[string]*domainClient{}, map[result.HintWord]int64{}
	for _, r := range page.Rows {
		network := networkOf(r)
		c := clients[network]
		if c == nil {
			c = &domainClient{Network: network, Last: r.Ref.Time(), Host: r.Results.Client.PTR}
			clients[network] = c
		}
		c.All++
		switch r.Results.DMARC.Status {
		case dmarc.Pass:
			c.Passed++
		case dmarc.Fail:
			c.Failed++
			if len(r.Verdict.Hints) > 0 {
				causes[r.Verdict.Hints[0].Word]++
			}
		}
	}
	for _, c := range clients {
		p.Clients = append(p.Clients, *c)
	}
	slices.SortFunc(p.Clients, func(a, b domainClient) int {
		return cmp.Or(cmp.Compare(b.Failed, a.Failed), cmp.Compare(b.All, a.All), cmp.Compare(a.Network, b.Network))
	})
	if more := len(p.Clients) - maxClients; more > 0 {
		p.Clients = p.Clients[:maxClients]
		p.Notes = append(p.Notes, layout.Count(more, "network")+" with less mail not shown.")
	}
	for _, word := range slices.Sorted(maps.Keys(causes)) {
		p.Causes = append(p.Causes, domainCause{string(word), hintText(string(word)), causes[word]})
	}
	slices.SortStableFunc(p.Causes, func(a, b domainCause) int { return cmp.Compare(b.N, a.N) })
	return nil
}

// recallDomain adds what is known of the domain's records and of its genuine mail. What cannot
// be read is a note.
func (h *Handler) recallDomain(q *request, p *domainPage) {
	note := func(what string, err error) {
		p.Notes = append(p.Notes, what+" cannot be shown. "+h.problemOf(q, err).words())
	}
	all, err := part(q, q.within(), func(q *request) ([]rows.Published, error) { return h.opt.Source.DomainRecords(q.ctx, p.Name) })
	if err != nil {
		note("The records that mail has met", err)
	}
	slices.SortStableFunc(all, func(a, b rows.Published) int { return b.Last.Compare(a.Last) })
	p.Records = append(p.Records, all[:min(len(all), maxRecords)]...)
	if more := len(all) - maxRecords; more > 0 {
		p.Notes = append(p.Notes, layout.Count(more, "older record")+" not shown.")
	}
	if p.Changes, err = part(q, q.within(), func(q *request) (*domainhistory.Changes, error) {
		return h.opt.Source.DomainChanges(q.ctx, p.Name, p.Period.Since)
	}); err != nil {
		note("Changes of the records", err)
	}
	if p.Changes == nil {
		p.Changes = domainhistory.NewChanges(p.Name, p.Period.Since, q.zone)
	}
	if p.Changed = len(p.Changes.Records); p.Changed > maxChanges {
		p.Notes = append(p.Notes, fmt.Sprintf("Of %d records that changed, %d are shown; \"postvet domain --since 30d %s\" lists all.", p.Changed, maxChanges, p.Name))
	}
	p.Changes.Records = p.Changes.Records[:min(len(p.Changes.Records), maxChanges)]
	p.Changes.Errors = p.Changes.Errors[:min(len(p.Changes.Errors), maxChanges)]
	if p.Patterns, err = part(q, q.left(), func(q *request) (*domainhistory.Patterns, error) {
		return h.opt.Source.DomainPatterns(q.ctx, p.Name)
	}); err != nil {
		note("What was learned of its mail", err)
	}
	if x := p.Patterns; x != nil {
		p.Learned = x.Summary()
		for _, list := range []*[]domainhistory.PatternName{&x.Networks, &x.Signers, &x.Forwarders} {
			*list = (*list)[:min(len(*list), domainhistory.MaxNames)]
		}
	}
}

// leadsOn reports whether the page itself has a link that goes on.
func (p *domainPage) leadsOn() bool { return p.Looked.GoOn != "" && len(p.Clients) == 0 }

// sentence says what is the matter with the domain.
func (p *domainPage) sentence(oldest time.Time) string {
	all, failed := p.All, p.Failed
	var text string
	switch {
	case p.Uncounted != "":
		text = "How the mail in the name of " + p.Name + " fared could not be counted in the time of a page."
	case oldest.IsZero():
		text = "Nothing is counted yet."
	case all == 0 && p.Looked.Messages > 0:
		text = fmt.Sprintf("%s came in the name of %s %s. Messages are counted for the domain of its organization.", layout.Count(p.Looked.Messages, "message"), p.Name, p.Period.Text)
	case all == 0:
		text = fmt.Sprintf("No mail came in the name of %s %s.", p.Name, p.Period.Text)
	case failed == 0 && p.Passed == 0:
		text = fmt.Sprintf("%s came in the name of %s %s, and DMARC says nothing of it: the domain publishes no policy, or the DNS failed.", layout.Count(all, "message"), p.Name, p.Period.Text)
	case failed == 0:
		text = fmt.Sprintf("All is well: none of %s in the name of %s failed DMARC %s.", layout.Count(all, "message"), p.Name, p.Period.Text)
	default:
		text = fmt.Sprintf("%s of %s in the name of %s (%s) failed DMARC %s", plain(failed), layout.Count(all, "message"), p.Name, share(failed, all), p.Period.Text)
		if len(p.Causes) > 0 {
			text += "; the likeliest cause: " + p.Causes[0].Text
		}
		text += "."
	}
	if n := p.Changed; n > 0 {
		text += fmt.Sprintf(" %s in the DNS changed in that time.", layout.Count(n, "record"))
	}
	return strings.ToValidUTF8(text, "?")
}
