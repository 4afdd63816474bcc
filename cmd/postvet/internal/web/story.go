package web

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/control"
	"github.com/postvet/postvet/cmd/postvet/internal/held"
	"github.com/postvet/postvet/cmd/postvet/internal/journal"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
	"github.com/postvet/postvet/policy/explain"
	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/result"
)

// askTime bounds how long the DNS is asked for what a story's records say today.
const askTime = 2 * time.Second

// storyPage answers why a message fared as it did.
type storyPage struct {
	// Sentence says it for a person who knows no standard. Done and Would are words as in a
	// list.
	Sentence string           `json:"sentence"`
	Done     string           `json:"done"`
	Would    string           `json:"would"`
	At       time.Time        `json:"at"`
	Ref      result.Reference `json:"ref"`
	Author   string           `json:"author"`

	// Likely are the likely causes, the likeliest first. SenderCan and AdminCan are what can
	// be done, and Letter is a text to the sender, "" for none.
	Likely    []string         `json:"likely"`
	SenderCan []string         `json:"sender_can"`
	AdminCan  []journal.Remedy `json:"admin_can"`
	Letter    string           `json:"letter"`

	Links []choice `json:"links"`

	// Notes are remarks, Sections the evidence check by check, Records what the DNS said
	// then and says now, Rules what has become of the rules, and Facts the rest.
	Notes    []string           `json:"notes"`
	Sections []storySection     `json:"sections"`
	Records  []journal.Evidence `json:"records"`
	Rules    []string           `json:"rules"`
	Signing  []string           `json:"signing"`
	Facts    []fact             `json:"facts"`
	// Asked is whether the DNS was asked for what it says today, and AskPath the page on
	// which it is the other way round.
	Asked   bool   `json:"asked_dns"`
	AskPath string `json:"ask_path"`

	// Earlier and Later are other messages of the same author from the same server.
	Earlier []messageRow `json:"earlier"`
	Later   []messageRow `json:"later"`

	Story journal.Story `json:"story"`
}

// storySection is what one check found.
type storySection struct {
	Title string   `json:"title"`
	Word  string   `json:"result"`
	Lines []string `json:"lines"`
}

// fact is a name and its value. Path is where the value leads, "" for nowhere.
type fact struct {
	Name  string `json:"name"`
	Value string `json:"value"`
	Path  string `json:"path,omitempty"`
}

// story tells the story of a message.
func (h *Handler) story(q *request) (any, error) {
	id := q.segment("ref")
	ref, err := result.ParseReference(id)
	if err != nil {
		to := "/messages"
		if q.json {
			to += ".json"
		}
		return redirect(to + "?" + url.Values{"q": {id}}.Encode()), nil
	}
	j, err := h.messageJournal(q)
	if err != nil {
		return nil, err
	}
	node, asks := q.get("node"), q.get("dns") != "no"
	stories, err := h.tell(q, rows.Query{Ref: ref, Fleet: node != "", Node: node}, asks)
	if err != nil {
		return nil, journalFailure(err, node != "")
	}
	if len(stories.Stories) == 0 {
		return nil, noStory(ref, stories.Page, messagesAside(j, ref.Time(), ref.Time().Add(time.Millisecond)), q.zone)
	}
	p := newStoryPage(stories.Stories[0], h.opt.Node, q.zone)
	p.Asked, p.AskPath = asks, storyPath(ref, node)
	if asks {
		p.AskPath = query(place{}, "/messages/"+ref.String(), "node", node, "dns", "no")
	}
	p.Links = storyLinks(p.Story.Row)
	h.findNearby(q, &p)
	return p, nil
}

// tell asks for stories.
func (h *Handler) tell(q *request, query rows.Query, dns bool) (control.Stories, error) {
	within := q.within()
	if dns {
		within = askTime
		defer q.lend(askTime)()
	}
	return part(q, within, func(q *request) (control.Stories, error) {
		return askedQuery[control.Stories](h, q, control.Request{Do: control.DoExplain, NoDNS: !dns}, query)
	})
}

