package dnscache

import (
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
)

// limiter returns the limit of an upstream with a clock.
func limiter() (c *concurrency, now *int64) {
	now = new(int64)
	return &concurrency{now: func() int64 { return *now }, most: 1000, log: zap.NewNop(), recovery: &recovery{}}, now
}

// send begins n queries, all in flight together.
func (c *concurrency) send(n int) []*queryTurn {
	turns := make([]*queryTurn, n)
	for i := range turns {
		c.turns.force()
		turns[i] = c.began(time.Hour)
	}
	return turns
}

// finish ends queries in one way.
func finish(turns []*queryTurn, how ending) {
	for _, t := range turns {
		t.end(how, 0)
	}
}

// Each row is what ends beside how many answers, and the limit after that.
func TestSignsOfAQuota(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name           string
		sent, answered int
		bad            int
		how            ending
		limit          int
	}{
		{name: "all answered", sent: 400, answered: 400},
		{name: "an eighth refused", sent: 32, answered: 28, bad: 4, how: endedRefused, limit: 16},
		{name: "a sixteenth refused", sent: 64, answered: 60, bad: 4, how: endedRefused},
		{name: "three refused", sent: 10, answered: 7, bad: 3, how: endedRefused},
		{name: "few in flight", sent: 7, answered: 1, bad: 6, how: endedRefused},
		{name: "half fails", sent: 32, answered: 16, bad: 16, how: endedServFail, limit: 16},
		{name: "a third fails", sent: 60, answered: 40, bad: 20, how: endedServFail},
		{name: "ten fail", sent: 20, answered: 10, bad: 10, how: endedServFail},
		{name: "half is silent", sent: 40, answered: 20, bad: 20, how: endedSilent, limit: 20},
		{name: "a third is silent", sent: 60, answered: 40, bad: 20, how: endedSilent},
		{name: "ten are silent", sent: 20, answered: 10, bad: 10, how: endedSilent},
		{name: "given up", sent: 60, answered: 10, bad: 50, how: endedUnknown},
		{name: "all refused", sent: 100, bad: 100, how: endedRefused},
		{name: "all fail", sent: 100, bad: 100, how: endedServFail},
		{name: "all are silent", sent: 100, bad: 100, how: endedSilent},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, _ := limiter()
			turns := c.send(tt.sent)
			finish(turns[:tt.answered], endedAnswered)
			finish(turns[tt.answered:tt.answered+tt.bad], tt.how)
			var s UpstreamStats
			c.stats(&s)
			if s.Limit != tt.limit || s.InFlight != 0 {
				t.Errorf("limit %d instead of %d, %d in flight", s.Limit, tt.limit, s.InFlight)
			}
			if c.quota() != (tt.limit > 0) {
				t.Errorf("quota: %v", c.quota())
			}
		})
	}
}

// One burst lowers the limit once, the next ones further, and never below the least.
func TestLimitFalls(t *testing.T) {
	t.Parallel()
	c, _ := limiter()
	var limits []int
	for range 8 {
		turns := c.send(400)
		finish(turns[:50], endedAnswered)
		finish(turns[50:], endedRefused)
		limits = append(limits, int(c.limit))
	}
	for i, want := range []int{200, 100, 50, 25, 13, 8, 8, 8} {
		if limits[i] != want {
			t.Errorf("limits %v", limits)
			break
		}
	}
}

// While there is a limit, a quarter of SERVFAIL lowers it, and an eighth does not.
func TestSERVFAILLowersALimit(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ answered, failed, limit int }{{24, 8, 16}, {28, 4, 40}, {56, 8, 40}} {
		c, _ := limiter()
		c.limit, c.loweredAt = 40, 1
		turns := c.send(tt.answered + tt.failed)
		finish(turns[:tt.answered], endedAnswered)
		finish(turns[tt.answered:], endedServFail)
		if int(c.limit) != tt.limit {
			t.Errorf("%d answered, %d failed: limit %v instead of %d", tt.answered, tt.failed, c.limit, tt.limit)
		}
	}
}

// Answers raise the limit by one in each round, as long as it keeps queries waiting.
func TestLimitRises(t *testing.T) {
	t.Parallel()
	c, now := limiter()
	c.limit, c.loweredAt = 20, 1
	c.turns.setLimit(20)
	finish(c.send(10), endedAnswered)
	if c.limit != 20 {
		t.Errorf("limit %v although half of it was in use", c.limit)
	}
	busy := c.send(20)
	finish(c.send(100), endedAnswered)
	if c.limit < 23 || c.limit > 25 {
		t.Errorf("limit %v after five rounds", c.limit)
	}
	finish(busy, endedUnknown)
	*now = int64(limitLife) + 2
	finish(c.send(1), endedAnswered)
	if c.limit != 0 || c.quota() {
		t.Errorf("limit %v after ten minutes", c.limit)
	}
}

// SERVFAIL sets no limit where such questions fail whenever they are asked, as those for the
// domains that a sender has broken.
func TestSERVFAILOfNames(t *testing.T) {
	t.Parallel()
	c, _ := limiter()
	fail := func() {
		turns := c.send(60)
		finish(turns[:20], endedAnswered)
		finish(turns[20:], endedServFail)
	}
	c.recovery.add(false)
	for range 10 {
		fail()
	}
	if c.limit != 0 {
		t.Errorf("limit %v", c.limit)
	}
	for range 5 {
		c.recovery.add(true)
	}
	for range 3 {
		fail()
	}
	if c.limit == 0 {
		t.Error("no limit although they are answered later")
	}
}

// A query whose response is late gives its turn back, once.
func TestLateQueryGivesItsTurnBack(t *testing.T) {
	t.Parallel()
	c, _ := limiter()
	c.limit, c.loweredAt = 1, 1
	c.turns.setLimit(1)
	if !c.turns.try() {
		t.Fatal("no turn")
	}
	slow := c.began(time.Millisecond)
	waiting := c.turns.wait(t.Context())
	<-waiting.ready
	slow.end(endedAnswered, 0)
	if taken, _ := c.turns.counts(); taken != 1 {
		t.Errorf("%d turns taken", taken)
	}
	// A refused one keeps its turn for a while.
	refused := c.began(time.Hour)
	refused.end(endedRefused, 0)
	again := c.turns.wait(t.Context())
	<-again.ready
}

// Many goroutines leave no turn behind.
func TestTurnsAreGivenBack(t *testing.T) {
	t.Parallel()
	c, _ := limiter()
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for n := range 200 {
				if _, err := c.take(t.Context()); err != nil {
					t.Error(err)
					return
				}
				c.began(time.Duration(n%3)*time.Millisecond).end(ending((i+n)%5), 0)
			}
		})
	}
	wg.Wait()
	for late := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		if taken, waiting := c.turns.counts(); taken == 0 && waiting == 0 {
			return
		} else if time.Now().After(late) {
			t.Fatalf("%d taken, %d waiting", taken, waiting)
		}
	}
}
