package dmarc

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/idna"

	"github.com/postvet/postvet/dnscache/dnstest"
)

// These cases we answer differently on purpose, by suite and case.
var (
	recordDifferences = map[string]string{
		"mox-bad-10":    "RFC 9989 section 4.10.1: a repeated p= is no valid policy, the data takes the first",
		"checkdmarc-15": "RFC 9989 section 4.10.1: a repeated p= is no valid policy, the data takes the first",
		"mox-bad-33":    "RFC 9989 section 4.8: an exclamation mark in a URI must be encoded",
		"mox-bad-35":    "RFC 9989 section 4.8: an exclamation mark in a URI must be encoded",
		"mox-bad-11":    "RFC 9989 section 4.10.1: a repeated p= is no valid policy, the data takes the first",
	}
	// RFC 9989 section 9.2: "none" means that no record exists.
	evaluationDifferences = map[string]string{
		"mailauth-23":   "RFC 9989 section 9.2: a record that cannot be used is permerror, the data has none",
		"mail-dmarc-04": "RFC 9989 section 9.2: a record that cannot be used is permerror, the data has none",
		"mail-dmarc-05": "RFC 9989 section 9.2: a record that cannot be used is permerror, the data has none",
	}
	tagDifferences = map[string]string{
		"fo=0:1:d:s":                        "RFC 9989 section 4.8: 0 and 1 exclude each other",
		"v=dmarc1":                          "RFC 9989 section 4.7: the value of v= is case-sensitive",
		"rf=iodef2":                         "RFC 9989 section 9.3: rf= is historic and ignored",
		"rf=rfrf2":                          "RFC 9989 section 9.3: rf= is historic and ignored",
		"rf=rfrf":                           "RFC 9989 section 9.3: rf= is historic and ignored",
		"ri=-1":                             "RFC 9989 section 9.3: ri= is historic and ignored",
		"ri=a":                              "RFC 9989 section 9.3: ri= is historic and ignored",
		"pct=-1":                            "RFC 9989 section 9.3: pct= is historic and ignored",
		"pct=f":                             "RFC 9989 section 9.3: pct= is historic and ignored",
		"pct=101":                           "RFC 9989 section 9.3: pct= is historic and ignored",
		"pct=1.1":                           "RFC 9989 section 9.3: pct= is historic and ignored",
		"pct=1.0":                           "RFC 9989 section 9.3: pct= is historic and ignored",
		"pct=5.f1":                          "RFC 9989 section 9.3: pct= is historic and ignored",
		"ri=4294967296":                     "RFC 9989 section 9.3: ri= is historic and ignored",
		"rua=ftp://example.com/pub":         "RFC 9989 section 4.8: any URI is valid, only mailto: must be supported",
		"rua=torrent://piratebay.net/dmarc": "RFC 9989 section 4.8: any URI is valid, only mailto: must be supported",
		"ruf=mail:msimerson@cnap.org":       "RFC 9989 section 4.8: any URI is valid, only mailto: must be supported",
	}
	alignDifferences = map[string]string{
		"opendmarc-align-05": "RFC 1035 section 2.3.1: a name with an empty label is no domain and aligns with nothing",
		"opendmarc-align-06": "RFC 1035 section 2.3.1: a name with an empty label is no domain and aligns with nothing",
	}
	// These cases have the origins' own results for RFC 7489.
	pslDifferences = map[string]string{
		"mox-14": "RFC 9989 section 4.7: a broken tag is ignored, also in this mode",
	}
)

func TestConformanceRecords(t *testing.T) {
	t.Parallel()
	var data struct {
		Cases []struct {
			ID, Record string
			Want       struct {
				DMARC      bool   `json:"dmarc_record"`
				Processing string `json:"processing"`
				P, SP, NP  Policy
				ADKIM      Alignment
				ASPF       Alignment
				FO         string
				PSD        PSD
				T          string
				RUA, RUF   []string
			} `json:"rfc9989"`
		}
		Tags struct {
			Cases []struct{ Tag, Value, Upstream string }
		} `json:"tag_values"`
	}
	readCorpus(t, "dmarc/records.json", &data)
	passed := 0
	for _, c := range data.Cases {
		if recordDifferences[c.ID] != "" {
			if rec, err := ParseRecord(c.Record); err != nil || rec.Processing != ProcessNothing {
				t.Errorf("%s is listed as of no use and read as %+v, %v", c.ID, rec, err)
			}
			continue
		}
		w := c.Want
		rec, err := ParseRecord(c.Record)
		if !w.DMARC {
			if err == nil {
				t.Errorf("%s: %q taken for a record", c.ID, c.Record)
				continue
			}
			passed++
			continue
		}
		if err != nil {
			t.Errorf("%s: %q: %v", c.ID, c.Record, err)
			continue
		}
		processing := map[string]Processing{"apply": ProcessAsPublished, "as p=none": ProcessAsNone, "none": ProcessNothing}[w.Processing]
		if rec.Processing != processing {
			t.Errorf("%s: %q: processing %q, want %q", c.ID, c.Record, rec.Processing, processing)
			continue
		}
		if processing != ProcessNothing {
			got := fmt.Sprint(rec.P, rec.SP, rec.NP, rec.ADKIM, rec.ASPF, rec.FO, rec.PSD, rec.Testing, rec.RUA, rec.RUF)
			want := fmt.Sprint(w.P, w.SP, w.NP, w.ADKIM, w.ASPF, w.FO, w.PSD, w.T == "y", w.RUA, w.RUF)
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("%s: %q: %s", c.ID, c.Record, d)
				continue
			}
		}
		passed++
	}
	conformance(t, "records", len(data.Cases), passed, recordDifferences)

	passed = 0
	for _, c := range data.Tags.Cases {
		tag := c.Tag + "=" + c.Value
		text := "v=DMARC1; p=none; " + tag
		if c.Tag == "v" {
			text = tag + "; p=none"
		} else if c.Tag == "p" {
			text = "v=DMARC1; " + tag
		}
		rec, err := ParseRecord(text)
		ok := err == nil && rec.Processing == ProcessAsPublished
		switch {
		case !ok:
		case c.Tag == "rua":
			ok = len(rec.RUA) == 1
		case c.Tag == "ruf":
			ok = len(rec.RUF) == 1
		case !slices.Contains([]string{"pct", "rf", "ri"}, c.Tag):
			ok = len(rec.Problems) == 0
		}
		switch {
		case ok == (c.Upstream == "ok"):
			passed++
		case tagDifferences[tag] == "":
			t.Errorf("%s: valid %v, want %s (%v)", tag, ok, c.Upstream, err)
		}
	}
	conformance(t, "records-tags", len(data.Tags.Cases), passed, tagDifferences)
}

