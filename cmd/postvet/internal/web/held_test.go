package web

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
	"github.com/postvet/postvet/policy/result"
)

func heldRow(minute int, s, queue string) *rows.Row {
	r := mailRow(minute, s)
	r.Queue, r.Verdict.Action, r.Verdict.Rule, r.Verdict.Why = queue, result.Quarantine, result.RuleDMARCQuarantine, []string{"Nothing proves that the message comes from " + s + "."}
	return r
}

func TestHeld(t *testing.T) {
	t.Parallel()
	m := keeping()
	monitored := heldRow(4, "example.org", "4XkZ1t2q3n0004")
	monitored.Verdict.Action = result.Accept
	m.page.Rows = []*rows.Row{heldRow(1, "example.org", "4XkZ1t2q3n0001"), heldRow(2, "example.org", "4XkZ1t2q3n0002"), heldRow(3, "shop.example", "; rm -rf /"), monitored}
	w := get(t, newTest(m.source()), "/held?domain=example.org")
	holds(t, "the page", w.Body.String(),
		"3 messages of example.org of 2 author domains were held in this time.", "postsuper -H 4XkZ1t2q3n0001 -H 4XkZ1t2q3n0002", "postsuper -d 4XkZ1t2q3n0002",
		"Nothing proves that the message comes from example.org.", "postvet held --mta postfix", "There is no command, as the queue id",
	)
	if strings.Contains(w.Body.String(), "q3n0004") || strings.Contains(w.Body.String(), "-H ;") {
		t.Errorf("%s", w.Body)
	}
	if len(m.asked) != 1 || m.asked[0].Domain != "example.org" || m.asked[0].Action != "quarantine" || !m.asked[0].Since.Equal(testNow.AddDate(0, 0, -7)) {
		t.Errorf("asked %+v", m.asked)
	}
	var page heldPage
	w = get(t, newTest(m.source()), "/held.json")
	if err := json.Unmarshal(w.Body.Bytes(), &page); err != nil || len(page.Groups) != 2 || page.Groups[0].Author != "example.org" {
		t.Errorf("%v, %s", err, w.Body)
	}
}

func TestHeldFaults(t *testing.T) {
	t.Parallel()
	m := keeping()
	for path, want := range map[string]struct {
		status int
		text   string
	}{
		"/held":                 {http.StatusOK, "Nothing was held"},
		"/held?domain=%3Cb%3E":  {http.StatusBadRequest, "This is no domain"},
		"/held?before=x":        {http.StatusBadRequest, "does not exist"},
		"/held?since=%1b%5B31m": {http.StatusBadRequest, "This is no time"},
	} {
		if w := get(t, newTest(m.source()), path); w.Code != want.status || !strings.Contains(w.Body.String(), want.text) {
			t.Errorf("%s: %d\n%s", path, w.Code, w.Body)
		}
	}
	m.page.Complete, m.page.Searched = false, testNow
	if w := get(t, newTest(m.source()), "/held"); !strings.Contains(w.Body.String(), "Searched back to") || strings.Contains(w.Body.String(), "Nothing was held") {
		t.Errorf("%s", w.Body)
	}
	for i := range onPage {
		m.page.Rows = append(m.page.Rows, heldRow(i, hostile, hostile))
	}
	w := get(t, newTest(m.source()), "/held?domain="+"xn--bcher-kva.example")
	checkHarmless(t, w.Body.String())
}
