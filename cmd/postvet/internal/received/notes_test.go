package received_test

import (
	"archive/zip"
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/cmd/postvet/internal/received"
	"github.com/postvet/postvet/policy/dmarc/report"
	"github.com/postvet/postvet/policy/reportmail"
)

// wayNotes is a sink that writes down what was noted of the way to each report.
type wayNotes struct{ lines []string }

func (*wayNotes) Record(received.Place, *report.Head, *report.Record) error { return nil }

func (n *wayNotes) End(r *received.Report) error {
	line := string(r.Kind)
	for _, d := range r.Deviations {
		switch d.Name {
		case reportmail.OtherMembers, reportmail.SeveralMembers, reportmail.BrokenMember, reportmail.NoBoundaryEnd:
			line += " " + d.Name
			if d.Count != 1 {
				line += " again"
			}
		}
	}
	if r.Err != nil {
		line += " error"
	}
	n.lines = append(n.lines, strings.TrimSpace(line))
	return nil
}

// archive returns a zip archive of files, which are names with contents behind them.
func archive(t *testing.T, files ...string) string {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for i := 0; i < len(files); i += 2 {
		w, err := z.Create(files[i])
		if err == nil {
			_, err = w.Write([]byte(files[i+1]))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestNotesBehind shows what is noted of an input only behind its last report.
func TestNotesBehind(t *testing.T) {
	t.Parallel()
	a, b := aggregate("a", 1), aggregate("b", 2)
	broken := archive(t, "a.xml", a, "b.xml", b)
	method := strings.LastIndex(broken, "PK\x01\x02") + 10 // that of the second file, in the directory
	broken = broken[:method] + "\x63" + broken[method+1:]
	mail := "From: a@b.example\nContent-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: text/xml\n\n"
	for _, tc := range []struct {
		name, text string
		want       []string
	}{
		{"nothing", archive(t, "a.xml", a), []string{"aggregate"}},
		{"another file", archive(t, "a.xml", a, "readme.txt", "hello"), []string{"aggregate other-members"}},
		{"another file behind two", archive(t, "a.xml", a, "b.xml", b, "readme.txt", "hello"), []string{"aggregate", "aggregate several-members other-members"}},
		{"a file that cannot be opened", broken, []string{"aggregate unreadable-member", "error"}},
		{"no boundary", mail + a + "\n", []string{"aggregate boundary"}},
		{"two messages", "From a@b.example Sun Nov 29 10:00:00 2026\n" + mail + a + "\n\nFrom a@b.example Sun Nov 29 10:00:00 2026\nFrom: a@b.example\n\n" + b + "\n", []string{"aggregate boundary", "aggregate"}},
		{"no report", archive(t, "readme.txt", "hello"), []string{"error"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var n wayNotes
			if err := received.New(&n).Read(strings.NewReader(tc.text), "input"); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tc.want, n.lines); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}
