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
		{0, maxPercent},
		{mb, maxPercent},
		{4 * mb, maxPercent},
		{8 * mb, 400},
		{16 * mb, 200},
		{32 * mb, minPercent},
		{1 << 40, minPercent},
	} {
		if got := gcPercent(c.live); got != c.want {
			t.Errorf("%d MB live: GOGC %d, want %d", c.live/mb, got, c.want)
		}
	}
}

// A large heap is collected as Go does by default, and a small one later.
func TestAdaptGC(t *testing.T) {
	t.Setenv("GOGC", "")
	t.Setenv("GOMEMLIMIT", "")
	defer adaptGC()()
	percent := func() int {
		m := []metrics.Sample{{Name: "/gc/gogc:percent"}}
		metrics.Read(m)
		return int(m[0].Value.Uint64())
	}
	await := func(what string, ok func(percent int) bool) {
		t.Helper()
		for end := time.Now().Add(2 * time.Minute); !ok(percent()); {
			if time.Now().After(end) {
				t.Fatalf("%s: GOGC is %d", what, percent())
			}
			runtime.GC()
		}
	}
	if p := percent(); p != maxPercent {
		t.Errorf("at the start GOGC is %d, want %d", p, maxPercent)
	}
	func() {
		big := make([]byte, 64<<20)
		await("a heap of 64 MB", func(p int) bool { return p == minPercent })
		runtime.KeepAlive(big)
	}()
	await("after it was let go", func(p int) bool { return p > 2*minPercent })
}

func TestAdaptGCLeavesTheAdministratorsChoice(t *testing.T) {
	for _, key := range []string{"GOGC", "GOMEMLIMIT"} {
		t.Setenv("GOGC", "")
		t.Setenv("GOMEMLIMIT", "")
		t.Setenv(key, "1000MiB")
		before := debug.SetGCPercent(150)
		stop := adaptGC()
		if got := debug.SetGCPercent(before); got != 150 {
			t.Errorf("with %s set GOGC became %d", key, got)
		}
		stop()
	}
}
