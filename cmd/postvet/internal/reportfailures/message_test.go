package reportfailures

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/cmd/postvet/internal/received"
	"github.com/postvet/postvet/cmd/postvet/internal/reports"
	"github.com/postvet/postvet/cmd/postvet/internal/reportsending"
	"github.com/postvet/postvet/cmd/postvet/internal/reportstore"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/dmarc/report"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/spf"
)

// reads is a sink that keeps the reports that were read.
type reads []*received.Report

func (r *reads) Record(received.Place, *report.Head, *report.Record) error { return nil }

func (r *reads) End(x *received.Report) error {
	*r = append(*r, x)
	return nil
}

// TestMessage: what we send is read by us without a fault, from the message as it leaves.
func TestMessage(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	res, v := failing(t, "example.com", "192.0.2.1")
	res.Arrived = s.now()
	res.Header = append(res.Header,
		message.NewField("Received", " from mx.forger.example (mx.forger.example [192.0.2.1])\n by mx.ours.example (Postfix) with ESMTP id 4Ln7Qs55xmz4nP\n for <bob@ours.example>; Sun, 29 Nov 2026 12:00:00 +0000 (UTC)"),
		message.NewField("Message-ID", " <7@forger.example>"), message.NewField("X-Bulk", strings.Repeat(" long", 5000)))
	res.DKIM = []dkim.Result{{Domain: "example.com", Selector: "s1", Status: dkim.Fail, Failure: dkim.FailureBody, Identity: "ann@example.com", KeyRecord: "v=DKIM1; p=MIIB"}}
	res.SPF = []spf.Result{{Identity: spf.MailFrom, Domain: "bounce.example.com", Status: spf.Fail, Record: "v=spf1 -all"}}
	v.AuthenticationResults = "mx.ours.example; dmarc=fail header.from=example.com; dkim=fail header.d=example.com header.s=s1; spf=fail smtp.mailfrom=ann@bounce.example.com"
	s.Add(res, v)
	s.Add(res, v)
	s.pass(t, 11*time.Minute)
	all, err := s.store.Deliveries(t.Context(), reportstore.Query{Kind: reports.Failure})
	if err != nil || len(all) != 1 {
		t.Fatal(all, err)
	}
	r, _, err := s.store.Report(t.Context(), all[0].Report.ID)
	if err != nil {
		t.Fatal(err)
	}
	settings := &reportsending.Settings{Submitter: "ours.example", Email: "postmaster@ours.example", From: "noreply@reports.ours.example", BounceDomain: "reports.ours.example"}
	data := reportsending.Compose(settings, &r, &all[0].Delivery)
	var got reads
	if err := received.New(&got).Read(bytes.NewReader(data), "message.eml"); err != nil {
		t.Fatalf("%v\n%s", err, data)
	}
	if len(got) != 1 || got[0].Kind != received.Failure || got[0].Failure == nil || len(got[0].Failure.Deviations) > 0 || got[0].Err != nil {
		t.Fatalf("%+v\n%s", got, data)
	}
	f := got[0].Failure
	if len(f.AuthenticationResults) != 1 || f.AuthenticationResults[0] != "mx.ours.example; dmarc=fail header.from=example.com" {
		t.Errorf("%q", f.AuthenticationResults)
	}
	if _, sample, _ := strings.Cut(string(data), "text/rfc822-headers"); !strings.Contains(sample, "dkim=fail header.d=example.com") || strings.Contains(sample, "ann@") {
		t.Errorf("the header has not what we found:\n%s", sample)
	}
	ann, bob := f.DKIMIdentity, ""
	if _, after, ok := strings.Cut(strings.Join(strings.Fields(string(data)), " "), " for <"); ok {
		bob, _, _ = strings.Cut(after, "@")
	}
	if !strings.HasSuffix(ann, "@example.com") || strings.HasPrefix(ann, "ann") || bob == "" || bob == "bob" || !strings.Contains(f.From, "<"+ann+">") {
		t.Errorf("%q %q %q", ann, bob, f.From)
	}
	type told struct {
		Type, Alignment, Result, Domain, Selector, SPF, MessageID, Author, Subject string
		Incidents                                                                  int64
	}
	want := told{"dmarc", "dkim spf", "reject", "example.com", "s1", `txt : bounce.example.com : "v=spf1 -all"`, "<7@forger.example>", "example.com", "", 2}
	have := told{f.AuthFailure, strings.Join(f.IdentityAlignment, " "), f.DeliveryResult, f.DKIMDomain, f.DKIMSelector, strings.Join(f.SPFDNS, " "), f.MessageID, f.Author, f.Subject, f.Incidents}
	if d := cmp.Diff(want, have); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}
