package web

import (
	"context"
	"testing"
	"time"
)

// readingSource is a source whose reports are being read.
type readingSource struct {
	*keptSource
	senders Senders
}

func (r readingSource) Senders(context.Context, string, time.Duration) (Senders, error) {
	return r.senders, nil
}

// TestOwnBeingRead: while reports are read, the page says how far, and judges by no part of them.
func TestOwnBeingRead(t *testing.T) {
	t.Parallel()
	k := startKept(t)
	known, err := k.Senders(t.Context(), "example.org", 0)
	if err != nil {
		t.Fatal(err)
	}
	at := testNow.Add(-48 * time.Hour)
	for name, x := range map[string]struct {
		senders Senders
		want    []string
	}{
		"at first":       {Senders{}, []string{"The reports about example.org are being read; load this page again in a moment.", "being read so far"}},
		"in the middle":  {Senders{Searched: at}, []string{"being read, searched back to 27 Nov 2026 16:00 so far"}},
		"new ones":       {Senders{Summary: known.Summary, Searched: at}, []string{"not ready for p=quarantine", "New reports came and are being read, searched back to 27 Nov 2026 16:00 so far."}},
		"very many":      {Senders{Summary: known.Summary, Searched: at, Complete: true}, []string{"not ready for p=quarantine", "the newest were read, searched back to 27 Nov 2026 16:00."}},
		"all of a month": {Senders{Summary: known.Summary, Complete: true}, []string{"not ready for p=quarantine"}},
	} {
		w := get(t, newTest(readingSource{k, x.senders}), "/own")
		holds(t, name, w.Body.String(), x.want...)
		if x.senders.Summary == nil {
			lacks(t, name, w.Body.String(), "not ready", ">ready for p=")
		}
	}
}
