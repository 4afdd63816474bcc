package report_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/policy/dmarc/report"
	"github.com/postvet/postvet/policy/reportmail"
)

// theirs is what mail-auth reads in its samples.
type theirs struct {
	Metadata struct {
		OrgName   string                     `json:"org_name"`
		Email     string                     `json:"email"`
		ReportID  string                     `json:"report_id"`
		DateRange struct{ Begin, End int64 } `json:"date_range"`
	} `json:"report_metadata"`
	Policy struct {
		Domain, P string
	} `json:"policy_published"`
	Record []struct {
		Row struct {
			SourceIP  string `json:"source_ip"`
			Count     int64
			Evaluated struct {
				Disposition, DKIM, SPF string
				Reason                 []struct{ Type, Comment any }
			} `json:"policy_evaluated"`
		}
		Identifiers struct {
			HeaderFrom string `json:"header_from"`
		}
		Results struct {
			DKIM []struct{ Domain, Selector, Result string }
			SPF  []struct{ Domain, Result string }
		} `json:"auth_results"`
	}
}

// lines are what a report says, in one form for both.
func (r *theirs) lines() []any {
	all := []any{r.Metadata.OrgName, r.Metadata.Email, r.Metadata.ReportID, r.Metadata.DateRange.Begin, r.Metadata.DateRange.End, r.Policy.Domain, strings.ToLower(r.Policy.P)}
	for _, rec := range r.Record {
		e := rec.Row.Evaluated
		all = append(all, rec.Row.SourceIP, rec.Row.Count, strings.ToLower(e.Disposition), strings.EqualFold(e.DKIM, "pass"), strings.EqualFold(e.SPF, "pass"), len(e.Reason), rec.Identifiers.HeaderFrom)
		for _, d := range rec.Results.DKIM {
			all = append(all, d.Domain, d.Selector, strings.ToLower(d.Result))
		}
		for _, s := range rec.Results.SPF {
			all = append(all, s.Domain, strings.ToLower(s.Result))
		}
	}
	return all
}

func ourLines(r report.Reading, records []report.Record) []any {
	h := r.Head
	all := []any{h.OrgName, h.Email, h.ReportID, h.Begin.Unix(), h.End.Unix(), h.Policy.Domain, h.Policy.P}
	for _, rec := range records {
		all = append(all, rec.Source.String(), rec.Count, string(rec.Disposition), rec.DKIMAligned, rec.SPFAligned, len(rec.Reasons), rec.HeaderFrom)
		for _, d := range rec.DKIM {
			all = append(all, d.Domain, d.Selector, d.Result)
		}
		for _, s := range rec.SPF {
			all = append(all, s.Domain, s.Result)
		}
	}
	return all
}

// TestReadCorpus reads the samples of others as mail-auth does, if they are here.
func TestReadCorpus(t *testing.T) {
	t.Parallel()
	root := os.Getenv("POSTVET_CORPORA")
	if root == "" {
		t.Skip("POSTVET_CORPORA is not set")
	}
	files, err := filepath.Glob(filepath.Join(root, "dmarc", "reports", "mail-auth-[01]*.json"))
	if err != nil || len(files) < 10 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var want theirs
		if err := json.Unmarshal(b, &want); err != nil {
			t.Fatal(err)
		}
		source, err := os.Open(strings.TrimSuffix(file, ".json") + ".xml")
		if err != nil {
			source, err = os.Open(strings.TrimSuffix(file, ".json") + ".eml")
		}
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		_, err = reportmail.Read(source, func(d *reportmail.Document) error {
			n++
			var records []report.Record
			got, err := report.Read(d.Body, func(_ *report.Head, r *report.Record) error {
				records = append(records, *r)
				return nil
			})
			if diff := cmp.Diff(want.lines(), ourLines(got, records)); diff != "" || err != nil {
				t.Errorf("%s: %v (-theirs +ours):\n%s", filepath.Base(file), err, diff)
			}
			t.Logf("%s: %d records, %d messages, %s", filepath.Base(file), got.Records, got.Messages, names(got))
			return nil
		})
		_ = source.Close()
		if err != nil || n != 1 {
			t.Errorf("%s: %d reports, %v", filepath.Base(file), n, err)
		}
	}
}