type corpusIdentifier struct{ Domain, Result string }

func (c corpusIdentifier) identifier() Identifier {
	return Identifier{Domain: c.Domain, Status: c.Result}
}

type evaluationCase struct {
	ID         string
	From       string `json:"from_domain"`
	SPF        corpusIdentifier
	DKIM       []corpusIdentifier
	Zone       corpusZone
	ZoneErrors map[string]string `json:"zone_errors"`
	Method     string
	Upstream   struct {
		Result Status
		SPF    bool   `json:"spf_aligned"`
		DKIM   bool   `json:"dkim_aligned"`
		Record string `json:"policy_domain"`
	}
	Want struct {
		Result  Status
		Policy  Policy
		Record  string `json:"policy_domain"`
		Org     string `json:"org_domain"`
		SPF     bool   `json:"spf_aligned"`
		DKIM    bool   `json:"dkim_aligned"`
		Queries []string
	} `json:"rfc9989"`
}

func (c *evaluationCase) evaluate(r Resolver, o Options) Result {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	var dkim []Identifier
	for _, d := range c.DKIM {
		dkim = append(dkim, d.identifier())
	}
	return evaluate(ctx, r, c.From, o, c.SPF.identifier(), dkim)
}

func TestConformanceEvaluation(t *testing.T) {
	t.Parallel()
	var data struct{ Cases []evaluationCase }
	readCorpus(t, "dmarc/evaluation.json", &data)
	passed, psl, pslPassed := 0, 0, 0
	for _, c := range data.Cases {
		ok := t.Run(c.ID, func(t *testing.T) {
			srv, r := dnstest.Start(t, c.Zone.text(c.ZoneErrors))
			res := c.evaluate(r, Options{})
			w := c.Want
			if evaluationDifferences[c.ID] != "" {
				if w.Result != None {
					t.Errorf("the data has %s", w.Result)
				}
				w.Result = PermError
			}
			want := Result{
				Status: w.Result, AuthorDomain: c.From, OrganizationalDomain: w.Org, RecordDomain: w.Record,
				Policy: w.Policy, Disposition: PolicyNone, SPFAligned: w.SPF, DKIMAligned: w.DKIM, Reason: res.Reason,
				// The corpus does not say by which tags.
				PolicyTag: res.PolicyTag, Testing: res.Testing, ADKIM: res.ADKIM, ASPF: res.ASPF,
				Unknown: res.Unknown, // nor since when a failure lasts
				// It does not have the rest of the record either.
				Record: res.Record, Published: res.Published, Discovery: res.Discovery,
			}
			if w.Result == Fail {
				want.Disposition = w.Policy
			}
			if res.Unknown != nil && w.Result != TempError {
				t.Errorf("the policy of a message that is %s is unknown", w.Result)
			}
			if d := cmp.Diff(want, res); d != "" {
				t.Error(d)
			}
			if w.Record != "" && (res.Published == nil || res.Published.Text != res.Record || res.Discovery != TreeWalk) {
				t.Errorf("record %q, published %+v, found by %q", res.Record, res.Published, res.Discovery)
			}
			if res.Reason == "" {
				t.Error("no reason")
			}
			if w.Queries != nil {
				srv.Forget()
				if got := walkedNames(t, srv, r, c.From); !slices.Equal(got, w.Queries) {
					t.Errorf("walk %v, want %v", got, w.Queries)
				}
			}
		})
		if ok && evaluationDifferences[c.ID] == "" {
			passed++
		}
		if c.Method != "rfc7489" {
			continue
		}
		psl++
		different := pslDifferences[c.ID] != ""
		ok = t.Run(c.ID+" psl", func(t *testing.T) {
			_, r := dnstest.Start(t, c.Zone.text(c.ZoneErrors))
			got, u := c.evaluate(r, Options{Discovery: PSL}), c.Upstream
			agrees := got.Status == u.Result && got.SPFAligned == u.SPF && got.DKIMAligned == u.DKIM &&
				(got.RecordDomain == u.Record || got.Status == None)
			if agrees == different {
				t.Errorf("got %+v, want %+v; listed as different: %v", got, u, different)
			}
		}) && !different
		if ok {
			pslPassed++
		}
	}
	conformance(t, "evaluation", len(data.Cases), passed, evaluationDifferences)
	conformance(t, "evaluation-psl", psl, pslPassed, pslDifferences)
}

