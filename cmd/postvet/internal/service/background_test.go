package service

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestBackground: other work begins when the work before has ended, also when nothing was to
// be done meanwhile, and stop does not wait for ever.
func TestBackground(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var b background
		said := make(chan string, 4)
		heard := func(want ...string) {
			t.Helper()
			var got []string
			for len(said) > 0 {
				got = append(got, <-said)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		}
		work := func(name string) func(context.Context) {
			return func(ctx context.Context) {
				said <- name + " begins"
				<-ctx.Done()
				time.Sleep(time.Minute)
				said <- name + " ends"
			}
		}
		if !b.stop(time.Second) {
			t.Error("there is nothing that has not ended")
		}
		b.replace(work("one"))
		synctest.Wait()
		b.replace(nil)
		b.replace(work("two"))
		synctest.Wait()
		heard("one begins")
		time.Sleep(time.Minute)
		synctest.Wait()
		heard("one ends", "two begins")
		if b.stop(time.Second) {
			t.Error("it has not ended")
		}
		if !b.stop(time.Hour) {
			t.Error("it has ended")
		}
		heard("two ends")
	})
}
