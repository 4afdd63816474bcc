package rows

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/postvet/postvet/policy/dkim"
)

// TestCircumstances shows that a row tells when its message arrived, and what it lacks.
func TestCircumstances(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct {
		change  func(*Row)
		cut     bool
		cutTo   bool
		arrived time.Time
	}{
		"whole":           {change: func(*Row) {}, arrived: at},
		"slow":            {change: func(r *Row) { r.Results.Arrived = at.Add(-90 * time.Second) }, arrived: at.Add(-90 * time.Second)},
		"another clock":   {change: func(r *Row) { r.Results.Arrived = at.Add(time.Second) }, arrived: at.Add(time.Second)},
		"very slow":       {change: func(r *Row) { r.Results.Arrived = at.Add(-48 * time.Hour) }, arrived: at.Add(-24 * time.Hour)},
		"no time":         {change: func(r *Row) { r.Results.Arrived = time.Time{} }, arrived: at},
		"international":   {change: func(r *Row) { r.Results.MailFrom = "jürgen@example.net" }, arrived: at},
		"control":         {change: func(r *Row) { r.Results.Client.Helo = "a\x1bb" }, cut: true, arrived: at},
		"long selector":   {change: func(r *Row) { r.Results.DKIM[0].Selector = strings.Repeat("x", 65) }, cut: true, arrived: at},
		"long sentence":   {change: func(r *Row) { r.Results.DKIM[0].Reason = strings.Repeat("x", 1000) }, arrived: at},
		"many signatures": {change: func(r *Row) { r.Results.DKIM = append(r.Results.DKIM, make([]dkim.Result, 7)...) }, cut: true, arrived: at},
		"many recipients": {change: func(r *Row) {
			for i := range 15 {
				r.Results.Recipients = append(r.Results.Recipients, fmt.Sprintf("user%d@example.com", i))
			}
		}, cutTo: true, arrived: at},
		"recipient with a blank": {change: func(r *Row) { r.Results.Recipients[0] = `"a b"@example.com` }, cutTo: true, arrived: at},
	} {
		for _, level := range []Level{Domains, Hashed, Addresses} {
			row := refused()
			x.change(row)
			got, _ := kept(t, row, level)
			cutTo := x.cutTo && (level != Domains || name != "recipient with a blank")
			if got.Cut != x.cut || got.CutRecipients != cutTo || !got.Results.Arrived.Equal(x.arrived) {
				t.Errorf("%s at level %s: cut %t and %t, arrived %s; want %t, %t, %s", name, level, got.Cut, got.CutRecipients, got.Results.Arrived, x.cut, cutTo, x.arrived)
			}
		}
	}
}
