package main

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/postvet/postvet/cmd/postvet/internal/reports"
	"github.com/postvet/postvet/cmd/postvet/internal/submission/submissiontest"
)

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
	address := mta.Start(t)
	o.sending(t, "send = \"all\"\n")
	text, err := os.ReadFile(o.conf)
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.NewReplacer("127.0.0.1:9", address, "dkim_domain = \"reports.example.net\"\n", "").Replace(string(text))
	write(t, o.conf, "listen = [\"unix:"+o.dir+"/s\"]\n"+changed)
	s := startService(t, nil, "--config", o.conf)
	s.waitLog(`"msg":"serving"`, 1)
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
