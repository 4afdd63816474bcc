package requirements

import (
	"context"
	"flag"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"

	"github.com/postvet/postvet/cmd/postvet/internal/finding"
	"github.com/postvet/postvet/cmd/postvet/internal/inspect"
	"github.com/postvet/postvet/cmd/postvet/internal/lookups"
	"github.com/postvet/postvet/cmd/postvet/internal/page/pagetest"
	"github.com/postvet/postvet/dnscache/dnstest"
)

var update = flag.Bool("update", false, "rewrite the wanted output in testdata")

func clock() time.Time { return time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC) }

// setup is a file of testdata.
type setup struct {
	file    string
	archive *txtar.Archive
	zone    string
	args    []string // the name and its selectors
}

func setups(t *testing.T) (list []setup) {
	t.Helper()
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no testdata: %v", err)
	}
	for _, file := range files {
		a, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		s := setup{file: file, archive: a}
		for _, f := range a.Files {
			switch f.Name {
			case "zone":
				s.zone = string(f.Data)
			case "name":
				s.args = strings.Fields(string(f.Data))
			}
		}
		list = append(list, s)
	}
	return list
}

func (s *setup) judge(ctx context.Context, r lookups.Resolver) *Report {
	return Judge(inspect.Inspect(ctx, r, s.args[0], inspect.Options{Selectors: s.args[1:], Now: clock}))
}

// TestReports compares reports with testdata.
func TestReports(t *testing.T) {
	t.Parallel()
	for _, s := range setups(t) {
		t.Run(filepath.Base(s.file), func(t *testing.T) {
			t.Parallel()
			_, resolver := dnstest.StartAt(t, s.zone, clock)
			r := s.judge(t.Context(), resolver)
			pagetest.Golden(t, s.file, s.archive, r, *update)
			pagetest.Columns(t, r)
			for _, u := range r.Rules {
				if u.Text == "" || len(u.Sources) != len(u.By) || u.State == OK && u.Fix != "" {
					t.Errorf("%+v", u)
				}
			}
		})
	}
}

// TestUnknownIsNeverOK: with half of the lookups failing, no rule is kept or broken that is
// not without failures.
func TestUnknownIsNeverOK(t *testing.T) {
	t.Parallel()
	for _, s := range setups(t) {
		if strings.Contains(s.zone, "$FAULT") {
			continue
		}
		t.Run(filepath.Base(s.file), func(t *testing.T) {
			t.Parallel()
			_, resolver := dnstest.StartAt(t, s.zone, clock)
			truth := s.judge(t.Context(), resolver)
			for seed := range 60 {
				r := s.judge(t.Context(), dnstest.Unreliable{Resolver: resolver, Seed: seed, Percent: uint32(10 + seed)})
				for i, u := range r.Rules {
					want := truth.Rules[i]
					if (u.State == OK || u.State == Broken) && u.State != want.State {
						t.Errorf("seed %d: %s is %s (%s), and in truth %s (%s)", seed, u.ID, u.State, u.Text, want.State, want.Text)
					}
				}
				if r.Verdict() == finding.Sound && truth.Verdict() != finding.Sound {
					t.Errorf("seed %d: sound, and in truth %s", seed, truth.Verdict())
				}
			}
		})
	}
}

// TestObserved is about rules that only mail shows.
func TestObserved(t *testing.T) {
	t.Parallel()
	all := setups(t)
	sound := all[slices.IndexFunc(all, func(s setup) bool { return strings.HasSuffix(s.file, "sound.txtar") })]
	_, resolver := dnstest.StartAt(t, sound.zone, clock)
	for _, tt := range []struct {
		name string
		mail inspect.ObservedMail
		want map[string]State
		text string
	}{
		{"nothing was seen", inspect.ObservedMail{}, map[string]State{"alignment": Unseen, "both": Unseen, "tls": Unseen}, ""},
		{"all is well", inspect.ObservedMail{Genuine: 9, SPF: 9, DKIM: 9, Both: 9, TLS: 9}, map[string]State{"alignment": OK, "both": OK, "tls": OK}, "all 9 messages that were seen passed DMARC"},
		{"some fails", inspect.ObservedMail{Genuine: 9, SPF: 9, DKIM: 9, Both: 9, Failed: 2}, map[string]State{"alignment": Unseen, "both": OK}, "2 of 11 messages that were seen failed DMARC"},
		{"all fails", inspect.ObservedMail{Failed: 2}, map[string]State{"alignment": Unseen, "both": Unseen}, "2 of 2 messages"},
		{"some is unsigned", inspect.ObservedMail{Genuine: 9, SPF: 9, DKIM: 7, Both: 7}, map[string]State{"alignment": OK, "both": Broken}, "2 of 9 messages that passed DMARC had no signature"},
		{"some was forwarded", inspect.ObservedMail{Genuine: 9, SPF: 7, DKIM: 9, Both: 7}, map[string]State{"both": Unseen}, "2 of 9 messages passed by DKIM alone"},
		{"some came in the clear", inspect.ObservedMail{Genuine: 9, SPF: 9, DKIM: 9, Both: 9, TLS: 8, Clear: 1}, map[string]State{"tls": Broken}, "1 of 9 genuine messages came without TLS"},
		{"the MTA does not tell TLS", inspect.ObservedMail{Genuine: 9, SPF: 9, DKIM: 9, Both: 9, Clear: 9}, map[string]State{"tls": Unseen}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			in := inspect.Inspect(t.Context(), resolver, "example.org", inspect.Options{Now: clock, Observed: &inspect.Observed{Mail: tt.mail}})
			r := Judge(in)
			text := ""
			for _, u := range r.Rules {
				text += u.Text + "\n"
				if want, ok := tt.want[u.ID]; ok && u.State != want {
					t.Errorf("%s is %s (%s), want %s", u.ID, u.State, u.Text, want)
				}
			}
			if !strings.Contains(text, tt.text) {
				t.Errorf("no %s in %s", tt.text, text)
			}
		})
	}
}
