package web

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/layout"
	"github.com/postvet/postvet/cmd/postvet/internal/reports"
	"github.com/postvet/postvet/cmd/postvet/internal/reportstore"
	"github.com/postvet/postvet/policy/foreign"
)

// indented returns a value as JSON for a reader, in as many octets as a page can show.
func indented(v any) string {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err.Error()
	}
	const most = 20_000
	var all []string
	for line := range strings.SplitSeq(string(b[:min(len(b), most)]), "\n") {
		all = append(all, foreign.Terminal(line, foreign.Whole))
	}
	return strings.Join(all, "\n")
}

// reportsSent are the reports that we send: what did we send, to whom, what bounced?
type reportsSent struct {
	Sentence   string           `json:"sentence"`
	States     []option         `json:"states"`
	State      string           `json:"state"`
	Lines      []sentRow        `json:"deliveries"`
	Counts     []named          `json:"counts"`
	Suppressed []suppressionRow `json:"suppressed"`
	Notes      []string         `json:"notes"`
}

// sentRow is a report on its way to one address.
type sentRow struct {
	ID       string        `json:"id"`
	Day      string        `json:"day"`
	Domain   string        `json:"domain"`
	Kind     reports.Kind  `json:"kind"`
	Messages int64         `json:"messages"`
	Address  string        `json:"address"`
	State    reports.State `json:"state"`
	Attempts int           `json:"attempts"`
	Changed  time.Time     `json:"changed,omitzero"`
	Next     time.Time     `json:"next,omitzero"`
	// Said is what the other side said last, with its codes.
	Said string `json:"said,omitempty"`
}

// suppressionRow is an address that gets no reports.
type suppressionRow struct {
	Address string    `json:"address"`
	Until   time.Time `json:"until,omitzero"`
	Active  bool      `json:"active"`
	By      string    `json:"by"`
	Reason  string    `json:"reason"`
}

// problemStates are the states of deliveries that did not arrive.
var problemStates = []reports.State{reports.Bounced, reports.Expired, reports.Refused, reports.Suppressed, reports.Deferred}

func (h *Handler) reportsSent(q *request) (any, error) {
	q, cancel := q.bounded(q.left())
	defer cancel()
	p := &reportsSent{Lines: []sentRow{}, Counts: []named{}, Suppressed: []suppressionRow{}, Notes: []string{}}
	p.State, p.States = options(q.get("state"), option{Title: "all"}, option{Word: "problems", Title: "not arrived"}, option{Word: "waiting", Title: "waiting"}, option{Word: "done", Title: "done"})
	query := reportstore.Query{Limit: maxReports + 1}
	switch p.State {
	case "problems":
		query.States = problemStates
	case "waiting":
		query.States = []reports.State{reports.New, reports.Sending, reports.Deferred, reports.Queued}
	case "done":
		query.States = []reports.State{reports.Done}
	}
	store, err := h.reportStore(q)
	if err != nil {
		return nil, err
	}
	sent, err := store.Deliveries(q.ctx, query)
	if err != nil {
		return nil, h.unreadableReports(q, err)
	}
	if len(sent) > maxReports {
		sent = sent[:maxReports]
		p.Notes = append(p.Notes, fmt.Sprintf("These are the newest %d; \"postvet report list --limit 0\" lists all.", maxReports))
	}
	counts := map[string]int64{}
	for i := range sent {
		p.Lines = append(p.Lines, sentRowOf(&sent[i]))
		counts[string(sent[i].State)]++
	}
	for state, n := range counts {
		p.Counts = append(p.Counts, named{state, n})
	}
	slices.SortFunc(p.Counts, func(a, b named) int { return cmp.Or(cmp.Compare(b.N, a.N), cmp.Compare(a.Name, b.Name)) })
	all, err := store.Suppressions(q.ctx)
	if err != nil {
		return nil, h.unreadableReports(q, err)
	}
	active := 0
	for _, s := range all {
		row := suppressionRow{s.Address, s.Until, s.Until.IsZero() || s.Until.After(q.now), s.By, s.Reason}
		if row.Active {
			active++
		}
		if len(p.Suppressed) < maxReports {
			p.Suppressed = append(p.Suppressed, row)
		}
	}
	if more := len(all) - len(p.Suppressed); more > 0 {
		p.Notes = append(p.Notes, layout.Count(more, "further address")+" without reports; \"postvet report suppress list\" shows all.")
	}
	p.Sentence = p.sentence(counts, active)
	return p, nil
}

