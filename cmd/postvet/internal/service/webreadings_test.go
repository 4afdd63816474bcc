package service

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/reports"
	"github.com/postvet/postvet/cmd/postvet/internal/web"
)

// slowStore has reports about a domain. A page that reads their documents waits for a token
// before each.
type slowStore struct {
	web.ReportReader
	all   []*reports.Received // the newest first
	token chan struct{}
	err   error
}

func (s *slowStore) Received(ctx context.Context, f reports.ReceivedFilter, each func(*reports.Received) error) error {
	for _, r := range s.all[:min(len(s.all), f.Limit)] {
		if f.Documents {
			select {
			case <-s.token:
			case <-ctx.Done():
				return ctx.Err()
			}
			if s.err != nil {
				return s.err
			}
		}
		if err := each(r); err != nil {
			return err
		}
	}
	return nil
}

func (s *slowStore) add(t *testing.T, id int64) {
	t.Helper()
	var document bytes.Buffer
	zip := gzip.NewWriter(&document)
	_, err := zip.Write([]byte(`{"source_ip": "192.0.2.9", "count": 10, "header_from": "example.org"}`))
	if err = errors.Join(err, zip.Close()); err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 11, int(id), 12, 0, 0, 0, time.UTC)
	s.all = append([]*reports.Received{{
		ID: id, Kind: reports.ReceivedAggregate, Domain: "example.org", Arrived: at, Records: 1, Result: "pass", Document: document.Bytes(),
		Head: []byte(`{"begin": "2026-11-01T00:00:00Z", "end": "2026-11-01T23:59:59Z", "policy_published": {"domain": "example.org", "p": "none"}}`),
	}}, s.all...)
}

// TestSendersAreRead: a page does not wait for the reading of reports, says how far it is, and a
// later one has what was read, without reading it again. While new reports are read, a page shows
// what is known.
func TestSendersAreRead(t *testing.T) {
	t.Parallel()
	r := newReadings()
	defer r.stop()
	s := &slowStore{token: make(chan struct{})}
	ask := func(within time.Duration) web.Senders {
		t.Helper()
		found, err := r.senders(t.Context(), s, "example.org", within)
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	if x := ask(0); !x.Complete || x.Summary != nil {
		t.Errorf("without reports: %+v", x)
	}
	s.add(t, 1)
	s.add(t, 2)
	if x := ask(0); x.Complete || x.Summary != nil || !x.Searched.IsZero() {
		t.Errorf("at first: %+v", x)
	}
	s.token <- struct{}{}
	for began := time.Now(); ask(0).Searched.IsZero(); time.Sleep(time.Millisecond) {
		if time.Since(began) > 10*time.Second {
			t.Fatal("nobody says how far the reading is")
		}
	}
	if x := ask(0); x.Complete || x.Summary != nil || !x.Searched.Equal(s.all[0].Arrived) {
		t.Errorf("after the newest: %+v", x)
	}
	s.token <- struct{}{}
	if x := ask(10 * time.Second); !x.Complete || x.Summary == nil || x.Summary.Messages != 20 || !x.Searched.IsZero() {
		t.Errorf("at the end: %+v", x)
	}
	if x := ask(0); !x.Complete {
		t.Errorf("the same reports are read again: %+v", x)
	}

	s.add(t, 3)
	known := r.known("example.org")
	if known == nil {
		t.Fatal("what was read a moment ago is not known")
	}
	if x, err := known.found(); err != nil || !x.Complete || x.Summary.Messages != 20 {
		t.Errorf("what is known without the new report: %+v, %v", x, err)
	}
	known.begun = known.begun.Add(-knownKept)
	if r.known("example.org") != nil || r.known("other.example") != nil {
		t.Error("an old reading is known, or one that nobody began")
	}
	if x := ask(0); x.Complete || x.Summary == nil || x.Summary.Messages != 20 {
		t.Errorf("with a new report: %+v", x)
	}
	for range 3 {
		s.token <- struct{}{}
	}
	if x := ask(10 * time.Second); !x.Complete || x.Summary.Messages != 30 {
		t.Errorf("with a new report at the end: %+v", x)
	}
}

// TestSendersFail: a store that cannot be read is told, and is tried again by the next page; at
// its end the service does not wait for one that hangs.
func TestSendersFail(t *testing.T) {
	t.Parallel()
	r := newReadings()
	s := &slowStore{token: make(chan struct{}, 1), err: errors.New("damaged")}
	s.add(t, 1)
	s.token <- struct{}{}
	if _, err := r.senders(t.Context(), s, "example.org", 10*time.Second); !errors.Is(err, s.err) {
		t.Errorf("got %v", err)
	}
	// The first page is asked for often.
	if known := r.known("example.org"); known == nil || !known.ended() {
		t.Error("a page that needs no newer result tries it again at once")
	} else if _, err := known.found(); !errors.Is(err, s.err) {
		t.Errorf("what is known: %v", err)
	}
	if x, err := r.senders(t.Context(), s, "example.org", 0); err != nil || x.Complete {
		t.Errorf("it is not tried again: %+v, %v", x, err)
	}
	r.stop()
	if _, err := r.senders(t.Context(), s, "example.org", 10*time.Second); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end: %v", err)
	}
}

// TestSendersOfTheFuture: a report whose period ends after its arrival does not count. Otherwise
// its policy would be the newest for years, and no sender would be new.
func TestSendersOfTheFuture(t *testing.T) {
	t.Parallel()
	r := newReadings()
	defer r.stop()
	s := &slowStore{token: make(chan struct{}, 3)}
	for id := range int64(3) {
		s.add(t, id+1)
		s.token <- struct{}{}
	}
	s.all[0].End = s.all[0].Arrived.AddDate(70, 0, 0)
	s.all[0].Head = []byte(`{"begin": "2096-11-03T00:00:00Z", "end": "2096-11-03T23:59:59Z", "policy_published": {"domain": "example.org", "p": "reject"}}`)
	s.all[1].End = s.all[1].Arrived.Add(14 * time.Hour) // a reporter at the other end of the world
	x, err := r.senders(t.Context(), s, "example.org", 10*time.Second)
	if err != nil || !x.Complete {
		t.Fatalf("%+v, %v", x, err)
	}
	if got := x.Summary; got.Reports != 2 || got.Unproven != 1 || got.Policy.P != "none" || got.Last.Year() != 2026 {
		t.Errorf("%d reports, %d left out, p=%s, the last day is %v", got.Reports, got.Unproven, got.Policy.P, got.Last)
	}
}
