package result

import (
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestReference(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 29, 5, 37, 28, 123e6, time.UTC)
	var all References
	r := all.Next(at)
	text := r.String()
	if len(text) != ReferenceLength || !r.Time().Equal(at) {
		t.Errorf("reference %s of %s, want 13 characters and %s", text, r.Time(), at)
	}
	for _, written := range []string{text, strings.ToLower(text), text[:4] + "-" + text[4:8] + "-" + text[8:], strings.ReplaceAll(text, "0", "o"), strings.ReplaceAll(text, "1", "l")} {
		if got, err := ParseReference(written); got != r || err != nil {
			t.Errorf("ParseReference(%q) = %v, %v, want %v", written, got, err, r)
		}
	}
	if Reference(0).String() != "" {
		t.Error("no reference has a text")
	}
}

func TestReferenceMistakes(t *testing.T) {
	t.Parallel()
	var all References
	found, swapped := 0, 0
	for range 1000 {
		// References of one time begin alike, so that a mistake of one is one of all.
		text := all.Next(time.UnixMilli(referenceEpoch + rand.Int64N(1<<39))).String()
		for i := range len(text) - 2 {
			if text[i] == text[i+1] {
				continue
			}
			swapped++
			wrong := text[:i] + string([]byte{text[i+1], text[i]}) + text[i+2:]
			if _, err := ParseReference(wrong); err != nil {
				found++
			}
		}
	}
	if found < swapped*98/100 {
		t.Errorf("%d of %d swapped digits are found, want 98 %%", found, swapped)
	}
	for _, s := range []string{"", "4XkZ1t2q3nz9Vx", "0000000000000", "U123456789012", "\x00\xff", strings.Repeat("0", 100)} {
		if r, err := ParseReference(s); err == nil {
			t.Errorf("ParseReference(%q) = %v, want an error", s, r)
		}
	}
}

func TestReferencesAreUnique(t *testing.T) {
	t.Parallel()
	var all References
	var mu sync.Mutex
	var group sync.WaitGroup
	seen := map[Reference]bool{}
	at := time.Now()
	for range 8 {
		group.Go(func() {
			for range 2000 {
				r := all.Next(at) // all of one millisecond
				mu.Lock()
				if seen[r] {
					t.Errorf("%v twice", r)
				}
				seen[r] = true
				mu.Unlock()
			}
		})
	}
	group.Wait()
}

// TestReferencesOfJumpingClock has the clock go back and forth: within a second references
// go on, beyond that they follow it, and none comes twice.
func TestReferencesOfJumpingClock(t *testing.T) {
	t.Parallel()
	var all References
	at := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	seen := map[Reference]bool{}
	last := all.Next(at)
	for _, jump := range []time.Duration{0, -time.Millisecond, -900 * time.Millisecond, -time.Hour, time.Hour, 365 * 24 * time.Hour, -365 * 24 * time.Hour} {
		if at = at.Add(jump); jump <= -time.Second {
			last = 0
		}
		for range 100 {
			r := all.Next(at)
			if seen[r] {
				t.Errorf("%v comes twice after a jump of %s", r, jump)
			}
			seen[r] = true
			if r < last {
				t.Errorf("%v after %v, a jump of %s", r, last, jump)
			}
			if off := r.Time().Sub(at).Abs(); off > time.Second {
				t.Errorf("after a jump of %s a reference is %s off", jump, off)
			}
			last = r
		}
	}
}

func BenchmarkReference(b *testing.B) {
	var all References
	at := time.Now()
	b.ReportAllocs()
	for b.Loop() {
		all.Next(at)
	}
}
