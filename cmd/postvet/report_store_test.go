package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/sqlite"
	"github.com/postvet/postvet/cmd/postvet/internal/reports"
	"github.com/postvet/postvet/cmd/postvet/internal/reportstore"
	"github.com/postvet/postvet/policy/dmarc/report"
	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/reporting"
)

// outbox is a store in a directory of its own with a configuration that names it. It has
// two reports of yesterday, a domain that led to none, and today's counts.
type outbox struct {
	store *reportstore.Store
	dir   string
	conf  string
	today reports.Day
}

// evil is foreign text that steers a terminal, or a spreadsheet.
const evil = "=cmd|' /C calc'!A0 \x1b[31m\u202e no such user"

const (
	firstID  = "5f2c09aa5f2c09aa5f2c09aa5f2c09aa"
	secondID = "5f2cffff5f2c09aa5f2c09aa5f2c09aa"
)

func newOutbox(t *testing.T) *outbox {
	t.Helper()
	withinDay(t, time.Minute)
	o := &outbox{dir: t.TempDir(), today: reports.DayOf(time.Now())}
	o.conf = filepath.Join(o.dir, "postvet.toml")
	err := os.WriteFile(o.conf, []byte("[report]\ncollect = true\nsubmitter = \"example.net\"\ndirectory = \""+o.dir+"\"\n"), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if o.store, err = reportstore.Open(t.Context(), reportstore.Options{File: filepath.Join(o.dir, "reports.db")}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = o.store.Close() })
	var counted []reports.Counted
	for _, c := range []struct {
		day    reports.Day
		domain string
		ip     string
		n      int64
	}{
		{o.today - 1, "example.org", "192.0.2.1", 12},
		{o.today - 1, "example.org", "192.0.2.2", 3},
		{o.today - 1, "spam.example", "192.0.2.66", 7},
		{o.today - 1, "slow.example", "192.0.2.1", 5},
		{o.today, "example.org", "192.0.2.1", 4},
	} {
		counted = append(counted, reports.Counted{
			Day: c.day, Kind: reporting.Ordinary,
			Policy: reporting.Policy{
				Policy: report.Policy{Domain: c.domain, Discovery: "treewalk", P: "reject", SP: "reject", NP: "reject", ADKIM: "r", ASPF: "r", FO: "0", Testing: "n"},
				RUA:    []string{"mailto:d@" + c.domain},
			},
			Record: report.Record{
				Source: netip.MustParseAddr(c.ip), Count: c.n, Disposition: report.DispositionPass, DKIMAligned: true, HeaderFrom: c.domain,
				HasEnvelopeFrom: true, EnvelopeFrom: c.domain, DKIM: []report.DKIM{{Domain: c.domain, Selector: "s", Result: "pass"}},
				SPF: []report.SPF{{Domain: c.domain, Scope: "mfrom", Result: "pass"}},
			},
		})
	}
	if _, err := o.store.Add(t.Context(), counted); err != nil {
		t.Fatal(err)
	}
	if _, waiting, err := o.store.CloseDays(t.Context()); err != nil || len(waiting) > 0 {
		t.Fatal(err, waiting)
	}
	o.freeze(t)
	return o
}