// walkedNames discovers a domain's record and returns the names that count. It
// checks that no walk looks up more than eight names, or one name twice.
func walkedNames(t *testing.T, srv *dnstest.Server, r Resolver, domain string) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	var names []string
	for _, s := range Discover(ctx, r, domain, Options{}).Steps {
		names = append(names, s.Name)
	}
	asked := map[string]int{}
	for _, q := range srv.Queries() {
		if strings.HasPrefix(q.Name, "_dmarc.") {
			asked[q.Name]++
		}
	}
	if len(asked) > maxQueries {
		t.Errorf("%d names asked for: %v", len(asked), asked)
	}
	return names
}

func TestConformanceTreeWalk(t *testing.T) {
	t.Parallel()
	var data struct {
		Zone           corpusZone
		Organizational struct {
			Cases []struct {
				Domain  string
				Org     string `json:"rfc9989_org"`
				Queries []string
			}
		}
		Queries []struct {
			Domain  string
			Queries []string
		}
	}
	readCorpus(t, "dmarc/tree-walk.json", &data)
	passed := 0
	for _, c := range data.Organizational.Cases {
		if t.Run(c.Domain, func(t *testing.T) {
			srv, r := dnstest.Start(t, data.Zone.text(nil))
			if got := Discover(t.Context(), r, c.Domain, Options{}).OrganizationalDomain; got != c.Org {
				t.Errorf("organizational domain %q, want %q", got, c.Org)
			}
			srv.Forget()
			if got := walkedNames(t, srv, r, c.Domain); !slices.Equal(got, c.Queries) {
				t.Errorf("walk %v, want %v", got, c.Queries)
			}
		}) {
			passed++
		}
	}
	for _, c := range data.Queries {
		if t.Run("empty zone "+c.Domain, func(t *testing.T) {
			srv, r := dnstest.Start(t, "")
			if got := walkedNames(t, srv, r, c.Domain); !slices.Equal(got, c.Queries) {
				t.Errorf("walk %v, want %v", got, c.Queries)
			}
		}) {
			passed++
		}
	}
	conformance(t, "tree-walk", len(data.Organizational.Cases)+len(data.Queries), passed, nil)
}

func TestConformanceAlignmentPSL(t *testing.T) {
	t.Parallel()
	var data struct {
		Cases []struct {
			ID, A, B, Mode string
			Aligned        bool `json:"upstream_aligned"`
		}
	}
	readCorpus(t, "dmarc/alignment-psl.json", &data)
	_, r := dnstest.Start(t, "")
	passed := 0
	for _, c := range data.Cases {
		rec, err := ParseRecord("v=DMARC1; p=reject; adkim=" + c.Mode[:1])
		if err != nil {
			t.Fatal(err)
		}
		a, b := normalize(c.A), normalize(c.B)
		got := false
		if a != "" {
			o := Options{Discovery: PSL}
			author := LookupAuthor(t.Context(), r, a, o)
			author.found.record, author.found.decided = rec, true
			e := &evaluation{Author: author, lookup: func(domain string) Organization { return LookupOrganization(t.Context(), r, domain, o) }}
			got = e.align(b, rec.ADKIM) == aligned
		}
		switch {
		case got == c.Aligned:
			passed++
		case alignDifferences[c.ID] == "":
			t.Errorf("%s: %q and %q %s: aligned %v, want %v", c.ID, c.A, c.B, c.Mode, got, c.Aligned)
		}
	}
	conformance(t, "alignment-psl", len(data.Cases), passed, alignDifferences)
}

func TestConformancePublicSuffix(t *testing.T) {
	t.Parallel()
	var data struct{ Cases [][2]*string }
	readCorpus(t, "psl/test_psl.json", &data)
	passed := 0
	for _, c := range data.Cases {
		in, want := "", ""
		if c[0] != nil {
			in, _ = idna.ToASCII(*c[0])
		}
		if c[1] != nil {
			want, _ = idna.ToASCII(*c[1])
		}
		// In the test, null stands for a public suffix or for no name at all.
		// Our result is the name itself or "".
		got := ""
		if in = normalize(in); in != "" {
			if got = orgDomainPSL(in); want == "" && got == in {
				got = ""
			}
		}
		if got == want {
			passed++
		} else {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
	conformance(t, "psl", len(data.Cases), passed, nil)
}
