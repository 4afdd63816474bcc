package domainhistory

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/layout"
	pages "github.com/postvet/postvet/cmd/postvet/internal/page"
	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/patterns"
)

// PatternReader reads patterns of genuine mail, those of one organizational domain. Fleet
// reports whether it has those of all nodes; if they cannot be read, away is why, and the rows
// are those of this node.
type PatternReader interface {
	Read(ctx context.Context, now time.Time, org string, begin func() func(patterns.Row)) (away, err error)
	Fleet() bool
}

// Patterns is what was learned from a domain's genuine mail.
type Patterns struct {
	// Name is the organizational domain, by which patterns are kept.
	Name string `json:"name"`
	// Learned is false if too little mail came to know the domain.
	Learned bool `json:"learned"`
	patterns.Domain
	// Used is false if the configuration says that it does not count.
	Used bool `json:"used"`
	// Fleet is true for what all nodes learned that share a database.
	Fleet      bool          `json:"fleet"`
	Networks   []PatternName `json:"networks"`
	Signers    []PatternName `json:"signers"`
	Forwarders []PatternName `json:"forwarders"`

	away string // why the database cannot be read
}

// PatternName is a network or a signer.
type PatternName struct {
	Name     string `json:"name"`
	Days     int    `json:"days"`
	Messages int64  `json:"messages"`
	Unsigned int64  `json:"unsigned"`
	Last     string `json:"last"` // a day
	// Known is true for a forwarder of mail of enough domains.
	Known bool `json:"known"`

	last int64
}

// MaxNames bounds the lines of a kind for a person.
const MaxNames = 20

// maxOrgLabels bounds the labels of an organizational domain above a name: RFC 9989 section 4.10
// looks for one among the last seven labels of a long name.
const maxOrgLabels = 7

// ReadPatterns returns what was learned of a name or, if nothing was, of the closest
// domain above it; nil for nothing. known is what was learned of all domains, by which
// forwarders are known.
func ReadPatterns(ctx context.Context, s PatternReader, name string, now time.Time, known *patterns.Known) (*Patterns, error) {
	for org := range message.Ancestry(name) {
		if org != name && strings.Count(org, ".") >= maxOrgLabels {
			continue
		}
		if p, err := readPatternsOf(ctx, s, org, now, known); p != nil || err != nil {
			return p, err
		}
	}
	return nil, nil
}

// readPatternsOf returns what was learned of an organizational domain, nil for nothing.
func readPatternsOf(ctx context.Context, s PatternReader, org string, now time.Time, known *patterns.Known) (*Patterns, error) {
	var b *patterns.Builder
	var all []patterns.Row
	away, err := s.Read(ctx, now, org, func() func(patterns.Row) {
		b, all = patterns.NewBuilder(patterns.DayOf(now)), nil
		return func(row patterns.Row) {
			b.Add(row)
			all = append(all, row)
		}
	})
	if err != nil || len(all) == 0 {
		return nil, err
	}
	p := &Patterns{Name: org, Networks: []PatternName{}, Signers: []PatternName{}, Forwarders: []PatternName{}}
	p.Domain, p.Learned = b.Known().Domain(org)
	p.Fleet = s.Fleet() && away == nil
	if away != nil {
		p.away = foreign.Terminal(away.Error(), 500)
	}
	for _, row := range all {
		p.add(row, known)
	}
	for _, list := range []*[]PatternName{&p.Networks, &p.Signers, &p.Forwarders} {
		slices.SortStableFunc(*list, func(a, b PatternName) int {
			return cmp.Or(cmp.Compare(b.Days, a.Days), cmp.Compare(b.Messages, a.Messages), strings.Compare(a.Name, b.Name))
		})
	}
	return p, nil
}

// add adds a row. Rows of one name follow each other.
func (p *Patterns) add(row patterns.Row, known *patterns.Known) {
	list := &p.Networks
	switch row.Kind {
	case patterns.Signer:
		list = &p.Signers
	case patterns.Forwarder:
		list = &p.Forwarders
	}
	name := foreign.Terminal(row.Name, 300)
	if n := len(*list); n == 0 || (*list)[n-1].Name != name {
		x := PatternName{Name: name}
		if prefix, err := netip.ParsePrefix(row.Name); err == nil && row.Kind == patterns.Forwarder {
			_, x.Known = known.Forwarder(prefix)
		}
		*list = append(*list, x)
	}
	x := &(*list)[len(*list)-1]
	x.Days, x.Messages, x.Unsigned = x.Days+1, x.Messages+row.N, x.Unsigned+row.Unsigned
	if row.Day > x.last {
		x.last, x.Last = row.Day, time.Unix(row.Day*86400, 0).UTC().Format(time.DateOnly)
	}
}

// Print writes what was learned for a person.
func (p *Patterns) Print(w io.Writer, s layout.Screen) error { return p.write(pages.New(w, s)) }

// Markdown writes it for a ticket.
func (p *Patterns) Markdown(w io.Writer) error { return p.write(pages.NewTicket(w)) }

func (p *Patterns) write(page *pages.Page) error {
	page.Title(p.Name, "")
	page.Paragraph("", p.Summary())
	switch {
	case p.away != "":
		page.Paragraph("", "This is what this node learned by itself, since those of the others cannot be read: "+p.away)
	case p.Fleet:
		page.Paragraph(layout.Faint, "This is what all nodes learned that share the database of journal.postgres.")
	}
	if !p.Used {
		page.Paragraph(layout.Faint, "This does not count, as the configuration says (policy.observed, policy.observed_except).")
	}
	p.list(page, "Networks", "from which mail passes SPF", p.Networks)
	p.list(page, "Signers", "whose signatures pass", p.Signers)
	p.list(page, "Forwarders", "networks through which mail passes by its signature alone, counted once a day", p.Forwarders)
	return page.Flush()
}

// Summary says what is known in a few sentences.
func (p *Patterns) Summary() string {
	if !p.Learned {
		return fmt.Sprintf("Too little is known of %s: it takes mail of %d days within %d, and %d messages.", p.Name, patterns.MinDays, patterns.Days, patterns.MinPasses)
	}
	text := fmt.Sprintf("%s passed on %s of the last %d, %d of them unsigned.", layout.Count(p.Passes, "message"), layout.Count(p.Days, "day"), patterns.Days, p.Unsigned)
	switch {
	case p.SignsAll:
		text += " The domain signs all its mail."
	case !p.Established:
		text += fmt.Sprintf(" That is too little to judge by; it takes %d messages.", patterns.MinPasses)
	default:
		text += " The domain is not known to sign all its mail."
	}
	return text
}

func (p *Patterns) list(page *pages.Page, title, note string, list []PatternName) {
	if len(list) == 0 {
		return
	}
	page.Section(title, note)
	width := 0
	for _, x := range list[:min(len(list), MaxNames)] {
		width = max(width, len(x.Name))
	}
	for _, x := range list[:min(len(list), MaxNames)] {
		text := fmt.Sprintf("%s on %s, last on %s", layout.Count(x.Messages, "message"), layout.Count(x.Days, "day"), x.Last)
		if x.Unsigned > 0 {
			text += fmt.Sprintf(", %d unsigned", x.Unsigned)
		}
		if x.Known {
			text += ", a known forwarder"
		}
		page.Line("  %-*s  %s", width, x.Name, page.Wrap(text, width+4, width+4))
	}
	if more := len(list) - MaxNames; more > 0 {
		page.Line("  and %d more; --json has all", more)
	}
}
