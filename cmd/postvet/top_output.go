package main

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/counts"
	"github.com/postvet/postvet/cmd/postvet/internal/layout"
	"github.com/postvet/postvet/policy/result"
)

// topColumn is a column of numbers.
type topColumn struct {
	head string
	of   func(*counts.Sums) int64
}

// field returns the column of a field.
func field(head string, f counts.Field) topColumn {
	return topColumn{head, func(s *counts.Sums) int64 { return s[f] }}
}

var (
	colAll       = field("all", counts.All)
	colFailed    = field("failed", counts.Failed)
	colWould     = field("would", counts.Would)
	colShadow    = field("shadow", counts.Shadow)
	colForwarded = field("forward", counts.Forwarded)
	colRefused   = topColumn{"refused", refusedOf}
)

// refusedOf returns the number of messages that did not reach their recipients.
func refusedOf(s *counts.Sums) int64 {
	return s[counts.Rejected] + s[counts.Quarantined] + s[counts.Deferred] + s[counts.Discarded]
}

// topTable writes names as a table of at most 80 columns.
type topTable struct {
	of      topOf
	r       counts.Ranking
	columns []topColumn // the first one is that by which names are ranked
	screen  layout.Screen
}

func newTopTable(of topOf, r counts.Ranking, screen layout.Screen) *topTable {
	t := &topTable{of: of, r: r, screen: screen, columns: []topColumn{field(shortHead(r.Query.By), r.Query.By)}}
	most := 4
	if of.cause != "" {
		most = 3
	}
	for _, c := range of.columns {
		if c.head != t.columns[0].head && len(t.columns) < most {
			t.columns = append(t.columns, c)
		}
	}
	return t
}

// shortHead returns the head of the column of a field.
func shortHead(f counts.Field) string {
	switch f {
	case counts.All:
		return "all"
	case counts.Forwarded:
		return "forward"
	case counts.Quarantined:
		return "held"
	}
	return fit(f.String(), 8)
}

// Widths of the table. With three numbers and a change, 14 columns are left for the cause.
const (
	topName   = 24
	topNumber = 8
	topCause  = 14
)

