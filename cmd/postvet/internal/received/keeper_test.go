package received_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/cmd/postvet/internal/received"
	"github.com/postvet/postvet/cmd/postvet/internal/reports"
	"github.com/postvet/postvet/policy/deviation"
	"github.com/postvet/postvet/policy/dmarc/report"
)

// said is a sink that writes down all that reports say.
type said struct{ bytes.Buffer }

func (s *said) write(v any) error {
	e := json.NewEncoder(s)
	return e.Encode(v)
}

func (s *said) Record(_ received.Place, _ *report.Head, r *report.Record) error { return s.write(r) }

func (s *said) End(r *received.Report) error {
	if r.Err != nil {
		s.Reset()
		return nil
	}
	if r.DuplicateOf != nil {
		return nil
	}
	var list deviation.List
	for _, d := range r.Deviations {
		if d.Name != received.OtherReporter { // that of the arrival
			list = append(list, d)
		}
	}
	v := map[string]any{"kind": r.Kind, "failure": r.Failure, "tls": r.TLS, "findings": list}
	if a := r.Aggregate; a != nil {
		v["head"], v["records"], v["messages"], v["content"] = a.Head, a.Records, a.Messages, a.Content
	}
	return s.write(v)
}

// keptOf reads an input and returns what is said, and what is kept.
func keptOf(t *testing.T, text []byte) (string, []*reports.Received) {
	t.Helper()
	var s said
	if err := received.New(&s).Read(bytes.NewReader(text), "f"); err != nil {
		t.Fatal(err)
	}
	var kept []*reports.Received
	k := &received.Keeper{
		Arrival: received.Arrival{At: time.Unix(1795824000, 0), Author: "reporter.example", Result: "pass"},
		Keep: func(r *reports.Received, _ *received.Report) error {
			kept = append(kept, r)
			return nil
		},
	}
	if err := received.New(k).Read(bytes.NewReader(text), "f"); err != nil {
		t.Fatal(err)
	}
	return s.String(), kept
}

// replayed returns what kept reports say.
func replayed(t *testing.T, kept []*reports.Received) string {
	t.Helper()
	var s said
	for _, k := range kept {
		if k.Document == nil {
			continue
		}
		if err := received.Replay(k, &s); err != nil {
			t.Fatal(err)
		}
	}
	return s.String()
}

const failureMail = "From: reports@r.example\r\nSubject: FW: failure\r\nMIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=feedback-report; boundary=b\r\n\r\n" +
	"--b\r\nContent-Type: text/plain\r\n\r\nhello\r\n--b\r\nContent-Type: message/feedback-report\r\n\r\nFeedback-Type: auth-failure\r\nVersion: 1\r\nUser-Agent: x\x1b[31m/1\r\n" +
	"Auth-Failure: dmarc\r\nAuthentication-Results: r.example; dmarc=fail\r\nReported-Domain: Example.ORG\r\nIdentity-Alignment: dkim, spf\r\nSource-IP: 192.0.2.9\r\nIncidents: 7\r\nArrival-Date: Sat, 28 Nov 2026 10:00:00 +0000\r\n\r\n" +
	"--b\r\nContent-Type: text/rfc822-headers\r\n\r\nFrom: ann@example.org\r\nSubject: =?utf-8?q?hi?=\r\n\r\n--b--\r\n"

const tlsReport = `{"organization-name":"R","date-range":{"start-datetime":"2026-11-28T00:00:00Z","end-datetime":"2026-11-28T23:59:59Z"},"contact-info":"x@r.example","report-id":"t1",` +
	`"policies":[{"policy":{"policy-type":"sts","policy-domain":"example.org","mx-host":["mx.example.org"]},"summary":{"total-successful-session-count":5,"total-failure-session-count":"2"}}]}`

