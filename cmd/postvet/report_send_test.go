package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/reports"
	"github.com/postvet/postvet/cmd/postvet/internal/reportstore"
	"github.com/postvet/postvet/dnscache/dnstest"
)

// sending changes the configuration of an outbox so that reports are sent, and so that the
// DNS is our zone. No service runs.
func (o *outbox) sending(t *testing.T, more string) {
	t.Helper()
	dns, err := dnstest.NewServer(`
_dmarc.example.org. TXT "v=DMARC1; p=reject; rua=mailto:d@example.org,mailto:x@collector.example,mailto:y@silent.example"
example.org._report._dmarc.collector.example. TXT "v=DMARC1"
$FAULT example.org._report._dmarc.silent.example TXT SERVFAIL
`)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = dns.Close() })
	write(t, o.conf, "[dns]\nresolvers = [\""+dns.Addr()+"\"]\n[sign]\nkeys = \""+o.dir+"\"\n[control]\nsocket = \""+filepath.Join(o.dir, "c.sock")+"\"\n[report]\ndirectory = \""+o.dir+
		"\"\nsubmitter = \"example.net\"\nemail = \"d@example.net\"\nfrom = \"noreply@reports.example.net\"\nsmtp = \"127.0.0.1:9\"\ndkim_domain = \"reports.example.net\"\n"+more)
}

func TestReportSendPlan(t *testing.T) {
	t.Parallel()
	o := newOutbox(t)
	if _, errOut := o.run(t, exitUsage, "send", "--due", "--dry-run"); !strings.Contains(errOut, "report.send is off") {
		t.Error(errOut)
	}
	o.sending(t, "send = \"all\"\n")
	if err := o.store.Suppress(t.Context(), reports.Suppression{Address: "d@example.org", Reason: evil, By: "bounce"}); err != nil {
		t.Fatal(err)
	}
	before, _ := o.run(t, exitDone, "list", "--json", "--day", "today")
	out, _ := o.run(t, exitDone, "send", "--due", "--dry-run")
	for _, want := range []string{"  messages  report\n", "example.org                                        4  ", "to d@example.org: suppressed, =cmd|", "    to x@collector.example\n", "to y@silent.example: deferred, "} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	out, _ = o.run(t, exitDone, "send", "--due", "--dry-run", "--json", "--day", "today")
	var r plannedRow
	if err := json.Unmarshal([]byte(out), &r); err != nil || r.Domain != "example.org" || r.Why != "" || r.Messages != 4 || len(r.Addresses) != 3 || r.Addresses[1].State != reports.New {
		t.Errorf("%v\n%s", err, out)
	}
	if after, _ := o.run(t, exitDone, "list", "--json", "--day", "today"); after != before {
		t.Errorf("a dry run has changed something:\n%s\n%s", before, after)
	}
	o.sending(t, "send = \"known\"\n")
	if out, _ = o.run(t, exitDone, "send", "--due", "--dry-run", "--json"); !strings.Contains(out, `"why":""`) { // seen yesterday too
		t.Error(out)
	}
	o.sending(t, "send = \"known\"\nexclude = [\".example.org\", \"example.org\"]\n")
	if out, _ = o.run(t, exitDone, "send", "--due", "--dry-run"); !strings.Contains(out, "  none\n    excluded: report.exclude leaves it out\n") {
		t.Error(out)
	}
	o.run(t, exitNo, "send", "--due", "--dry-run", "--day", "yesterday")
}

func TestReportSend(t *testing.T) {
	t.Parallel()
	o := newOutbox(t)
	if _, errOut := o.run(t, exitUsage, "send", firstID); !strings.Contains(errOut, "report.send is off") {
		t.Error(errOut)
	}
	o.sending(t, "send = \"all\"\n")
	if out, _ := o.run(t, exitDone, "send", "--dry-run", firstID); strings.Contains(out, "queued") || !strings.Contains(out, "bounced     5f2c09aa") {
		t.Errorf("%s", out)
	}
	if _, errOut := o.run(t, exitFailed, "send", firstID); !errorLine.MatchString(errOut) || !strings.Contains(errOut, "start it") {
		t.Error(errOut)
	}
	d := o.delivery(t, "=x@example.org")
	if d.State != reports.Bounced {
		t.Errorf("it is %s although no service runs", d.State)
	}
	for _, args := range [][]string{{"send"}, {"send", firstID, "--due"}, {"send", firstID, "--day", "today"}, {"send", firstID, "--wait", "x"}, {"send", "--due", "--wait", "1000h"}} {
		o.run(t, exitUsage, args...)
	}
	o.run(t, exitNo, "send", "00")
	d.State = reports.Queued
	if ok, err := o.store.Change(t.Context(), d, reports.Bounced); err != nil || !ok {
		t.Fatal(ok, err)
	}
	if _, errOut := o.run(t, exitNo, "send", firstID); !strings.Contains(errOut, "the server has taken this report at all its addresses") {
		t.Error(errOut)
	}
}

// TestReportSendAdvance looks at what is changed for the service: what waits becomes due,
// and what has ended begins anew.
func TestReportSendAdvance(t *testing.T) {
	t.Parallel()
	o := newOutbox(t)
	now := time.Now().Add(time.Second).UTC()
	for _, address := range []string{"=x@example.org", "d@slow.example"} {
		d := o.delivery(t, address)
		if err := advance(t.Context(), o.store, d, now); err != nil {
			t.Fatal(err)
		}
		after := o.delivery(t, address)
		if after.Next.After(now) || after.Token != d.Token {
			t.Errorf("%s: %+v", address, after)
		}
		if d.State == reports.Bounced && (after.State != reports.New || after.Attempts != 0 || after.Code != 0) || d.State == reports.Deferred && (after.State != d.State || after.Attempts != d.Attempts) {
			t.Errorf("%s: %+v", address, after)
		}
	}
	claimed, err := o.store.Claim(t.Context(), now, 10, now.Add(time.Minute))
	if err != nil || len(claimed) != 3 {
		t.Errorf("%v, %+v", err, claimed)
	}
}

func (o *outbox) delivery(t *testing.T, address string) reports.Delivery {
	t.Helper()
	all, err := o.store.Deliveries(t.Context(), reportstore.Query{Address: address})
	if err != nil || len(all) != 1 {
		t.Fatal(err, all)
	}
	return all[0].Delivery
}
