package web

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/postvet/postvet/cmd/postvet/internal/control"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/sqlite"
)

// Auditor has what was written down of searches for persons.
type Auditor interface {
	// Audit returns the newest of it, the newest first.
	Audit(ctx context.Context, n int) ([]sqlite.Audited, error)
}

// statusPage is the state of the service. Its first keys are those of "postvet status --json".
type statusPage struct {
	control.Status
	Journal  control.Journal `json:"journal"`
	Held     Held            `json:"held"`
	Sending  *Sending        `json:"sending,omitempty"`
	Counting *Counting       `json:"counting,omitempty"`
	Disk     *Disk           `json:"disk,omitempty"`
	// DNSState is how the DNS does, in a word, and DNSWrong a sentence on what is wrong with it, ""
	// for nothing.
	DNSState string `json:"dns_state"`
	DNSWrong string `json:"dns_wrong,omitempty"`
	// LogText is what is logged, in words.
	LogText string `json:"log_text"`
	// KeyStates are the keys by their state, in the order of a life.
	KeyStates []named `json:"key_states"`
	// Dropped counts messages that the journal lacks.
	Dropped int64 `json:"dropped"`
	// Damaged are the files of the journal that have a problem.
	Damaged []rows.File `json:"damaged"`
}

// named is a number with its name.
type named struct {
	Name string `json:"name"`
	N    int64  `json:"n"`
}

func (h *Handler) status(q *request) (any, error) {
	s, err := asked[control.Status](h, q, control.Request{Do: control.DoStatus})
	if err != nil {
		return nil, err
	}
	f := h.facts(q)
	p := &statusPage{
		Status: s, Journal: f.Journal, Held: f.Held, Sending: f.Sending, Counting: f.Counting, Disk: f.Disk,
		LogText: control.DescribeLevel(s.Log, q.now), KeyStates: []named{}, Dropped: sum(f.Journal.Dropped), Damaged: []rows.File{},
	}
	if p.DNSState, p.DNSWrong = s.DNS.State(); p.DNSWrong != "" {
		p.DNSWrong = strings.ToUpper(p.DNSWrong[:1]) + p.DNSWrong[1:] + "."
	}
	if s.Keys != nil {
		for name, n := range s.Keys.ByState {
			p.KeyStates = append(p.KeyStates, named{name, int64(n)})
		}
		slices.SortFunc(p.KeyStates, func(a, b named) int { return int(b.N - a.N) })
	}
	for _, x := range f.Journal.Files {
		if x.Problem != "" {
			p.Damaged = append(p.Damaged, x)
		}
	}
	return p, nil
}

// auditShown is how many searches the page of the audit shows.
const auditShown = 200

// auditPage is who searched for a person, and who had something forgotten.
type auditPage struct {
	Lines []auditLine `json:"lines"`
	// Kept is false if there is no journal, and so nothing to search.
	Kept bool `json:"kept"`
}

// auditLine is one search, in words.
type auditLine struct {
	sqlite.Audited
	Who  string   `json:"who"`
	What string   `json:"what"`
	For  []string `json:"for"`
}

func (h *Handler) audit(q *request) (any, error) {
	p := &auditPage{Lines: []auditLine{}}
	if p.Kept = h.facts(q).Journal.Directory != ""; !p.Kept {
		return p, nil
	}
	list, err := h.opt.Source.Audit(q.ctx, auditShown)
	if err != nil {
		return nil, err
	}
	for _, a := range list {
		p.Lines = append(p.Lines, auditLineOf(a))
	}
	return p, nil
}

// auditLineOf puts a search into words.
func auditLineOf(a sqlite.Audited) auditLine {
	l := auditLine{Audited: a, What: a.Do, For: queryWords(a.Query)}
	switch {
	case a.Web != "" && a.Address != "":
		l.Who = a.Web + ", on the web page from " + a.Address
	case a.Web != "":
		l.Who = a.Web + ", on the web page"
	case a.UID < 0:
		l.Who = "somebody on the web page, by its socket"
	case a.UID == 0:
		l.Who = "root"
	default:
		l.Who = fmt.Sprintf("the user with the number %d", a.UID)
	}
	switch a.Do {
	case control.DoHistory:
		l.What = "searched"
	case control.DoExplain:
		l.What = "looked at messages"
	case control.DoJournalForget, "forget":
		l.What = "had messages forgotten"
	}
	return l
}

// queryWords says what a query selects.
func queryWords(q *rows.Query) []string {
	words := []string{}
	if q == nil {
		return words
	}
	add := func(what, value string) {
		if value != "" {
			words = append(words, what+" "+value)
		}
	}
	add("from", q.From)
	add("to", q.To)
	add("of the domain", q.Domain)
	if q.Client.IsValid() {
		add("of the client", q.Client.String())
	}
	add("with the queue id", q.Queue)
	if q.Ref != 0 {
		add("with the reference", q.Ref.String())
	}
	add("with the Message-ID", q.MessageID)
	if !q.Since.IsZero() {
		add("since", q.Since.UTC().Format("2006-01-02 15:04"))
	}
	if !q.Until.IsZero() {
		add("until", q.Until.UTC().Format("2006-01-02 15:04"))
	}
	return words
}
