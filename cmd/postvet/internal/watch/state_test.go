package watch

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestTimesAhead: a clock that was years ahead for a while silences nothing.
func TestTimesAhead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		z := newZone("a.example")
		var mails []string
		post := func(_ context.Context, subject, _ string) error {
			mails = append(mails, subject)
			return nil
		}
		o := Options{Domains: []string{"a.example"}, File: filepath.Join(t.TempDir(), "watch.json"), Repeat: time.Hour, Mail: post}
		w := start(t, z, o)
		w.told(round)
		z.set(dmarcID, none)
		w.told(round, "_dmarc.a.example TXT ["+reject+"] -> ["+none+"] (1)")
		w.stop()
		sent := len(mails)
		s, err := Load(o.File)
		if err != nil {
			t.Fatal(err)
		}
		ahead := time.Now().Add(5 * 365 * day)
		d := s.Domains["a.example"]
		s.Mailed, s.Daily, d.First, d.Checked, d.Determined, d.Next = ahead, ahead, ahead, ahead, ahead, ahead
		for _, r := range d.Records {
			r.ToldAt = ahead
		}
		for i := range d.Changes {
			d.Changes[i].At = ahead
		}
		if err := s.save(o.File); err != nil {
			t.Fatal(err)
		}
		z.set(dmarcID, reject)
		w = start(t, z, o)
		w.told(2*round, "_dmarc.a.example TXT ["+none+"] -> ["+reject+"] (1)")
		if len(mails) != sent+1 {
			t.Errorf("%d mails after %d", len(mails), sent)
		}
		if oldest := w.Stats().Oldest; oldest < 0 || oldest > round {
			t.Errorf("the oldest inspection was %s ago", oldest)
		}
		w.stop()
	})
}

// TestUnreadState: a state that is damaged, or of a newer version, is kept beside the new one.
func TestUnreadState(t *testing.T) {
	t.Parallel()
	for _, text := range []string{`{"version":2,"domains":{}}`, `{"version":1,"doma`, "\x00\x00\x00", ""} {
		file := filepath.Join(t.TempDir(), "watch.json")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := New(Options{Domains: []string{"a.example"}, Every: time.Hour, File: file})
		if err == nil || !strings.Contains(err.Error(), "watch.json.unread") {
			t.Errorf("%q: %v", text, err)
		}
		if kept, err := os.ReadFile(file + ".unread"); err != nil || string(kept) != text {
			t.Errorf("%q became %q: %v", text, kept, err)
		}
	}
}

// TestStateThatCannotBeSaved: a reload goes on with what is known, although no file has it.
func TestStateThatCannotBeSaved(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		z := newZone("a.example")
		o := Options{Domains: []string{"a.example"}, File: filepath.Join(t.TempDir(), "missing", "watch.json"), Repeat: time.Hour}
		w := start(t, z, o)
		w.told(round, "the state of watched domains is not saved; a restart would tell changes again")
		w.stop()
		if s := w.Stats(); s.Unsaved == "" {
			t.Error("the failure does not show")
		}
		z.set(dmarcID, none)
		o.Before = w.Watcher
		w = start(t, z, o)
		w.told(round, "_dmarc.a.example TXT ["+reject+"] -> ["+none+"] (1)")
		if s := w.Stats(); s.Domains[""] > 0 || s.Checked.IsZero() {
			t.Errorf("%+v", s)
		}
		w.stop()
	})
}

// TestTwoProcesses: the file of a state belongs to one process at a time.
func TestTwoProcesses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "watch.json")
		one := start(t, newZone("a.example"), Options{Domains: []string{"a.example"}, File: file})
		one.told(round)
		two := start(t, newZone("b.example"), Options{Domains: []string{"b.example"}, File: file})
		two.told(round, "the state of watched domains is not saved; a restart would tell changes again")
		text, err := os.ReadFile(file)
		var s State
		if err != nil || json.Unmarshal(text, &s) != nil || s.Domains["a.example"] == nil || s.Domains["b.example"] != nil {
			t.Errorf("%v: %s", err, text)
		}
		one.stop()
		two.told(round)
		if s := two.Stats(); s.Unsaved != "" {
			t.Error(s.Unsaved)
		}
		two.stop()
	})
}
