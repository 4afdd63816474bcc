package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
	"github.com/postvet/postvet/cmd/postvet/internal/layout"
	pages "github.com/postvet/postvet/cmd/postvet/internal/page"
	"github.com/postvet/postvet/cmd/postvet/internal/service"
	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/patterns"
)

// domainPatterns is what was learned from a domain's genuine mail.
type domainPatterns struct {
	// Name is the organizational domain, by which patterns are kept.
	Name string `json:"name"`
	// Learned is false if too little mail came to know the domain.
	Learned bool `json:"learned"`
	patterns.Domain
	// Used is false if the configuration says that it does not count.
	Used bool `json:"used"`
	// Fleet is true for what all nodes learned that share a database.
	Fleet      bool          `json:"fleet"`
	Networks   []patternName `json:"networks"`
	Signers    []patternName `json:"signers"`
	Forwarders []patternName `json:"forwarders"`

	away string // why the database cannot be read
}

// patternName is a network or a signer.
type patternName struct {
	Name     string `json:"name"`
	Days     int    `json:"days"`
	Messages int64  `json:"messages"`
	Unsigned int64  `json:"unsigned"`
	Last     string `json:"last"` // a day
	// Known is true for a forwarder of mail of enough domains.
	Known bool `json:"known"`

	last int64
}

// maxPatternNames bounds the lines of a kind for a person.
const maxPatternNames = 20

// runObserved prints what was learned from the mail of a domain.
func (f *domainFlags) runObserved(cmd *cobra.Command, name string) error {
	screen, err := f.screen(cmd)
	if err != nil {
		return err
	}
	domain, ok := message.NormalizeDomain(strings.TrimSpace(name))
	if !ok {
		return usage("%q is no domain name; write one such as example.org", name)
	}
	source, c, err := f.patternSource()
	if err != nil {
		return err
	}
	dir := source.Dir
	if _, err := os.ReadDir(dir); err != nil {
		return failed("%s; name the directory of the journal with --journal", fileError(dir, err))
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), searchTime)
	defer cancel()
	now := time.Now()
	p, err := readDomainPatterns(ctx, source, domain, now)
	if err != nil {
		return failed("%s; name the directory of the journal with --journal", fileError(dir, err))
	}
	if p == nil {
		return failed("nothing was learned of %s: in the last %d days no mail of it passed DMARC here", domain, patterns.Days)
	}
	p.Used = c == nil || c.Policy.Observed && !c.Policy.ObservedExcept.Set.At(now).Name(domain)
	return output(f.print(cmd.OutOrStdout(), screen, p))
}

// patternSource returns the journal, and the configuration unless --journal names the directory
// alone.
func (f *domainFlags) patternSource() (s service.PatternSource, c *config.Config, err error) {
	if f.cmd.Flags().Changed("journal") {
		return service.PatternSource{Dir: f.journal}, nil, nil
	}
	switch c, err = f.serviceConfig(); {
	case err != nil:
		return s, nil, err
	case c == nil || c.Journal.Directory == "":
		return s, nil, usage("there is no journal; name its directory with --journal, or the service's file with --config")
	}
	return service.NewPatternSource(c), c, nil
}

// serviceConfig returns the configuration of --config, or that of the package's file; nil if
// there is neither.
func (f *domainFlags) serviceConfig() (*config.Config, error) {
	if f.cmd.Flags().Changed("config") {
		return f.load()
	}
	if _, err := os.Stat(packagedConfig); err != nil {
		return nil, nil
	}
	return loadFile(packagedConfig)
}

// readDomainPatterns returns what was learned of a name or, if nothing was, of the closest
// domain above it; nil for nothing.
func readDomainPatterns(ctx context.Context, s service.PatternSource, name string, now time.Time) (*domainPatterns, error) {
	var b *patterns.Builder
	var all []patterns.Row
	away, err := s.Read(ctx, now, func() func(patterns.Row) {
		b, all = patterns.NewBuilder(patterns.DayOf(now)), nil
		return func(row patterns.Row) {
			b.Add(row)
			if message.Below(name, row.Org) {
				all = append(all, row)
			}
		}
	})
	if err != nil || len(all) == 0 {
		return nil, err
	}
	org := slices.MaxFunc(all, func(a, b patterns.Row) int { return cmp.Compare(len(a.Org), len(b.Org)) }).Org
	known := b.Known()
	p := &domainPatterns{Name: org, Networks: []patternName{}, Signers: []patternName{}, Forwarders: []patternName{}}
	p.Domain, p.Learned = known.Domain(org)
	p.Fleet = s.Database != nil && away == nil
	if away != nil {
		p.away = foreign.Terminal(away.Error(), 500)
	}
	for _, row := range all {
		if row.Org == org {
			p.add(row, known)
		}
	}
	for _, list := range []*[]patternName{&p.Networks, &p.Signers, &p.Forwarders} {
		slices.SortStableFunc(*list, func(a, b patternName) int {
			return cmp.Or(cmp.Compare(b.Days, a.Days), cmp.Compare(b.Messages, a.Messages), strings.Compare(a.Name, b.Name))
		})
	}
	return p, nil
}

// add adds a row. Rows of one name follow each other.
func (p *domainPatterns) add(row patterns.Row, known *patterns.Known) {
	list := &p.Networks
	switch row.Kind {
	case patterns.Signer:
		list = &p.Signers
	case patterns.Forwarder:
		list = &p.Forwarders
	}
	name := foreign.Terminal(row.Name, 300)
	if n := len(*list); n == 0 || (*list)[n-1].Name != name {
		x := patternName{Name: name}
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
func (p *domainPatterns) Print(w io.Writer, s layout.Screen) error { return p.write(pages.New(w, s)) }

// Markdown writes it for a ticket.
func (p *domainPatterns) Markdown(w io.Writer) error { return p.write(pages.NewTicket(w)) }

func (p *domainPatterns) write(page *pages.Page) error {
	page.Title(p.Name, "")
	page.Paragraph("", p.summary())
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

// summary says what is known in a few sentences.
func (p *domainPatterns) summary() string {
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

func (p *domainPatterns) list(page *pages.Page, title, note string, list []patternName) {
	if len(list) == 0 {
		return
	}
	page.Section(title, note)
	width := 0
	for _, x := range list[:min(len(list), maxPatternNames)] {
		width = max(width, len(x.Name))
	}
	for _, x := range list[:min(len(list), maxPatternNames)] {
		text := fmt.Sprintf("%s on %s, last on %s", layout.Count(x.Messages, "message"), layout.Count(x.Days, "day"), x.Last)
		if x.Unsigned > 0 {
			text += fmt.Sprintf(", %d unsigned", x.Unsigned)
		}
		if x.Known {
			text += ", a known forwarder"
		}
		page.Line("  %-*s  %s", width, x.Name, page.Wrap(text, width+4, width+4))
	}
	if more := len(list) - maxPatternNames; more > 0 {
		page.Line("  and %d more; --json has all", more)
	}
}