func TestKeptReportsSayTheSame(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		text  string
		check func(*reports.Received) bool
	}{
		"aggregate": {aggregate("x", 3, 4), func(r *reports.Received) bool {
			return r.Kind == reports.ReceivedAggregate && r.Domain == "a.example" && r.Messages == 7 && r.Records == 2 && r.Reporter == "r" && r.ReportID == "x"
		}},
		"no records": {aggregate("x"), func(r *reports.Received) bool { return r.Records == 0 && r.Messages == 0 }},
		"failure": {failureMail, func(r *reports.Received) bool {
			return r.Kind == reports.ReceivedFailure && r.Domain == "example.org" && r.Messages == 7 && r.From == "reports@r.example" && r.Subject == "FW: failure"
		}},
		"tls": {tlsReport, func(r *reports.Received) bool {
			return r.Kind == reports.ReceivedTLS && r.Domain == "example.org" && r.Messages == 7 && r.Passed == 5
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want, kept := keptOf(t, []byte(tt.text))
			if diff := cmp.Diff(want, replayed(t, kept)); diff != "" || want == "" {
				t.Errorf("-read +replayed:\n%s", diff)
			}
			if len(kept) != 1 || !tt.check(kept[0]) || kept[0].Key == [32]byte{} || kept[0].Content == [32]byte{} || !kept[0].Trusted() || kept[0].Author != "reporter.example" {
				t.Errorf("%+v", kept)
			}
		})
	}
}

// A duplicate within one input is passed on without its document, and what cannot be read
// is not kept.
func TestKeepsNoDuplicates(t *testing.T) {
	t.Parallel()
	one := aggregate("x", 1)
	mbox := ""
	for _, text := range []string{one, one, "<feedback><record>", aggregate("x", 2)} {
		mbox += "From r@r.example Sat Nov 28 10:00:00 2026\nFrom: r@r.example\nContent-Type: text/xml\n\n" + text + "\n\n"
	}
	_, kept := keptOf(t, []byte(mbox))
	if len(kept) != 3 || kept[0].Document == nil || kept[1].Document != nil || kept[2].Document == nil {
		t.Fatalf("%d kept: %+v", len(kept), kept)
	}
	if kept[0].Key != kept[1].Key || kept[0].Content != kept[1].Content || kept[0].Key != kept[2].Key || kept[0].Content == kept[2].Content {
		t.Error("keys and contents do not tell the reports apart")
	}
}

func TestMailEnds(t *testing.T) {
	t.Parallel()
	var l log
	if err := received.New(&l).Mail(strings.NewReader(failureMail), received.Place{File: "Q"}, -time.Second); err != nil {
		t.Fatal(err)
	}
	if len(l.lines) != 1 || !strings.Contains(l.lines[0], received.ErrTooLong.Error()) {
		t.Errorf("%q", l.lines)
	}
}

func TestReplayOfABrokenCopy(t *testing.T) {
	t.Parallel()
	_, kept := keptOf(t, []byte(aggregate("x", 1, 2)))
	whole := *kept[0]
	for name, change := range map[string]func(*reports.Received){
		"no document": func(r *reports.Received) { r.Document = nil },
		"cut":         func(r *reports.Received) { r.Document = r.Document[:len(r.Document)-20] },
		"no head":     func(r *reports.Received) { r.Head = nil },
		"other kind":  func(r *reports.Received) { r.Document = []byte("{}") },
	} {
		broken := whole
		change(&broken)
		var l log
		if err := received.Replay(&broken, &l); err != nil || len(l.lines) == 0 || !strings.Contains(l.lines[len(l.lines)-1], "the copy in the store") {
			t.Errorf("%s: %q, %v", name, l.lines, err)
		}
	}
	l := log{err: errors.New("full")}
	if err := received.Replay(&whole, &l); !errors.Is(err, l.err) {
		t.Errorf("the sink's error is %v", err)
	}
}

// The public samples say the same from files and from what is kept.
func TestKeptCorpora(t *testing.T) {
	t.Parallel()
	root := os.Getenv("POSTVET_CORPORA")
	if root == "" {
		t.Skip("POSTVET_CORPORA is not set")
	}
	files, kinds := 0, map[reports.ReceivedKind]int{}
	err := filepath.WalkDir(filepath.Join(root, "dmarc", "reports"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		files++
		want, kept := keptOf(t, text)
		if diff := cmp.Diff(want, replayed(t, kept)); diff != "" {
			t.Errorf("%s: -read +replayed:\n%s", path, diff)
		}
		for _, k := range kept {
			kinds[k.Kind]++
		}
		return nil
	})
	if err != nil || files == 0 || kinds[reports.ReceivedAggregate] == 0 {
		t.Fatalf("%d files, %v, %v", files, kinds, err)
	}
	t.Log(fmt.Sprint(files, " files: ", kinds))
}
