package held

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestDigest: one mail a day at its time, none if nothing was held, none twice after a
// restart, and a server that fails is tried again and told once.
func TestDigest(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		core, logs := observer.New(zap.WarnLevel)
		type span struct{ since, until time.Time }
		var spans []span
		var mails []string
		var sent []time.Time
		held, fails := []Message{{Queue: "3A7B812345", MTA: Postfix, Author: "a.example"}}, 3
		d := &Digest{
			At: "07:00", Host: "mx.example", File: filepath.Join(dir, "held-digest"), Log: zap.New(core), Sent: &atomic.Uint64{}, Failed: &atomic.Uint64{},
			Find: func(_ context.Context, since, until time.Time) ([]Message, bool, error) {
				spans = append(spans, span{since, until})
				return held, false, nil
			},
			Mail: func(_ context.Context, subject, text string) error {
				if fails > 0 {
					fails--
					return errors.New("no")
				}
				mails, sent = append(mails, subject+"\n"+text), append(sent, time.Now())
				return nil
			},
		}
		run := func(days int) {
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan struct{})
			go func() { d.Run(ctx); close(ended) }()
			time.Sleep(time.Duration(days) * 24 * time.Hour)
			cancel()
			<-ended
		}
		start := time.Now()
		run(1) // without a file, that of the past day is due at once
		if len(mails) < 1 || logs.FilterMessageSnippet("is not sent").Len() != 1 || d.Failed.Load() != 3 {
			t.Fatalf("%q, %d failures, log %v", mails, d.Failed.Load(), logs.All())
		}
		if want := "Held mail at mx.example: 1 message of 1 author domain\n"; !strings.HasPrefix(mails[0], want) || !strings.Contains(mails[0], "postsuper") && !strings.Contains(mails[0], "a.example: 1 message held") {
			t.Error(mails[0])
		}
		n := len(mails)
		run(0)
		if len(mails) != n {
			t.Error("sent again after a restart")
		}
		run(3)
		if len(mails) != n+3 {
			t.Errorf("%d mails in three days", len(mails)-n)
		}
		for _, at := range sent[n:] {
			if at.Local().Format("15:04") != "07:00" {
				t.Errorf("sent at %v", at)
			}
		}
		for i := 1; i < len(spans); i++ {
			if s := spans[i]; s.since.After(s.until) || s.since.Before(start.Add(-24*time.Hour)) {
				t.Errorf("span %+v", s)
			}
		}
		n, held = len(mails), nil
		run(2)
		if len(mails) != n || d.Sent.Load() != uint64(n) {
			t.Errorf("a mail about nothing; %d were counted", d.Sent.Load())
		}
	})
}

// TestDigestAfterAbsence: mail that was held while the service was away is listed, up to a
// week back.
func TestDigestAfterAbsence(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		var since time.Time
		d := &Digest{
			At: "00:00", File: filepath.Join(dir, "held-digest"), Log: zap.NewNop(), Sent: &atomic.Uint64{}, Failed: &atomic.Uint64{},
			Find: func(_ context.Context, s, _ time.Time) ([]Message, bool, error) { since = s; return nil, false, nil },
		}
		if err := d.save(time.Now()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(30 * 24 * time.Hour)
		now := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		d.Run(ctx)
		if !since.Equal(now.Add(-digestBack)) {
			t.Errorf("since %v, now %v", since, now)
		}
	})
}
