package main

import (
	"cmp"
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
	"github.com/postvet/postvet/cmd/postvet/internal/layout"
	"github.com/postvet/postvet/cmd/postvet/internal/resulttext"
	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/result"
)

// historyOutput writes messages of the journal as a table, JSON or CSV.
type historyOutput struct {
	w         io.Writer
	json, csv bool
	fleet     bool // the nodes are shown
	screen    layout.Screen
	begun     bool
}

func (o *historyOutput) write(all []*rows.Row) error {
	switch {
	case o.json:
		e := newEncoder(o.w)
		for _, r := range all {
			if err := e.Encode(newHistoryLine(r)); err != nil {
				return err
			}
		}
		return nil
	case o.csv:
		return o.writeCSV(all)
	}
	return o.writeTable(all)
}

// writeTable writes lines of at most 80 columns.
func (o *historyOutput) writeTable(all []*rows.Row) error {
	const form = "%-14s  %-10s  %-18s  %-17s  %s"
	what := "rule"
	if o.fleet {
		what = "node"
	}
	if !o.begun && len(all) > 0 {
		o.begun = true
		if _, err := fmt.Fprintln(o.w, o.screen.Paint(layout.Bold, fmt.Sprintf(form, "time", "action", "author", what, "reference"))); err != nil {
			return err
		}
	}
	for _, r := range all {
		what := r.Verdict.Rule
		if o.fleet {
			what = r.Node
		}
		line := fmt.Sprintf(form, r.Ref.Time().Local().Format("01-02 15:04:05"), actionOf(r), fit(authorOf(r), 18), fit(what, 17), r.Ref)
		if _, err := fmt.Fprintln(o.w, line); err != nil {
			return err
		}
	}
	return nil
}

// actionOf returns what was done; with "!" if monitoring prevented it.
func actionOf(r *rows.Row) string {
	if would := r.Verdict.Would(); would != "" {
		return fit(string(would), 9) + "!"
	}
	return fit(string(r.Verdict.Action), 10)
}

// authorOf returns the author's domain, or that of MAIL FROM in brackets.
func authorOf(r *rows.Row) string {
	if d := r.Results.Author.Domain; d != "" {
		return d
	}
	return "<" + strings.TrimPrefix(r.Results.MailFrom, rows.NoLocalPart) + ">"
}

// fit returns a harmless text of at most n columns. Of a long one the end stays, which says
// most of a domain.
func fit(s string, n int) string {
	runes := []rune(foreign.Terminal(s, foreign.Whole))
	if len(runes) <= n {
		return string(runes)
	}
	return "~" + string(runes[len(runes)-n+1:])
}

// historyLine is a message in JSON, with the keys of the log line.
type historyLine struct {
	Node        string           `json:"node,omitempty"`
	At          time.Time        `json:"at"`
	Ref         result.Reference `json:"ref"`
	Queue       string           `json:"queue"`
	Client      string           `json:"client"`
	Relay       string           `json:"relay"`
	Helo        string           `json:"helo"`
	From        string           `json:"from"`
	Recipients  int              `json:"rcpts"`
	To          []string         `json:"rcpt"`
	MessageID   string           `json:"message_id"`
	Author      string           `json:"author"`
	SPF         []string         `json:"spf"`
	DKIM        []string         `json:"dkim"`
	DMARC       string           `json:"dmarc"`
	ARC         string           `json:"arc"`
	IPRev       string           `json:"iprev"`
	Action      result.Action    `json:"action"`
	Would       result.Action    `json:"would,omitempty"`
	Code        string           `json:"code"`
	Reply       string           `json:"reply"`
	Rule        string           `json:"rule"`
	Overrides   []string         `json:"overrides"`
	Refused     []string         `json:"refused_overrides"`
	Matched     []string         `json:"matched,omitempty"`
	Why         []string         `json:"why"`
	Hints       []string         `json:"hint"`
	Exempt      string           `json:"exempt"`
	Redirect    string           `json:"redirect,omitempty"`
	Shadow      string           `json:"shadow,omitempty"`
	Early       bool             `json:"early"`
	Undelivered bool             `json:"undelivered"`
	Size        int64            `json:"size"`
	DNSWaitMS   float64          `json:"dns_ms"`
	Lookups     int              `json:"dns_lookups"`
	TookMS      float64          `json:"took_ms"`
	Faults      []string         `json:"faults"`
	Generation  int64            `json:"generation"`
}