func sentRowOf(x *reportstore.Sent) sentRow {
	row := sentRow{
		ID: x.ID, Day: x.Begin.UTC().Format(time.DateOnly), Domain: x.Domain, Kind: x.Kind, Messages: x.Messages, Address: x.Address, State: x.State,
		Attempts: x.Attempts, Changed: x.Changed,
	}
	if !x.State.Final() {
		row.Next = x.Next
	}
	if x.Code > 0 {
		row.Said = fmt.Sprintf("%d %s ", x.Code, x.Status)
	}
	row.Said += x.Text
	return row
}

func (p *reportsSent) sentence(counts map[string]int64, active int) string {
	if len(p.Lines) == 0 && p.State == "" {
		return "No report was sent yet. The first one is made when the day is over of which messages were counted."
	}
	failed := counts[string(reports.Bounced)] + counts[string(reports.Expired)] + counts[string(reports.Refused)]
	arrived := counts[string(reports.Done)] + counts[string(reports.Queued)]
	text := fmt.Sprintf("Of the newest %s of reports, %s arrived, as far as is known; %s did not; %s wait or are not sent.", deliveries(len(p.Lines)), plain(arrived), plain(failed), plain(int64(len(p.Lines))-arrived-failed))
	if active == 1 {
		text += " 1 address gets no reports at present, because they bounced or you said so."
	} else if active > 0 {
		text += fmt.Sprintf(" %d addresses get no reports at present, because they bounced or you said so.", active)
	}
	return text
}

// deliveries returns a number of deliveries in words.
func deliveries(n int) string {
	if n == 1 {
		return "delivery"
	}
	return fmt.Sprintf("%d deliveries", n)
}

// reportSent is one report that we send.
type reportSent struct {
	Sentence   string       `json:"sentence"`
	ID         string       `json:"id"`
	Domain     string       `json:"domain"`
	Kind       reports.Kind `json:"kind"`
	Begin      time.Time    `json:"begin"`
	End        time.Time    `json:"end"`
	Created    time.Time    `json:"created"`
	Messages   int64        `json:"messages"`
	Records    int          `json:"records"`
	Deliveries []sentRow    `json:"deliveries"`
	Show       string       `json:"show"`
}

func (h *Handler) reportSent(q *request) (any, error) {
	q, cancel := q.bounded(q.left())
	defer cancel()
	id := q.segment("id")
	store, err := h.reportStore(q)
	if err != nil {
		return nil, err
	}
	all, err := store.Reports(q.ctx, reportstore.Query{ID: id, Limit: 2})
	switch {
	case err != nil:
		return nil, h.unreadableReports(q, err)
	case id == "" || len(all) != 1 || all[0].ID != id:
		return nil, noSuchReport
	}
	r := &all[0]
	p := &reportSent{ID: r.ID, Domain: r.Domain, Kind: r.Kind, Begin: r.Begin, End: r.End, Created: r.Created, Messages: r.Messages, Records: r.Records, Deliveries: []sentRow{}, Show: "postvet report show " + r.ID}
	sent, err := store.Deliveries(q.ctx, reportstore.Query{ID: id, Limit: maxReports})
	if err != nil {
		return nil, h.unreadableReports(q, err)
	}
	for i := range sent {
		p.Deliveries = append(p.Deliveries, sentRowOf(&sent[i]))
	}
	p.Sentence = fmt.Sprintf("This report tells %s about %s of %s, and goes to %s.", r.Domain, layout.Count(r.Messages, "message"), r.Begin.UTC().Format("2 Jan 2006"), addresses(len(sent)))
	return p, nil
}

// addresses returns a number of addresses in words.
func addresses(n int) string {
	switch n {
	case 0:
		return "no address"
	case 1:
		return "one address"
	}
	return fmt.Sprintf("%d addresses", n)
}