// noStory says that a message is not kept.
func noStory(ref result.Reference, page rows.Page, aside []string, zone *time.Location) *problem {
	p := &problem{Status: http.StatusNotFound, Title: "This message is not kept", Text: "The reference " + ref.String() + " is of " + ref.Time().In(zone).Format("2 Jan 2006 15:04 -0700") + "."}
	switch {
	case !page.Complete:
		p.Status, p.Title = http.StatusServiceUnavailable, "This message was not found in time"
		p.Text += " The journal is busy: try again in a moment."
	case len(page.Unread) > 0:
		p.Text += " A part of the journal cannot be read; \"postvet journal verify\" says which."
	case len(aside) > 0:
		p.Text += " " + strings.Join(aside, " ")
	case page.Oldest.IsZero():
		p.Text += " The journal is empty."
	case ref.Time().Before(page.Oldest):
		p.Text += " Messages are kept since " + page.Oldest.In(zone).Format("2 Jan 2006") + "; older ones were removed."
	default:
		p.Text += " Accepted mail is kept for a shorter time than other mail, and mail of exempt senders perhaps not at all. On several machines, another one may have it."
	}
	return p
}

// newStoryPage returns the page of a story. host is the name of this server.
func newStoryPage(s journal.Story, host string, zone *time.Location) storyPage {
	r := s.Row
	res, v := *r.Results, r.Verdict
	if res.MailFrom != "" {
		res.MailFrom = held.Address(res.MailFrom)
	}
	p := storyPage{
		Sentence: explain.Summary(r.Results, v), Done: explain.Done(v.Action), At: r.Ref.Time(), Ref: r.Ref, Author: res.Author.Domain,
		Likely: []string{}, SenderCan: notNil(s.SenderCan), AdminCan: notNil(s.AdminCan), Letter: s.Letter(host, zone),
		Notes: notNil(s.MessageNotes()), Records: notNil(s.Evidence), Rules: notNil(s.RuleNotes(zone)), Signing: []string{},
		Earlier: []messageRow{}, Later: []messageRow{}, Story: s,
	}
	if would := v.Would(); would != "" {
		p.Would = explain.Done(would)
	}
	for _, hint := range v.Hints {
		p.Likely = append(p.Likely, foreign.Terminal(hint.Text, foreign.Whole))
	}
	p.Sections = sectionsOf(&res, v, slices.Concat(explain.Trace(&res), explain.TraceVerdict(&res, v)))
	p.Signing = signingLines(&result.Report{Results: &res, Verdict: *v})
	p.Facts = storyFacts(r, &res, v, zone)
	return p
}

// notNil returns a list that is empty rather than nil, as JSON shows it.
func notNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// findNearby finds other messages of the same author from the same server, of a day before
// and a day after.
func (h *Handler) findNearby(q *request, p *storyPage) {
	r := p.Story.Row
	author, client := r.Results.Author.Domain, r.Results.Client.IP
	if author == "" || client == "" {
		return
	}
	const most = 5
	near := func(since, until time.Time) []*rows.Row {
		page, err := h.history(q, rows.Query{Domain: author, Since: since, Until: until, Limit: 200, Fleet: r.Node != "", Node: r.Node}, q.within()/2)
		if err != nil {
			return nil // the story does not need them
		}
		var same []*rows.Row
		for _, x := range page.Rows {
			if x.Ref != r.Ref && x.Results.Client.IP == client && x.Results.Author.Domain == author {
				same = append(same, x)
			}
		}
		return same
	}
	earlier, later := near(p.At.Add(-24*time.Hour), p.At), near(p.At.Add(time.Millisecond), p.At.Add(24*time.Hour))
	p.Earlier = newMessageRows(earlier[:min(len(earlier), most)])
	p.Later = newMessageRows(later[max(len(later)-most, 0):])
}