func newHistoryLine(r *rows.Row) historyLine {
	res, v := r.Results, r.Verdict
	l := historyLine{
		Node: r.Node, At: r.Ref.Time(), Ref: r.Ref, Queue: r.Queue, Client: res.Client.IP, Relay: res.Client.Relay, Helo: res.Client.Helo,
		From: shortAddress(res.MailFrom), Recipients: r.Recipients, To: []string{}, MessageID: r.MessageID,
		Author: cmp.Or(res.Author.Domain, res.Author.Problem), SPF: []string{}, DKIM: []string{}, ARC: string(res.ARC.Status), IPRev: string(res.IPRev.Status),
		Action: v.Action, Would: v.Would(), Code: v.Code, Reply: strings.TrimSpace(v.Code + " " + v.Text), Rule: v.Rule, Overrides: []string{}, Refused: []string{},
		Why: v.Why, Hints: []string{}, Exempt: res.Exempt, Redirect: v.RedirectTo, Early: r.Early, Undelivered: r.Undelivered,
		Size: res.Size, DNSWaitMS: res.DNS.WaitMS, Lookups: res.DNS.Lookups, TookMS: float64(r.Took.Microseconds()) / 1000,
		Faults: slices.Concat([]string{}, res.Faults, v.Faults, r.Faults), Generation: r.Generation,
	}
	if v.Code == "" {
		l.Reply = ""
	}
	for _, to := range res.Recipients {
		l.To = append(l.To, shortAddress(to))
	}
	for _, s := range res.SPF {
		l.SPF = append(l.SPF, fmt.Sprintf("%s=%s %s", s.Identity, s.Status, s.Domain))
	}
	for _, d := range res.DKIM {
		d.Status, _ = res.Counts(d)
		l.DKIM = append(l.DKIM, fmt.Sprintf("%s %s/%s", d.Status, d.Domain, d.Selector))
	}
	if l.DMARC = string(res.DMARC.Status); res.DMARC.Policy != "" {
		l.DMARC += " p=" + string(res.DMARC.Policy)
	}
	for _, o := range v.Overrides {
		l.Overrides = append(l.Overrides, string(o.Reason)+" "+o.String())
	}
	for _, o := range v.Refused {
		l.Refused = append(l.Refused, string(o.Reason)+" "+o.String())
	}
	for _, m := range v.Matched {
		l.Matched = append(l.Matched, resulttext.Match(m))
	}
	for _, h := range v.Hints {
		l.Hints = append(l.Hints, string(h.Word))
	}
	if r.ShadowAction != "" {
		l.Shadow = string(r.ShadowAction) + " " + r.ShadowRule
	}
	return l
}

// shortAddress returns an address as it is kept: a domain begins with "@".
func shortAddress(s string) string {
	return strings.TrimPrefix(s, strings.TrimSuffix(rows.NoLocalPart, "@"))
}

// writeCSV writes the most important keys.
func (o *historyOutput) writeCSV(all []*rows.Row) error {
	w := csv.NewWriter(o.w)
	if !o.begun {
		o.begun = true
		head := []string{"at", "ref", "queue", "action", "would", "code", "rule", "author", "from", "rcpts", "rcpt", "client", "helo", "spf", "dkim", "dmarc", "arc", "hint", "why"}
		if o.fleet {
			head = append(head, "node")
		}
		_ = w.Write(head)
	}
	for _, r := range all {
		l := newHistoryLine(r)
		cells := []string{
			l.At.Format(time.RFC3339Nano), l.Ref.String(), l.Queue, string(l.Action), string(l.Would), l.Code, l.Rule, l.Author, l.From,
			strconv.Itoa(l.Recipients), strings.Join(l.To, " "), l.Client, l.Helo, strings.Join(l.SPF, ", "), strings.Join(l.DKIM, ", "), l.DMARC, l.ARC,
			strings.Join(l.Hints, " "), strings.Join(l.Why, " "),
		}
		if o.fleet {
			cells = append(cells, l.Node)
		}
		_ = writeCells(w, cells)
	}
	w.Flush()
	return w.Error()
}

// writeCells writes a line of CSV whose values no spreadsheet takes for a formula.
func writeCells(w *csv.Writer, cells []string) error {
	for i, s := range cells {
		cells[i] = cell(s)
	}
	return w.Write(cells)
}

// cell returns a value that no spreadsheet takes for a formula.
func cell(s string) string {
	s = foreign.Terminal(s, foreign.Whole)
	if s != "" && strings.ContainsRune("=+-@|%", rune(s[0])) {
		return "'" + s
	}
	return s
}
