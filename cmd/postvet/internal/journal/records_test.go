package journal

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/result"
)

// TestRecords shows that each record is written once an hour, and at once when it changes.
func TestRecords(t *testing.T) {
	t.Parallel()
	s := &store{}
	r := NewRecorder(Options{Level: rows.Hashed, Store: s, Every: time.Hour})
	defer r.Close(t.Context())
	written := func() (names []string) {
		r.Flush(t.Context())
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, rec := range s.records {
			names = append(names, string(rec.Standard)+" "+rec.Name)
			if !rec.First.Equal(rec.Last) || rec.Text == "" {
				t.Errorf("record %+v", rec)
			}
		}
		s.records = nil
		return names
	}
	add := func(after time.Duration, policy string) {
		row := refused()
		row.Ref = result.FirstReference(time.Date(2026, 11, 29, 10, 0, 0, 0, time.UTC).Add(after))
		row.Results.Reference = row.Ref
		row.Results.DMARC.Record = "v=DMARC1; p=" + policy
		r.Add(row)
	}
	dmarc := []string{"dmarc _dmarc.example.org"}
	all := []string{"spf example.net", dmarc[0], "dkim s1._domainkey.example.org"}
	for _, step := range []struct {
		after  time.Duration
		policy string
		want   []string
	}{
		{0, "reject", all},
		{time.Minute, "reject", nil},
		{2 * time.Minute, "none", dmarc},
		{3 * time.Minute, "reject", dmarc},
		{59 * time.Minute, "reject", nil},
		{61 * time.Minute, "reject", []string{all[0], all[2]}},
	} {
		add(step.after, step.policy)
		if diff := cmp.Diff(step.want, written()); diff != "" {
			t.Errorf("after %s (-want +got):\n%s", step.after, diff)
		}
	}
	passes := accepted()
	passes.Ref = result.FirstReference(time.Now())
	r.Add(passes)
	if got := written(); got != nil {
		t.Errorf("records of mail that passes are kept: %q", got)
	}
	s.failRecords = errors.New("full")
	add(2*time.Hour, "reject")
	written()
	s.failRecords = nil
	add(2*time.Hour+time.Second, "reject")
	if diff := cmp.Diff(all, written()); diff != "" {
		t.Errorf("what could not be written is not written later (-want +got):\n%s", diff)
	}
}

// TestRecordsOfFlood has senders invent a record for each message.
func TestRecordsOfFlood(t *testing.T) {
	t.Parallel()
	s := &store{}
	r := NewRecorder(Options{Level: rows.Hashed, Store: s, Every: time.Hour})
	defer r.Close(t.Context())
	row := accepted()
	row.Results.SPF, row.Results.DKIM = nil, nil
	row.Results.DMARC.Status = dmarc.Fail
	flood := func(hour, messages int, text string) (count, octets int) {
		for i := range messages {
			row.Ref = result.FirstReference(time.Date(2026, 11, 29, hour, 0, 0, 0, time.UTC))
			row.Results.DMARC.RecordDomain, row.Results.DMARC.Record = fmt.Sprintf("n%d.example.org", i), text
			r.Add(row)
			if i%50 == 0 {
				r.Flush(t.Context())
			}
		}
		r.Flush(t.Context())
		for _, rec := range s.records {
			octets += len(rec.Name) + len(rec.Text)
		}
		count, s.records = len(s.records), nil
		return count, octets
	}
	if n, _ := flood(10, 2*recordsPerHour, "v=DMARC1; p=none"); n != recordsPerHour/4*3 {
		t.Errorf("%d records of accepted mail were kept in an hour, want %d", n, recordsPerHour/4*3)
	}
	if n, octets := flood(11, recordsPerHour, "v=DMARC1; p=none; "+strings.Repeat("\x1b", 60000)); octets > recordOctetsPerHour || n < 1000 {
		t.Errorf("%d records with %d octets were kept in an hour", n, octets)
	}
	if dropped := r.Stats().RecordsDropped; dropped < recordsPerHour {
		t.Errorf("%d records were dropped", dropped)
	}
	flood(12, recordsPerHour, "v=DMARC1; p=none")
	rest := refused()
	rest.Ref = row.Ref
	r.Add(rest)
	r.Flush(t.Context())
	if len(s.records) != 3 {
		t.Errorf("%d records of refused mail were kept beside a flood, want 3", len(s.records))
	}
}

// TestRecordsHaveNoLocalPart evaluates a record with macros of the sender's mailbox.
func TestRecordsHaveNoLocalPart(t *testing.T) {
	t.Parallel()
	s := &store{}
	r := NewRecorder(Options{Level: rows.Domains, Store: s, Every: time.Hour})
	row := refused()
	row.Results.MailFrom = "secret.person@example.net"
	row.Results.SPF[1].Record, row.Results.SPF[1].LocalPart = "v=spf1 exists:%{l}._spf.%{d} exp=%{l}.why.%{d} -all", true
	row.Results.SPF[1].Mechanism, row.Results.SPF[1].Explanation = "exists:%{l}._spf.%{d}", "secret.person may not"
	r.Add(row)
	r.Close(t.Context())
	for _, rec := range s.records {
		if strings.Contains(rec.Name+rec.Text, "secret") {
			t.Errorf("a record has the mailbox: %+v", rec)
		}
	}
	if len(s.records) != 3 {
		t.Errorf("%d records were kept", len(s.records))
	}
}

// BenchmarkRecords measures what the records of a message cost that were all met lately.
func BenchmarkRecords(b *testing.B) {
	m, row := newRecords(), refused()
	m.add(row, rows.Rest)
	b.ReportAllocs()
	for b.Loop() {
		m.add(row, rows.Rest)
	}
}
