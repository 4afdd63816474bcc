//go:build linux

package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/postvet/postvet/contrib/realmta"
	"github.com/postvet/postvet/policy/dmarc/report"
	"github.com/postvet/postvet/policy/reportmail"
)

// reporter is a program that makes DMARC reports of the mail that it sees.
type reporter struct {
	name string
	// reports returns the documents about the cases.
	reports func(t *testing.T, bin string, cases []Case) []string
	// exact says that the documents must be valid, and their counts right.
	exact bool
}

// sinkAddress is where reports go.
const sinkAddress = "127.0.0.1:2525"

// TestReporters plays the same messages through Postvet, Rspamd and OpenDMARC, has each
// send its reports about them, and holds the reports against the schema of RFC 9990, its
// text, and the messages. It prints a table.
func TestReporters(t *testing.T) {
	inNamespaces(t, compareReporters)
}

func compareReporters(t *testing.T) {
	bin := os.Getenv(insideKey)
	if err := setUp(bin); err != nil {
		t.Skip(err) // such as in a container that may not mount
	}
	corpus, err := NewCorpus(CorpusOptions{Seed: 9990, Domains: 40, Messages: 300, Median: 500})
	if err != nil {
		t.Fatal(err)
	}
	dns, err := serveDNS(corpus.Zone)
	if err != nil {
		t.Fatal(err)
	}
	defer dns.Close()
	corpus.Cases = append(corpus.Cases, hostile(t, corpus.Cases)...)
	want := expectedReports(corpus.Cases)
	var table strings.Builder
	fmt.Fprintf(&table, "%s\n", corpus.describe())
	for _, c := range contestants() {
		if c.name == "rspamd" || c.name == "opendkim+opendmarc" {
			fmt.Fprintln(&table, c.version())
		}
	}
	fmt.Fprintln(&table)
	fmt.Fprintln(&table, "| reporter | reports | XML | valid by the schema | by all of RFC 9990 | messages | DKIM aligned | SPF aligned | failed | refused | domains whose numbers are right | rules broken (reports) |")
	fmt.Fprintln(&table, "|---|---|---|---|---|---|---|---|---|---|---|---|")
	w := want.sum()
	fmt.Fprintf(&table, "| the truth | %d | | | | %d | %d | %d | %d | %d | %d | |\n", len(want), w.messages, w.dkim, w.spf, w.failed, w.refused, len(want))
	all := reporters(t)
	startStores(t)
	for _, r := range all {
		t.Run(r.name, func(t *testing.T) {
			got := &reported{documents: r.reports(t, bin, corpus.Cases), counts: counts{}, problems: map[string]int{}}
			got.judge(t)
			got.write(&table, r.name, want)
			if len(got.documents) == 0 {
				t.Error("there are no reports")
			}
			if r.exact && (got.valid < len(got.documents) || got.lint < len(got.documents) || got.exact(want) < len(want)) {
				t.Error("a report is not valid, or its numbers are wrong")
			}
		})
	}
	t.Logf("\n%s", table.String())
	if name := os.Getenv("POSTVET_REPORTERS_TABLE"); name != "" {
		if err := os.WriteFile(name, []byte(table.String()), 0o644); err != nil {
			t.Error(err)
		}
	}
}

// hostile returns forged mail whose signatures name domains and selectors that are markup.
func hostile(t *testing.T, cases []Case) []Case {
	t.Helper()
	at := slices.IndexFunc(cases, func(c Case) bool { return c.Kind == "spoof" && c.Want.Disposition == "none" && c.Want.DMARC == "fail" })
	if at < 0 {
		t.Fatal("the corpus has no spoof that fails under p=none")
	}
	var all []Case
	for _, tags := range []string{"d=a&b.example; s=x", "d=</domain><b>.example; s=x", "d=other.example; s=<x>&]]>", "d=Other.EXAMPLE.; s=\u00fc"} {
		c := cases[at]
		c.Kind = "hostile"
		c.Fields = append([]Field{{"DKIM-Signature", " v=1; a=rsa-sha256; c=relaxed/relaxed; " + tags +
			"; h=From; bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=AAAA"}}, c.Fields...)
		all = append(all, c)
	}
	return all
}

// tallied is how many messages reports have of a policy domain: all, those with an aligned
// signature, with aligned SPF, that fail DMARC, and that are refused.
type tallied struct{ messages, dkim, spf, failed, refused int64 }

func (a tallied) plus(b tallied) tallied {
	return tallied{a.messages + b.messages, a.dkim + b.dkim, a.spf + b.spf, a.failed + b.failed, a.refused + b.refused}
}

// counts are the numbers of each policy domain.
type counts map[string]tallied

func (c counts) add(domain string, n tallied) { c[domain] = c[domain].plus(n) }

func (c counts) sum() (all tallied) {
	for _, n := range c {
		all = all.plus(n)
	}
	return all
}

// expectedReports returns what reports must say about messages: those of a subdomain
// belong to the domain whose record governs them (RFC 9990 section 3.1.2).
func expectedReports(cases []Case) counts {
	all := counts{}
	for i := range cases {
		c := &cases[i]
		if c.Want.DMARC == "none" {
			continue // no record
		}
		at := slices.IndexFunc(c.Fields, func(f Field) bool { return f.Name == "From" })
		_, author, _ := strings.Cut(strings.TrimRight(c.Fields[at].Value, ">"), "@")
		domain := strings.TrimPrefix(author, "news.")
		all.add(domain, tallied{
			messages: 1,
			dkim:     one(slices.Contains(c.Want.DKIM, "pass")), // each is signed by the author's domain
			// A bounce has the SPF result of its HELO name (RFC 9989 section 4.4.2).
			spf:     one(c.Want.SPF == "pass" && (c.MailFrom != "" || c.Client.Helo == "mx."+domain)),
			failed:  one(c.Want.DMARC == "fail"),
			refused: one(c.Want.Disposition == "reject"),
		})
	}
	return all
}

