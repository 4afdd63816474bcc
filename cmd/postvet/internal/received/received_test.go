package received_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/cmd/postvet/internal/received"
	"github.com/postvet/postvet/policy/dmarc/report"
	"github.com/postvet/postvet/policy/reportmail"
)

// aggregate is an aggregate report with an id and records of these counts.
func aggregate(id string, counts ...int) string {
	var b strings.Builder
	b.WriteString(`<feedback><report_metadata><org_name>r</org_name><email>e</email><report_id>` + id + `</report_id><date_range><begin>1795737600</begin><end>1795823999</end></date_range></report_metadata><policy_published><domain>a.example</domain><p>none</p></policy_published>`)
	for _, n := range counts {
		fmt.Fprintf(&b, `<record><row><source_ip>192.0.2.1</source_ip><count>%d</count></row></record>`, n)
	}
	return b.String() + "</feedback>"
}

// log is a sink that writes down what comes.
type log struct {
	lines   []string
	records int
	err     error
}

func (l *log) Record(p received.Place, h *report.Head, r *report.Record) error {
	if l.records++; l.records <= 100 {
		l.lines = append(l.lines, fmt.Sprintf("%s %s %d", filepath.Base(p.File), h.ReportID, r.Count))
	}
	return l.err
}

func (l *log) End(r *received.Report) error {
	line := fmt.Sprintf("%s %d %s end", filepath.Base(r.Place.File), r.Place.Message, r.Kind)
	if r.DuplicateOf != nil {
		line += " duplicate of " + filepath.Base(r.DuplicateOf.File)
	}
	if r.ConflictsWith != nil {
		line += " conflict with " + filepath.Base(r.ConflictsWith.File)
	}
	if r.Err != nil {
		line += ": " + r.Err.Error()
	}
	l.lines = append(l.lines, line)
	return l.err
}

func readAll(t *testing.T, l *log, texts ...string) error {
	t.Helper()
	r := received.New(l)
	r.HoldAtMost(500)
	dir := t.TempDir()
	for i, text := range texts {
		name := filepath.Join(dir, fmt.Sprint(i))
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := r.File(name); err != nil {
			return err
		}
	}
	return nil
}

// TestDuplicates: a report that comes again does not pass its records on; one with other
// content does.
func TestDuplicates(t *testing.T) {
	t.Parallel()
	var l log
	if err := readAll(t, &l, aggregate("x", 1, 2), aggregate("x", 1, 2)+"\n", aggregate("x", 1, 3), aggregate("x", 1, 3), aggregate("y", 1, 2), aggregate("z"), aggregate("z")); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"0 x 1", "0 x 2", "0 0 aggregate end",
		"1 0 aggregate end duplicate of 0",
		"2 x 1", "2 x 3", "2 0 aggregate end conflict with 0",
		"3 0 aggregate end duplicate of 2",
		"4 y 1", "4 y 2", "4 0 aggregate end",
		"5 0 aggregate end", "6 0 aggregate end duplicate of 5",
	}
	if d := cmp.Diff(want, l.lines); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// TestLargeDuplicate: a report with more records than are held back counts, and is marked.
func TestLargeDuplicate(t *testing.T) {
	t.Parallel()
	large := aggregate("x", make([]int, 501)...)
	var l log
	if err := readAll(t, &l, large, large); err != nil {
		t.Fatal(err)
	}
	if last := l.lines[len(l.lines)-1]; l.records != 1002 || last != "1 0 aggregate end conflict with 0" {
		t.Errorf("%d records, %s", l.records, last)
	}
}

// TestEachAlone: what cannot be read does not keep the next from being read.
func TestEachAlone(t *testing.T) {
	t.Parallel()
	mail := "From x@y.example Fri Nov 27 10:00:00 2026\nFrom: a@b.example\n\nhello\n\n" + "From x@y.example Fri Nov 27 10:00:00 2026\nFrom: a@b.example\nContent-Type: text/xml\n\n" + aggregate("m", 4) + "\n"
	var l log
	if err := readAll(t, &l, "", "unused", aggregate("x", 1)[:300], mail, aggregate("y", 2)); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"0 0  end: " + reportmail.ErrNoReport.Error() + ", only an empty file",
		"1 0  end: " + reportmail.ErrNoReport.Error() + `, only what begins with "unused"`,
		"2 0 aggregate end: it is cut off",
		"3 0  end: " + reportmail.ErrNoReport.Error() + `, only what begins with "hello\r\n"`,
		"3 m 4", "3 2 aggregate end",
		"4 y 2", "4 0 aggregate end",
	}
	for i, line := range l.lines { // how the line ends of a body are is not the point
		l.lines[i] = strings.ReplaceAll(line, `hello\n"`, `hello\r\n"`)
	}
	if d := cmp.Diff(want, l.lines); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// TestSinkFails: an error of the sink ends the reading, and is not said of the file.
func TestSinkFails(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	for _, text := range []string{aggregate("x", 1, 2), "", "From: a@b.example\n\n" + aggregate("x", 1)} {
		l := log{err: broken}
		if err := readAll(t, &l, text); !errors.Is(err, broken) || len(l.lines) != 1 {
			t.Errorf("%v, %q", err, l.lines)
		}
	}
}
