//go:build linux

// Package monitoring_test loads the alert rules and the dashboard of this folder
// into Debian's Prometheus, which scrapes a running postvet.
package monitoring_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// dashboard is the part of dashboard.json that the test looks at.
type dashboard struct {
	Title      string
	Panels     []panel
	Templating struct {
		List []struct{ Name, Type, Definition string }
	}
	Annotations struct {
		List []struct{ Name, Expr string }
	}
}

type panel struct {
	ID                       int
	Type, Title, Description string
	GridPos                  struct{ X, Y, W, H int }
	Targets                  []struct{ Expr, LegendFormat string }
}

func readDashboard(t *testing.T) dashboard {
	t.Helper()
	b, err := os.ReadFile("dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	var d dashboard
	if err := json.Unmarshal(b, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// filled returns an expression with Grafana's variables replaced.
func filled(expr string) string {
	return strings.NewReplacer("$__rate_interval", "20s", "$instance", ".*", "$job", ".*").Replace(expr)
}

// TestDashboard checks that no panel lies over another, and that all have names
// and queries for the chosen instances.
func TestDashboard(t *testing.T) {
	t.Parallel()
	d := readDashboard(t)
	taken, ids := map[[2]int]string{}, map[int]bool{}
	queries := 0
	for _, p := range d.Panels {
		if ids[p.ID] || p.Title == "" {
			t.Errorf("panel %d %q", p.ID, p.Title)
		}
		ids[p.ID] = true
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if x >= 24 || taken[[2]int{x, y}] != "" {
					t.Errorf("%s lies over %q at %d,%d", p.Title, taken[[2]int{x, y}], x, y)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
		for _, q := range p.Targets {
			queries++
			if strings.Count(q.Expr, "{") != strings.Count(q.Expr, `{job=~"$job", instance=~"$instance"`) || q.LegendFormat == "" {
				t.Errorf("%s: %s", p.Title, q.Expr)
			}
		}
		if p.Type != "row" && len(p.Targets) == 0 {
			t.Errorf("%s asks nothing", p.Title)
		}
	}
	if queries < 30 {
		t.Errorf("only %d queries", queries)
	}
}

// TestAlertRules has promtool check the rules and run the scenarios: in all but
// one an alert fires.
func TestAlertRules(t *testing.T) {
	t.Parallel()
	promtool := tool(t, "promtool")
	for _, args := range [][]string{{"check", "rules", "alerts.yml"}, {"test", "rules", "alerts_test.yml"}} {
		if out, err := exec.Command(promtool, args...).CombinedOutput(); err != nil {
			t.Errorf("promtool %v: %v\n%s", args, err, out)
		}
	}
	rules, err := os.ReadFile("alerts.yml")
	if err != nil {
		t.Fatal(err)
	}
	scenarios, err := os.ReadFile("alerts_test.yml")
	if err != nil {
		t.Fatal(err)
	}
	alerts := regexp.MustCompile(`- alert: (\w+)`).FindAllStringSubmatch(string(rules), -1)
	for _, a := range alerts {
		if !strings.Contains(string(scenarios), a[1]) {
			t.Errorf("no scenario shows %s firing", a[1])
		}
	}
	for _, key := range []string{"summary: ", "runbook: ", "severity: "} {
		if n := strings.Count(string(rules), key); len(alerts) < 10 || n != len(alerts) {
			t.Errorf("%d times %q for %d alerts", n, key, len(alerts))
		}
	}
}

// TestPrometheus has a real Prometheus scrape a running postvet while mail
// comes in. Every query of the dashboard returns data, every rule is evaluated,
// and every metric in a rule exists.
func TestPrometheus(t *testing.T) {
	t.Parallel()
	tool(t, "prometheus")
	s := startService(t)
	p := startPrometheus(t, s.metrics)
	eventually(t, "the first scrape", func() error {
		up, err := p.query(`up{job="postvet"}`)
		if err == nil && up[0].Value[1] != "1" {
			err = fmt.Errorf("up is %v", up[0].Value[1])
		}
		return err
	})
	deliver := func() {
		for client, want := range map[string]byte{"192.0.2.1": 'c', "192.0.2.66": 'y'} {
			if got, err := s.deliver(client); err != nil || got != want {
				t.Fatalf("a message from %s got %q, %v", client, got, err)
			}
		}
	}

	deliver()
	checkMessageLine(t, s.message())
	d := readDashboard(t)
	asked := map[string]string{} // by expression, for whom
	for _, panel := range d.Panels {
		for _, q := range panel.Targets {
			asked[q.Expr] = panel.Title
		}
	}
	for _, v := range d.Templating.List {
		// label_values(metric, label) is a function of Grafana.
		if metric, _, ok := strings.Cut(strings.TrimPrefix(v.Definition, "label_values("), ","); ok {
			asked[metric] = "variable " + v.Name
		}
	}
	for expr, title := range asked {
		eventually(t, title+": "+expr, func() error {
			deliver()
			found, err := p.query(filled(expr))
			if err == nil && found[0].Value[1] == "NaN" {
				err = errNoData
			}
			return err
		})
	}
	for _, a := range d.Annotations.List {
		if _, err := p.query(filled(a.Expr)); err != nil && err != errNoData {
			t.Errorf("annotation %s: %v", a.Name, err)
		}
	}

	rules := p.rules(t)
	word := regexp.MustCompile(`\bpostvet_\w+`)
	metrics := map[string]bool{}
	for _, r := range rules {
		if r.Health != "ok" {
			t.Errorf("%s: %s %s", r.Name, r.Health, r.LastError)
		}
		if r.Type == "alerting" && r.State != "inactive" {
			t.Errorf("%s is %s without reason", r.Name, r.State)
		}
		for _, m := range word.FindAllString(r.Query, -1) {
			metrics[m] = true
		}
	}
	if len(metrics) < 12 {
		t.Errorf("the rules name only %v", metrics)
	}
	for m := range metrics {
		if _, err := p.query(m); err != nil {
			t.Errorf("%s: %v", m, err)
		}
	}

	// An alert that is easy to cause: a reload is refused.
	s.write(t, "mode = \"nonsense\"\n")
	if err := s.proc.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the alert about the reload", func() error {
		_, err := p.query(`ALERTS{alertname="PostvetReloadFailed"}`)
		return err
	})
}

// rule is a rule that Prometheus has loaded.
type rule struct{ Name, Query, Health, LastError, State, Type string }

// rules waits until each rule was evaluated.
func (p *prometheus) rules(t *testing.T) []rule {
	t.Helper()
	var all []rule
	eventually(t, "the rules", func() error {
		var data struct{ Groups []struct{ Rules []rule } }
		if err := p.get("rules", &data); err != nil {
			return err
		}
		all = nil
		for _, g := range data.Groups {
			all = append(all, g.Rules...)
		}
		for _, r := range all {
			if r.Health == "unknown" {
				return fmt.Errorf("%s was not evaluated", r.Name)
			}
		}
		if len(all) < 15 {
			return fmt.Errorf("%d rules", len(all))
		}
		return nil
	})
	return all
}