// freeze makes the reports of yesterday. That to spam.example is left out, and that to
// slow.example goes on waiting.
func (o *outbox) freeze(t *testing.T) {
	t.Helper()
	subjects, err := o.store.Subjects(t.Context(), reportstore.SubjectQuery{Progress: reportstore.SubjectClosed})
	if err != nil || len(subjects) != 3 {
		t.Fatal(err, subjects)
	}
	ids := []string{firstID, secondID}
	for _, x := range subjects {
		if x.Policy.Domain == "spam.example" {
			if ok, err := o.store.Skip(t.Context(), x, "not known"); err != nil || !ok {
				t.Fatal(ok, err)
			}
			continue
		}
		r := &reports.Report{
			ID: ids[0], Kind: reports.Aggregate, Domain: x.Policy.Domain, Begin: x.Day.Begin(), End: x.Day.End(), Submitter: "example.net", Created: time.Now(),
		}
		ids = ids[1:]
		var b bytes.Buffer
		head := report.Head{OrgName: "Ours", Email: "d@example.net", ReportID: r.ID, Begin: r.Begin, End: r.End, Policy: x.Policy.Policy}
		records := o.store.Records(t.Context(), x)
		if err := report.WriteGzip(&b, &head, records.All()); err != nil {
			t.Fatal(err)
		}
		r.Document = b.Bytes()
		r.Records, r.Messages = records.Count()
		if ok, err := o.store.Freeze(t.Context(), r, x, time.Now(), "d@"+x.Policy.Domain, "=x@"+x.Policy.Domain); err != nil || !ok {
			t.Fatal(ok, err)
		}
	}
	change := func(id, address string, d reports.Delivery) {
		d.Report, d.Address = id, address
		if ok, err := o.store.Change(t.Context(), d, reports.New); err != nil || !ok {
			t.Fatal(ok, err)
		}
	}
	change(firstID, "d@example.org", reports.Delivery{State: reports.Queued, Attempts: 1, Code: 250, Status: "2.0.0", Text: "Ok"})
	change(firstID, "=x@example.org", reports.Delivery{State: reports.Bounced, Attempts: 1, Code: 550, Status: "5.1.1", Text: evil})
	change(secondID, "d@slow.example", reports.Delivery{State: reports.Deferred, Attempts: 2, Code: 450, Text: evil, Next: time.Now().Add(time.Hour)})
}

// run runs a command about the outbox. What it prints cannot steer a terminal.
func (o *outbox) run(t *testing.T, want int, args ...string) (out, errOut string) {
	t.Helper()
	out, errOut = runFor(t, want, append(append([]string{"report"}, args...), "--config", o.conf)...)
	for _, r := range out + errOut {
		if r != '\n' && !foreign.IsReadable(r) {
			t.Fatalf("%v: %q came through in %q", args, r, out)
		}
	}
	return out, errOut
}

