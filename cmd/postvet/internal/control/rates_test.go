package control

import (
	"math"
	"testing"
	"time"
)

func TestRates(t *testing.T) {
	t.Parallel()
	begin := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	var r Rates
	if got := r.Over(time.Minute, begin, Totals{Accept: 5}); got != (Rate{}) {
		t.Errorf("without a sample: %+v", got)
	}
	r.Sample(begin, Totals{})
	if got := r.Over(time.Minute, begin, Totals{Accept: 5}); got.Accept != 60 {
		t.Errorf("in the first moment: %+v", got)
	}
	// Before a window is over, the rate is that since the start.
	if got := r.Over(time.Minute, begin.Add(30*time.Second), Totals{Accept: 5, TempFail: 1}); got.Accept != 10 || got.TempFail != 2 || got.All() != 12 {
		t.Errorf("after half a minute: %+v", got)
	}
	// One message a second for 20 minutes, then 10 a second for one minute, of
	// which half are rejected.
	now, total := begin, Totals{}
	for i := range int(21 * time.Minute / SampleEvery) {
		now = now.Add(SampleEvery)
		if i < int(20*time.Minute/SampleEvery) {
			total.Accept += 5
		} else {
			total.Accept, total.Reject = total.Accept+25, total.Reject+25
		}
		r.Sample(now, total)
	}
	for _, tc := range []struct {
		window         time.Duration
		accept, reject float64
	}{
		{time.Minute, 300, 300},
		{5 * time.Minute, (4*60 + 300) / 5., 300 / 5.},
		{15 * time.Minute, (14*60 + 300) / 15., 300 / 15.},
	} {
		got := r.Over(tc.window, now, total)
		if math.Abs(got.Accept-tc.accept) > 1e-9 || math.Abs(got.Reject-tc.reject) > 1e-9 || got.Quarantine != 0 {
			t.Errorf("over %v: %+v, want %v and %v", tc.window, got, tc.accept, tc.reject)
		}
	}
	// Between two samples.
	total.Reject += 60
	if got := r.Over(time.Minute, now.Add(2*time.Second), total); got.Reject < 300 || got.Reject > 360 {
		t.Errorf("between two samples: %+v", got)
	}
}