func one(yes bool) int64 {
	if yes {
		return 1
	}
	return 0
}

// reported is what a reporter sent.
type reported struct {
	documents []string
	valid     int // by our check
	lint      int // by xmllint
	// wellFormed are XML. Our reader reads what is not, too.
	wellFormed int
	counts     counts
	problems   map[string]int // documents that have it, by rule
}

// played plays the cases through milters, which the caller stops.
func played(t *testing.T, bin string, cases []Case, milters func(*place) ([]program, error)) *running {
	t.Helper()
	run, err := launch(&contestant{name: t.Name(), start: milters}, bin, bin)
	if err != nil {
		t.Fatal(err)
	}
	for i := range cases {
		s, err := openSession(run.chain, cases[i].Client)
		if err == nil {
			_, err = s.message(&cases[i], fmt.Sprintf("4D%08X", i))
			s.close()
		}
		if err != nil {
			run.stop()
			t.Fatal(err)
		}
	}
	return run
}

// sent plays the cases through milters, has send send all reports to sinkAddress, and
// returns the documents that come.
func sent(t *testing.T, bin string, cases []Case, milters func(*place) ([]program, error), send func(*testing.T, *running)) []string {
	t.Helper()
	run := played(t, bin, cases, milters)
	defer run.stop()
	sink, err := realmta.StartSink(sinkAddress)
	if err != nil {
		t.Fatal(err)
	}
	defer sink.Close()
	send(t, run)
	var documents []string
	for _, m := range sink.Got() {
		_, err := reportmail.Read(bytes.NewReader(m.Message), func(d *reportmail.Document) error {
			text, err := io.ReadAll(d.Body)
			documents = append(documents, string(text))
			return err
		})
		if err != nil {
			t.Errorf("a message to %s has no report: %v", m.Recipients, err)
		}
	}
	return documents
}

// judge checks the documents and counts what they say.
func (r *reported) judge(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	for i, text := range r.documents {
		v, err := report.Check(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		if v.Valid() {
			r.valid++
		}
		had := map[string]bool{}
		for _, p := range v.Problems {
			rule, _, _ := strings.Cut(p.Rule, ", not ") // what is there instead
			if name := p.Element + ": " + rule; !p.Warning && !had[name] {
				had[name] = true
				r.problems[name]++
			}
		}
		_, err = report.Read(strings.NewReader(text), func(h *report.Head, rec *report.Record) error {
			r.counts.add(h.Policy.Domain, tallied{
				messages: rec.Count, dkim: one(rec.DKIMAligned) * rec.Count, spf: one(rec.SPFAligned) * rec.Count,
				failed: one(!rec.Passed()) * rec.Count, refused: one(rec.Disposition == report.DispositionReject) * rec.Count,
			})
			return nil
		})
		if err != nil {
			t.Errorf("report %d cannot be read: %v\n%s", i, err, text)
		}
		if wellFormed(text) {
			r.wellFormed++
		}
		name := filepath.Join(dir, fmt.Sprintf("%d.xml", i))
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		root, err := moduleRoot()
		if err != nil {
			t.Fatal(err)
		}
		if exec.Command("xmllint", "--noout", "--nonet", "--schema", filepath.Join(root, "policy/dmarc/report/testdata/dmarc-2.0.xsd"), name).Run() == nil {
			r.lint++
		}
	}
}

// wellFormed reports whether a text is XML.
func wellFormed(text string) bool {
	d := xml.NewDecoder(strings.NewReader(text))
	for {
		if _, err := d.Token(); err != nil {
			return errors.Is(err, io.EOF)
		}
	}
}

// exact returns of how many policy domains all numbers are right.
func (r *reported) exact(want counts) int {
	n := 0
	for domain, w := range want {
		if r.counts[domain] == w {
			n++
		}
	}
	return n
}

// maxShownProblems is how many rules a line of the table names.
const maxShownProblems = 8

// write writes a line of the table.
func (r *reported) write(w io.Writer, name string, want counts) {
	type problem struct {
		text string
		n    int
	}
	var problems []problem
	for text, n := range r.problems {
		problems = append(problems, problem{text, n})
	}
	slices.SortFunc(problems, func(a, b problem) int {
		if a.n != b.n {
			return b.n - a.n
		}
		return strings.Compare(a.text, b.text)
	})
	var texts []string
	for _, p := range problems {
		texts = append(texts, fmt.Sprintf("%s (%d)", p.text, p.n))
	}
	if len(texts) > maxShownProblems {
		texts = append(texts[:maxShownProblems], fmt.Sprintf("and %d others", len(texts)-maxShownProblems))
	}
	if len(texts) == 0 {
		texts = []string{"none"}
	}
	sum := r.counts.sum()
	fmt.Fprintf(w, "| %s | %d | %d | %d | %d | %d | %d | %d | %d | %d | %d of %d | %s |\n", name, len(r.documents), r.wellFormed, r.lint, r.valid,
		sum.messages, sum.dkim, sum.spf, sum.failed, sum.refused, r.exact(want), len(want), strings.Join(texts, "; "))
}
