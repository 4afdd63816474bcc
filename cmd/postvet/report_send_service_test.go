package main

import (
	"encoding/json"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/reports"
	"github.com/postvet/postvet/cmd/postvet/internal/submission/submissiontest"
)

// due makes a queued delivery due now.
func (o *outbox) due(t *testing.T, address string) {
	t.Helper()
	d := o.delivery(t, address)
	d.State, d.Attempts, d.Code, d.Status, d.Text, d.Next = reports.New, 0, 0, "", "", time.Now()
	if ok, err := o.store.Change(t.Context(), d, reports.Queued); err != nil || !ok {
		t.Fatal(ok, err)
	}
}

// serve runs a service that sends the reports through a server. more are further sections of its
// configuration.
func (o *outbox) serve(t *testing.T, server, more string) {
	t.Helper()
	o.sending(t, "send = \"all\"\n")
	text, err := os.ReadFile(o.conf)
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.NewReplacer("127.0.0.1:9", server, "dkim_domain = \"reports.example.net\"\n", "").Replace(string(text))
	write(t, o.conf, "listen = [\"unix:"+o.dir+"/s\"]\n"+changed+more)
	startService(t, nil, "--config", o.conf).waitLog(`"msg":"serving"`, 1)
}

// TestReportSendByService has the running service send a report that bounced before: to
// the address that the record still names, and not to the other one.
func TestReportSendByService(t *testing.T) {
	t.Parallel()
	o := newOutbox(t)
	d := o.delivery(t, "d@example.org")
	d.State, d.Code, d.Status, d.Text = reports.Bounced, 550, "5.1.1", "no such user"
	if ok, err := o.store.Change(t.Context(), d, reports.Queued); err != nil || !ok {
		t.Fatal(ok, err)
	}
	mta := submissiontest.Server{}
	o.serve(t, mta.Start(t), "")
	out, errOut := o.run(t, exitDone, "send", "5f2c09", "--json")
	states := map[string]string{}
	for line := range strings.Lines(out) {
		var r reportRow
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		states[r.Address] = r.State
	}
	if len(states) != 2 || states["d@example.org"] != string(reports.Queued) || states["=x@example.org"] != string(reports.Withdrawn) || errOut != "" {
		t.Errorf("%v, %s\n%s", states, errOut, out)
	}
	n := 0
	for _, m := range mta.Messages() {
		if m.To == "d@example.org" && strings.Contains(string(m.Data), firstID) {
			n++
		}
	}
	if n != 1 {
		t.Errorf("the MTA got the report %d times", n)
	}
	if _, errOut := o.run(t, exitDone, "send", "5f2c09", "--wait", "0"); errOut == "" { // the withdrawn one alone
		t.Error("nothing is said of what was not tried yet")
	}
}

// TestReportSendDuringDelivery has commands ask for a report whose time has come: when the
// service starts, while the server takes the report, and afterwards. It is sent once.
func TestReportSendDuringDelivery(t *testing.T) {
	t.Parallel()
	o := newOutbox(t)
	o.due(t, "d@example.org")
	taking, answer := make(chan string, 100), make(chan struct{})
	mta := submissiontest.Server{Taken: func(m *submissiontest.Message) {
		taking <- m.To
		<-answer
	}}
	goOn := sync.OnceFunc(func() { close(answer) })
	defer goOn()
	o.serve(t, mta.Start(t), "")
	send := func(times int) {
		var group sync.WaitGroup
		for range times {
			group.Go(func() {
				// Exit code 1 says that nothing is to be sent any more.
				if code, _, errOut := runIn(t, "report", "send", "5f2c09", "--wait", "0", "--config", o.conf); code != exitDone && code != exitNo {
					t.Errorf("exit code %d: %s", code, errOut)
				}
			})
		}
		group.Wait()
	}
	send(4)
	select {
	case to := <-taking:
		if to != "d@example.org" {
			t.Fatalf("a message to %s", to)
		}
	case <-time.After(time.Minute):
		t.Fatal("nothing is sent")
	}
	if d := o.delivery(t, "d@example.org"); d.State != reports.Sending {
		t.Errorf("it is %s while the server takes it", d.State)
	}
	send(4)
	goOn()
	for end := time.Now().Add(time.Minute); o.delivery(t, "d@example.org").State != reports.Queued; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it is %s", o.delivery(t, "d@example.org").State)
		}
	}
	send(4)
	// The other address of the report is tried and withdrawn: the service has looked at all.
	for end := time.Now().Add(time.Minute); o.delivery(t, "=x@example.org").State != reports.Withdrawn; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("the other one is %s", o.delivery(t, "=x@example.org").State)
		}
	}
	n := 0
	for _, m := range mta.Messages() {
		if m.To == "d@example.org" {
			n++
		}
	}
	if d := o.delivery(t, "d@example.org"); n != 1 || d.State != reports.Queued || d.Attempts != 1 {
		t.Errorf("the server got it %d times, it is %s after %d attempts", n, d.State, d.Attempts)
	}
}
