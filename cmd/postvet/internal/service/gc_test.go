package service

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"testing"
	"time"
)

func TestGCPercent(t *testing.T) {
	const mb = 1 << 20
	for _, c := range []struct {
		live uint64
		want int
	}{
		{0, mostPercent},
		{mb, mostPercent},
		{4 * mb, mostPercent},
		{8 * mb, 400},
		{16 * mb, 200},
		{32 * mb, usualPercent},
		{1 << 40, usualPercent},
	} {
		if got := gcPercent(c.live); got != c.want {
			t.Errorf("%d MB live: GOGC %d, want %d", c.live/mb, got, c.want)
		}
	}
}

// A heap that has grown is collected as Go does by default, and one that has
// shrunk again is left alone for longer.
func TestSteadyCollector(t *testing.T) {
	t.Setenv("GOGC", "")
	t.Setenv("GOMEMLIMIT", "")
	defer steadyCollector()()
	inForce := func() int {
		m := []metrics.Sample{{Name: "/gc/gogc:percent"}}
		metrics.Read(m)
		return int(m[0].Value.Uint64())
	}
	await := func(what string, ok func(percent int) bool) {
		t.Helper()
		for end := time.Now().Add(20 * time.Second); !ok(inForce()); {
			if time.Now().After(end) {
				t.Fatalf("%s: GOGC is %d", what, inForce())
			}
			runtime.GC()
		}
	}
	if p := inForce(); p != mostPercent {
		t.Errorf("at the start GOGC is %d, want %d", p, mostPercent)
	}
	func() {
		big := make([]byte, 64<<20)
		await("a heap of 64 MB", func(p int) bool { return p == usualPercent })
		runtime.KeepAlive(big)
	}()
	await("after it was let go", func(p int) bool { return p > 2*usualPercent })
}

func TestSteadyCollectorLeavesTheAdministratorsChoice(t *testing.T) {
	for _, key := range []string{"GOGC", "GOMEMLIMIT"} {
		t.Setenv("GOGC", "")
		t.Setenv("GOMEMLIMIT", "")
		t.Setenv(key, "1000MiB")
		before := debug.SetGCPercent(150)
		stop := steadyCollector()
		if got := debug.SetGCPercent(before); got != 150 {
			t.Errorf("with %s set GOGC became %d", key, got)
		}
		stop()
	}
}
