package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/mail"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/control"
	"github.com/postvet/postvet/cmd/postvet/internal/submission/submissiontest"
	"github.com/postvet/postvet/cmd/postvet/internal/watch"
)

// TestWatchedDomains has a service find that a record is another than when it was looked at
// before. It tells that in its log and metrics and, with what no mail has told yet, by mail;
// the next service does not tell it again.
func TestWatchedDomains(t *testing.T) {
	t.Parallel()
	mta := &submissiontest.Server{}
	address := mta.Start(t)
	file := filepath.Join(t.TempDir(), "watch.json")
	const name, id = "good.example", watch.ID("_dmarc.good.example TXT")
	now := time.Now()
	before := &watch.State{
		Version: 1, Daily: now,
		Domains: map[string]*watch.Domain{name: {
			First: now.Add(-time.Hour), Checked: now.Add(-time.Hour), Next: now.Add(3 * time.Second),
			Records: map[watch.ID]*watch.Record{id: {Texts: []string{"v=DMARC1; p=none"}, Told: []string{"v=DMARC1; p=none"}}},
		}},
		Pending: []watch.Event{{At: now, Domain: name, Kind: watch.Broken, Text: "an error of before"}},
	}
	text, err := json.Marshal(before)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	ours := filepath.Join(t.TempDir(), "own")
	if err := os.WriteFile(ours, []byte("evil.example\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	settings := fmt.Sprintf(`
[metrics]
listen = "inet:127.0.0.1:0"
[policy]
own_domains = ["file:%s"]
[report]
smtp = %q
[watch]
domains = [%q]
own = true
state = %q
mail = "hostmaster@good.example"
mail_from = "postvet@good.example"
`, ours, address, name, file)
	s, socket, config := startControlled(t, settings)
	s.waitLog(`"msg":"a watched record changed"`, 1)
	if log := strings.Join(s.log.All(), "\n"); !strings.Contains(log, `"name":"_dmarc.good.example","type":"TXT","old":["v=DMARC1; p=none"],"new":["v=DMARC1; p=reject`) {
		t.Errorf("the log has %s", log)
	}
	if !eventually(func() bool { return len(mta.Messages()) == 1 }) {
		t.Fatal("no mail")
	}
	m := mta.Messages()[0]
	parsed, err := mail.ReadMessage(strings.NewReader(string(m.Data)))
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(parsed.Body)
	if m.From != "postvet@good.example" || m.To != "hostmaster@good.example" || parsed.Header.Get("Subject") != "DNS of good.example: 1 error" ||
		!strings.Contains(string(body), "error: an error of before") {
		t.Errorf("%+v: %s", m, m.Data)
	}
	_, out, _ := runIn(t, "status", "--json", "--socket", socket)
	var status control.Status
	if err := json.Unmarshal([]byte(out), &status); err != nil || status.Watch == nil || status.Watch.LastCheck.Before(now) {
		t.Errorf("%v: %s", err, out)
	} else if counts := status.Watch.ByVerdict; counts["sound"]+counts["faulty"]+counts["undetermined"]+counts["waiting"] != 2 {
		t.Errorf("%+v", status.Watch)
	}
	if _, out, _ := runIn(t, "status", "--socket", socket); !strings.Contains(out, "\nwatch     2 domains: ") || !strings.Contains(out, "; last check ") {
		t.Error(out)
	}
	s.signal(syscall.SIGTERM)
	s.waitExit()
	after, err := watch.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	d := after.Domains[name]
	if x := d.Since(now.Add(-time.Minute)); len(x) == 0 || after.Domains["evil.example"] == nil || d.Next.Before(now.Add(5*time.Hour)) {
		t.Fatalf("%+v, %+v", x, after.Domains)
	}
	d.Next = time.Now().Add(3 * time.Second)
	if text, err = json.Marshal(after); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	s = startService(t, nil, "--config", config)
	if !eventually(func() bool {
		state, err := watch.Load(file)
		return err == nil && state.Domains[name].Next.After(time.Now().Add(5*time.Hour))
	}) {
		t.Fatal("the domain is not inspected again")
	}
	s.signal(syscall.SIGTERM)
	s.waitExit()
	if log := strings.Join(s.log.All(), "\n"); strings.Contains(log, `"name":"_dmarc.good.example"`) {
		t.Errorf("told again: %s", log)
	}
}