func TestReportList(t *testing.T) {
	t.Parallel()
	o := newOutbox(t)
	out, _ := o.run(t, exitDone, "list")
	lines := strings.Split(strings.TrimSpace(out), "\n")
	for _, l := range lines {
		if len([]rune(l)) > 80 {
			t.Errorf("%d columns: %s", len([]rune(l)), l)
		}
	}
	if !strings.HasPrefix(lines[0], "day         domain") || !strings.Contains(lines[1], o.today.String()+"  example.org ") || !strings.Contains(lines[1], " 4  open") {
		t.Errorf("%s", out)
	}
	for _, want := range []string{"15  queued      5f2c09aa  d@example.org", "15  bounced     5f2c09aa  =x@example.org", "550 5.1.1", "5  deferred    5f2cffff  d@slow.example", "again at "} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	if strings.Contains(out, "spam.example") {
		t.Errorf("a skipped one is shown unasked:\n%s", out)
	}
	if out, _ = o.run(t, exitDone, "list", "--state", "skipped"); !strings.Contains(out, "7  skipped") || !strings.Contains(out, "            not known\n") {
		t.Errorf("%s", out)
	}
	for _, tc := range []struct {
		args []string
		rows int
	}{
		{[]string{"--day", "yesterday"}, 5},
		{[]string{"--day", "today"}, 1},
		{[]string{"--day", o.today.String(), "--state", "open"}, 1},
		{[]string{"--state", "skipped"}, 1},
		{[]string{"--state", "queued,bounced"}, 2},
		{[]string{"--domain", "EXAMPLE.org."}, 3},
		{[]string{"--address", "d@example.org"}, 1},
		{[]string{"--address", "@slow.example"}, 2},
		{[]string{"--limit", "2"}, 2},
	} {
		out, _ := o.run(t, exitDone, append([]string{"list", "--json"}, tc.args...)...)
		rows := 0
		for line := range strings.Lines(out) {
			var r reportRow
			if err := json.Unmarshal([]byte(line), &r); err != nil || r.Day == "" || r.Domain == "" || r.State == "" || r.Messages == 0 {
				t.Errorf("%v: %v, %s", tc.args, err, line)
			}
			rows++
		}
		if rows != tc.rows {
			t.Errorf("%v: %d rows, want %d:\n%s", tc.args, rows, tc.rows, out)
		}
	}
	out, _ = o.run(t, exitDone, "list", "--csv")
	cells, err := csv.NewReader(strings.NewReader(out)).ReadAll()
	if err != nil || len(cells) != 6 || len(cells[0]) != 14 {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, row := range cells[1:] {
		for _, c := range row {
			if strings.HasPrefix(c, "=") {
				t.Errorf("a spreadsheet would compute %q", c)
			}
		}
	}
	if _, errOut := o.run(t, exitNo, "list", "--domain", "other.example"); !strings.Contains(errOut, "no such reports") {
		t.Error(errOut)
	}
}

func TestReportShow(t *testing.T) {
	t.Parallel()
	o := newOutbox(t)
	out, _ := o.run(t, exitDone, "show", "5f2c09")
	for _, want := range []string{
		"report " + firstID + ", made ", "  to d@example.org: queued since ", "     250 2.0.0 Ok\n", "  to =x@example.org: bounced since ", "example.org p=reject",
		"        12  192.0.2.1 ", "         3  192.0.2.2 ", "15 messages in 2 records",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	out, _ = o.run(t, exitDone, "show", firstID, "--xml")
	if v, err := report.Check(strings.NewReader(out)); err != nil || !v.Valid() || v.Messages != 15 {
		t.Errorf("%v %+v", err, v)
	}
	out, _ = o.run(t, exitDone, "show", firstID, "--json")
	var shown sentJSON
	if err := json.Unmarshal([]byte(out), &shown); err != nil || shown.ID != firstID || len(shown.Deliveries) != 2 || len(shown.Report.Records) != 2 || shown.Report.Aggregate.OrgName != "Ours" {
		t.Errorf("%v\n%s", err, out)
	}
	o.run(t, exitUsage, "show", "5f2c")
	o.run(t, exitNo, "show", "00")
	o.run(t, exitUsage, "show", "x'; DROP TABLE")
	o.run(t, exitUsage, "show", firstID, "--xml", "--json")
}

func TestReportPreview(t *testing.T) {
	t.Parallel()
	o := newOutbox(t)
	out, _ := o.run(t, exitDone, "preview", "example.org")
	for _, want := range []string{"reports go to mailto:d@example.org", "example.net  " + o.today.String(), "         4  192.0.2.1 ", "4 messages in 1 record"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	before, _ := o.run(t, exitDone, "list", "--json")
	xml, _ := o.run(t, exitDone, "preview", "example.org", "--xml")
	if v, err := report.Check(strings.NewReader(xml)); err != nil || !v.Valid() || v.Messages != 4 {
		t.Errorf("%v %+v\n%s", err, v, xml)
	}
	out, _ = o.run(t, exitDone, "preview", "example.org", "--json")
	var d documentJSON
	if err := json.Unmarshal([]byte(out), &d); err != nil || len(d.Records) != 1 || d.Records[0].Count != 4 || d.Aggregate.Policy.Domain != "example.org" {
		t.Errorf("%v\n%s", err, out)
	}
	if after, _ := o.run(t, exitDone, "list", "--json"); after != before {
		t.Errorf("a preview has changed something:\n%s\n%s", before, after)
	}
	o.run(t, exitNo, "preview", "news.example.org")
	o.run(t, exitNo, "preview", "example.org", "--day", "yesterday") // its report was made
	o.run(t, exitUsage, "preview", "..")
	o.run(t, exitUsage, "preview", "example.org", "--day", "someday")
}

func TestReportSuppress(t *testing.T) {
	t.Parallel()
	o := newOutbox(t)
	o.run(t, exitNo, "suppress", "list")
	out, _ := o.run(t, exitDone, "suppress", "add", "D@Example.ORG", "@example.net", "--reason", evil)
	if out != "D@example.org gets no reports\n@example.net gets no reports\n" {
		t.Error(out)
	}
	o.run(t, exitDone, "suppress", "add", "x@example.com", "--for", "30d")
	out, _ = o.run(t, exitDone, "suppress", "list", "--json")
	var rows []suppressionJSON
	for line := range strings.Lines(out) {
		var r suppressionJSON
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatal(err)
		}
		rows = append(rows, r)
	}
	if len(rows) != 3 || rows[0].Address != "@example.net" || rows[0].Until != nil || rows[1].Address != "d@example.org" || rows[1].By != "admin" || rows[1].Reason != evil ||
		rows[2].Until == nil || time.Until(*rows[2].Until).Round(time.Hour) != 720*time.Hour {
		t.Errorf("%s", out)
	}
	if _, is, err := o.store.Suppressed(t.Context(), "d@example.org", time.Now()); err != nil || !is {
		t.Error(is, err)
	}
	out, _ = o.run(t, exitDone, "suppress", "list")
	if !strings.Contains(out, "d@example.org") || !strings.Contains(out, "for ever") {
		t.Error(out)
	}
	if out, _ = o.run(t, exitDone, "suppress", "list", "--csv"); strings.Contains(out, ",=cmd") {
		t.Error(out)
	}
	o.run(t, exitDone, "suppress", "remove", "d@example.org")
	if _, is, err := o.store.Suppressed(t.Context(), "d@example.org", time.Now()); err != nil || is {
		t.Error(is, err)
	}
	o.run(t, exitNo, "suppress", "remove", "d@example.org")
	for _, args := range [][]string{{"add"}, {"add", "example.org"}, {"add", "a b@example.org"}, {"add", "<a@example.org>"}, {"add", "a@b", "--for", "-1h"}, {"add", "a@example.org", "--for", "9999d"}, {"remove", "@"}} {
		o.run(t, exitUsage, append([]string{"suppress"}, args...)...)
	}
}

func TestReportForget(t *testing.T) {
	t.Parallel()
	o := newOutbox(t)
	if out, _ := o.run(t, exitDone, "forget", "=x@example.org"); !strings.Contains(out, "1 delivery forgotten") {
		t.Error(out)
	}
	if out, _ := o.run(t, exitDone, "forget", "example.org"); out != "example.org: 4 messages of no report yet, 1 report and 1 delivery forgotten\n" {
		t.Error(out)
	}
	o.run(t, exitNo, "list", "--domain", "example.org")
	o.run(t, exitDone, "forget", "example.org")
	o.run(t, exitUsage, "forget", "@example.org")
	o.run(t, exitUsage, "forget", "..")
}

// TestReportStoreErrors looks at stores that are missing, broken, newer or locked.
func TestReportStoreErrors(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		set  func(t *testing.T, o *outbox)
		want string
	}{
		{"no configuration", func(_ *testing.T, o *outbox) { o.conf = filepath.Join(o.dir, "absent.toml") }, "name a readable file"},
		{"nothing is kept", func(t *testing.T, o *outbox) { write(t, o.conf, "") }, "set report.send or report.collect, and report.directory"},
		{"nothing is counted", func(t *testing.T, o *outbox) { write(t, o.conf, "[report]\ndirectory = \""+t.TempDir()+"\"\n") }, "set report.collect = true"},
		{"no file yet", func(t *testing.T, o *outbox) {
			write(t, o.conf, "[report]\ncollect = true\ndirectory = \""+t.TempDir()+"\"\n")
		}, "the service makes it when it starts"},
		{"no database", func(t *testing.T, o *outbox) {
			write(t, filepath.Join(o.dir, "reports.db"), strings.Repeat("no database ", 1000))
		}, "move the file"},
		{"a newer version", func(t *testing.T, o *outbox) {
			o.exec(t, "INSERT INTO report_version (version_id, is_applied) VALUES (99, 1)")
		}, "update Postvet here"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			o := newOutbox(t)
			_ = o.store.Close()
			tc.set(t, o)
			if _, errOut := o.run(t, exitFailed, "list"); !errorLine.MatchString(errOut) || !strings.Contains(errOut, tc.want) {
				t.Errorf("no %q in %q", tc.want, errOut)
			}
		})
	}
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// exec changes the file behind the back of the store.
func (o *outbox) exec(t *testing.T, statement string) {
	t.Helper()
	db, err := sqlite.OpenShared(filepath.Join(o.dir, "reports.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
}

// TestReportStoreLocked has another process hold the file for longer than a command waits.
func TestReportStoreLocked(t *testing.T) {
	t.Parallel()
	o := newOutbox(t)
	db, err := sqlite.OpenShared(filepath.Join(o.dir, "reports.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	o.run(t, exitDone, "list") // who reads does not wait
	if _, errOut := o.run(t, exitFailed, "suppress", "add", "a@example.org"); !errorLine.MatchString(errOut) || !strings.Contains(errOut, "another process holds it, so try again") {
		t.Error(errOut)
	}
}
