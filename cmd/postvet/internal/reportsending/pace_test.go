package reportsending

import (
	"strconv"
	"testing"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/reports"
)

// TestAdmit has twenty deliveries to one domain ask again and again, over an outage in
// which all of them miss their places: six never go within a minute.
func TestAdmit(t *testing.T) {
	t.Parallel()
	s := testSettings.withDefaults()
	p := newPace(&s)
	waiting := map[string]time.Time{}
	for i := range 20 {
		waiting["a"+strconv.Itoa(i)+"@example.com"] = midnight
	}
	var went []time.Time
	for now := midnight; len(waiting) > 0; now = now.Add(time.Second) {
		if now.Sub(midnight) > 2*time.Hour {
			t.Fatalf("%d never go", len(waiting))
		}
		if now.Sub(midnight) == 10*time.Second {
			now = now.Add(time.Hour)
		}
		for address, at := range waiting {
			if at.After(now) {
				continue
			}
			ok, when := p.admit(&reports.Delivery{Report: "r", Address: address}, now)
			if ok {
				went = append(went, now)
				delete(waiting, address)
				continue
			}
			if !when.After(now) {
				t.Fatalf("told to wait until %s at %s", when, now)
			}
			waiting[address] = when
		}
	}
	for i := 5; i < len(went); i++ {
		if d := went[i].Sub(went[i-5]); d < time.Minute {
			t.Errorf("6 within %s", d)
		}
	}
	if last := went[len(went)-1].Sub(midnight); last > time.Hour+10*time.Minute {
		t.Errorf("the last one went after %s", last)
	}
}

// TestPauses has a domain refuse again and again: its pause doubles up to a day, and ends
// with a success.
func TestPauses(t *testing.T) {
	t.Parallel()
	s := testSettings.withDefaults()
	p := newPace(&s)
	for _, hours := range []int{1, 2, 4, 8, 16, 24, 24} {
		if until := p.refused("a@example.com", midnight); until.Sub(midnight) != time.Duration(hours)*time.Hour {
			t.Errorf("paused until %s, want %d hours", until, hours)
		}
	}
	if ok, when := p.admit(&reports.Delivery{Report: "r", Address: "b@example.com"}, midnight); ok || when.Sub(midnight) != 24*time.Hour {
		t.Errorf("admitted: %t, %s", ok, when)
	}
	if ok, _ := p.admit(&reports.Delivery{Report: "r", Address: "b@two.example"}, midnight); !ok {
		t.Error("another domain waits too")
	}
	p.taken("a@example.com")
	if ok, _ := p.admit(&reports.Delivery{Report: "r", Address: "b@example.com"}, midnight.Add(time.Minute)); !ok {
		t.Error("paused after a success")
	}
	if until := p.refused("a@example.com", midnight); until.Sub(midnight) != time.Hour {
		t.Errorf("paused until %s after a success", until)
	}
}