func (t *topTable) write(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n%s\n\n", t.period(), t.summary())
	head := fmt.Sprintf("%-*s", topName, t.r.Query.Kind)
	for i, c := range t.columns {
		head += fmt.Sprintf("  %*s", topNumber, c.head)
		if i == 0 {
			head += fmt.Sprintf("  %*s", topNumber, "change")
		}
	}
	if t.of.cause != "" {
		head += "  " + t.of.cause
	}
	fmt.Fprintln(&b, t.screen.Paint(layout.Bold, head))
	for i := range t.r.Lines {
		fmt.Fprintln(&b, strings.TrimRight(t.line(&t.r.Lines[i]), " "))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// period says of which time the numbers are.
func (t *topTable) period() string {
	q := t.r.Query
	form := "2006-01-02 15:04"
	return fmt.Sprintf("%s to %s, against the %s before", q.Since.Local().Format(form), q.Until.Local().Format(form), span(q.Until.Sub(q.Since)))
}

// span returns a time in hours or days.
func span(d time.Duration) string {
	hours := int(d / time.Hour)
	switch {
	case hours == 7*24:
		return "week"
	case hours < 48 && hours != 24:
		return layout.Count(hours, "hour")
	}
	return layout.Count((hours+12)/24, "day")
}

// summary says in words how all messages fared.
func (t *topTable) summary() string {
	all, former := &t.r.All, &t.r.Former
	s := fmt.Sprintf("%s%s: %d failed DMARC%s, %d refused", layout.Count(all[counts.All], "message"), t.changeIn(all[counts.All], former[counts.All]),
		all[counts.Failed], t.changeIn(all[counts.Failed], former[counts.Failed]), refusedOf(all))
	if n := all[counts.Spared]; n > 0 {
		s += fmt.Sprintf(", %d would be", n)
	}
	return s
}

// changeIn returns a change in brackets, "" if it is not known.
func (t *topTable) changeIn(n, former int64) string {
	if c := t.change(n, former); c != "-" && c != "new" {
		return " (" + c + ")"
	}
	return ""
}

// change returns the change of a number against the period before.
func (t *topTable) change(n, former int64) string {
	switch {
	case !t.r.Oldest.Before(t.r.Query.Since):
		return "-" // nothing was counted then
	case former == 0 && n == 0:
		return "same"
	case former == 0:
		return "new"
	}
	percent := (200*(n-former) + former) / (2 * former) // rounded
	if n < former {
		percent = -((200*(former-n) + former) / (2 * former))
	}
	switch {
	case percent == 0:
		return "same"
	case percent > 9999:
		return ">9999 %"
	}
	return fmt.Sprintf("%+d %%", percent)
}

func (t *topTable) line(l *counts.Line) string {
	s := fmt.Sprintf("%-*s", topName, fit(l.Name, topName))
	for i, c := range t.columns {
		n := c.of(&l.Sums)
		s += fmt.Sprintf("  %*s", topNumber, number(n))
		if i == 0 {
			s += fmt.Sprintf("  %*s", topNumber, t.change(n, c.of(&l.Former)))
		}
	}
	if t.of.cause == "" {
		return s
	}
	return s + "  " + t.cause(l)
}

// number returns a number in at most eight columns.
func number(n int64) string {
	switch {
	case n < 100_000_000:
		return strconv.FormatInt(n, 10)
	case n < 100_000_000_000:
		return strconv.FormatInt(n/1_000_000, 10) + "M"
	}
	return strconv.FormatInt(n/1_000_000_000, 10) + "G"
}

// cause returns the last column of a line.
func (t *topTable) cause(l *counts.Line) string {
	switch {
	case t.r.Query.Kind == counts.Hint:
		return hintMeaning(l.Name)
	case t.r.Query.By != counts.Spared && l.Hint != "":
		return hintMeaning(l.Hint)
	}
	return fit(l.Rule, topCause)
}

// hintMeanings say in topCause columns what hints mean.
var hintMeanings = map[result.HintWord]string{
	result.HintList:            "list's changes",
	result.HintAltered:         "altered",
	result.HintForwarded:       "forwarded",
	result.HintMaybeForwarded:  "forwarded?",
	result.HintNotChecked:      "DNS failed",
	result.HintOtherSigner:     "other signer",
	result.HintKeyMissing:      "no key in DNS",
	result.HintWeak:            "weak signature",
	result.HintExpired:         "expired",
	result.HintPartial:         "partly signed",
	result.HintStrict:          "strict p. tags",
	result.HintSPFBroken:       "SPF broken",
	result.HintUnauthenticated: "no proof",
}

func hintMeaning(word string) string {
	if s := hintMeanings[result.HintWord(word)]; s != "" {
		return s
	}
	return fit(word, topCause)
}

// writeTopCSV writes a line for each name, with all numbers of both periods.
func writeTopCSV(out io.Writer, r counts.Ranking) error {
	w := csv.NewWriter(out)
	head := []string{"kind", "name", "hint", "rule"}
	for _, prefix := range []string{"", "former_"} {
		for _, f := range counts.FieldNames() {
			head = append(head, prefix+f)
		}
	}
	_ = w.Write(head)
	for i := range r.Lines {
		l := &r.Lines[i]
		cells := []string{r.Query.Kind.String(), cell(l.Name), cell(l.Hint), cell(l.Rule)}
		for _, s := range []*counts.Sums{&l.Sums, &l.Former} {
			for _, n := range s {
				cells = append(cells, strconv.FormatInt(n, 10))
			}
		}
		_ = w.Write(cells)
	}
	w.Flush()
	return w.Error()
}
