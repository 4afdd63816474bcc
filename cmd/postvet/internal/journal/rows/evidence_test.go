package rows

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/iprev"
	"github.com/postvet/postvet/policy/judgement"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/rules"
)

// forged returns the row of a message that evidence refused.
func forged() *Row {
	r := refused()
	res := r.Results
	res.DKIM, res.List, res.Marks, res.SPF = nil, message.List{}, result.Marks{}, res.SPF[:1]
	res.ARC.Sealers, res.Client.PTR, res.IPRev.Status = nil, "", iprev.Fail
	res.Observed.FailedDomains, res.Signing = 3, nil
	res.Evidence = judgement.Gather(res)
	v := rules.Rules{OnReject: rules.RejectJudge}.Decide(res)
	r.Verdict = &v
	return r
}

// held returns the row of a message that a list may have sent on.
func held() *Row {
	r := refused()
	r.Results.Signing = nil
	v := rules.Rules{OnReject: rules.RejectJudge}.Decide(r.Results)
	r.Verdict = &v
	return r
}

func TestEvidenceIsKept(t *testing.T) {
	t.Parallel()
	for _, level := range []Level{Domains, Hashed, Addresses} {
		for _, row := range []*Row{forged(), held()} {
			got, _ := kept(t, row, level)
			if row.Verdict.Judgement == "" || got.Verdict.Judgement != row.Verdict.Judgement {
				t.Errorf("%s: judgement %q, want %q", level, got.Verdict.Judgement, row.Verdict.Judgement)
			}
			for i, e := range row.Results.Evidence {
				if e.State != result.Present {
					e.Text = ""
				}
				if diff := cmp.Diff(e, got.Results.Evidence[i]); diff != "" {
					t.Errorf("%s (-want +got):\n%s", level, diff)
				}
			}
			if diff := cmp.Diff(row.Verdict.Why, got.Verdict.Why); diff != "" {
				t.Errorf("%s, sentences (-want +got):\n%s", level, diff)
			}
		}
	}
}

// A row of a version without evidence is read, and nobody knows what the evidence would
// lead to. Mail that is no matter of evidence is not in doubt.
func TestRowWithoutEvidence(t *testing.T) {
	t.Parallel()
	old := forged()
	old.Results.Evidence, old.Verdict.Judgement = nil, ""
	got, rec := kept(t, old, Addresses)
	if got.Results.Evidence != nil || got.Lacks() != rules.LacksEvidence {
		t.Errorf("evidence %v, lacks %v", got.Results.Evidence, got.Lacks())
	}
	before := rec
	facts := appendUnpacked(nil, rec[ColFacts].Octets)
	before[ColFacts].Octets = appendPacked(nil, facts[:len(facts)-1]) // without the number of entries
	if _, err := before.Row(); err != nil {
		t.Errorf("a row of before: %v", err)
	}
	_, doubts, certain := rules.Rules{OnReject: rules.RejectJudge}.ReplayStored(nil, got.Results, got.Lacks())
	if want := []rules.Doubt{{Key: "policy.on_reject", Facts: []string{"evidence"}}}; certain || cmp.Diff(want, doubts) != "" {
		t.Errorf("certain %v, doubts %v", certain, doubts)
	}
	for _, words := range []rules.OnReject{rules.RejectAlways, rules.RejectQuarantine} {
		if _, doubts, certain := (rules.Rules{OnReject: words}).ReplayStored(nil, got.Results, got.Lacks()); !certain || doubts != nil {
			t.Errorf("%s: certain %v, doubts %v", words, certain, doubts)
		}
	}
	mild, _ := kept(t, accepted(), Addresses)
	mild.Results.DMARC.Status, mild.Results.DMARC.Disposition = dmarc.Fail, dmarc.PolicyQuarantine
	if l := mild.Lacks(); l != 0 {
		t.Errorf("p=quarantine lacks %v", l)
	}
}
