package idle

import (
	"strings"
	"sync"
	"testing"
)

// TestReplaced: the holder of most connections loses one, the oldest.
func TestReplaced(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ holders, touched, removed, want string }{
		{"a", "", "", "0"},
		{"a b", "", "", "0"},
		{"a b b", "", "", "1"},
		{"a b c c b", "", "", "1"},
		{"b a a b a", "", "", "1"},
		{"a b b", "1", "", "2"},
		{"a a a", "0 1", "", "2"},
		{"a b b c", "", "1", "none"},
		{"a", "", "0 0", "none"},
	} {
		holders := strings.Fields(tc.holders)
		l := NewList(len(holders))
		ended := []string{}
		var entries []*Entry
		for i, h := range holders {
			entries = append(entries, l.Add(h, func() { ended = append(ended, string(rune('0'+i))) }))
		}
		for _, i := range strings.Fields(tc.touched) {
			entries[i[0]-'0'].Touch()
		}
		for _, i := range strings.Fields(tc.removed) {
			entries[i[0]-'0'].Remove()
			entries[i[0]-'0'].Touch() // is not there any more
		}
		l.Add("new", func() { t.Error("the new one was ended") })
		got := strings.Join(ended, " ")
		if got == "" {
			got = "none"
		}
		if got != tc.want || l.Len() != len(holders) {
			t.Errorf("%+v: ended %s, %d are left", tc, got, l.Len())
		}
	}
}

// TestConcurrent: the bound holds, and each connection is ended or removed once.
func TestConcurrent(t *testing.T) {
	t.Parallel()
	const max = 8
	l := NewList(max)
	var mu sync.Mutex
	ended := 0
	var wait sync.WaitGroup
	for g := range 16 {
		wait.Go(func() {
			for range 200 {
				e := l.Add(string(rune('a'+g%3)), func() { mu.Lock(); ended++; mu.Unlock() })
				e.Touch()
				if n := l.Len(); n > max {
					t.Errorf("%d connections", n)
				}
				if g < 8 {
					e.Remove()
				}
			}
		})
	}
	wait.Wait()
	if ended < 8*200-max || ended > 16*200-l.Len() {
		t.Errorf("%d were ended", ended)
	}
}
