package inspect

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/postvet/postvet/cmd/postvet/internal/advice"
	"github.com/postvet/postvet/cmd/postvet/internal/finding"
	"github.com/postvet/postvet/cmd/postvet/internal/lookups"
	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/policy/bimi"
	"github.com/postvet/postvet/policy/dmarc"
)

// Brand is the BIMI record: where mail programs find the domain's logo.
type Brand struct {
	State BrandState `json:"state"`
	// Name is where the record stands, "" if there is none; for a domain without one of
	// its own that of the organization counts.
	Name     string `json:"name"`
	Record   string `json:"record"`
	Location string `json:"location"`
	Evidence string `json:"evidence"`
	// Fetched reports that the files were fetched.
	Fetched  bool         `json:"fetched"`
	Findings finding.List `json:"findings"`
}

// BrandState says what the BIMI record does.
type BrandState string

// The states. BrandUnknown means that a lookup failed.
const (
	BrandAbsent    BrandState = "absent"
	BrandDeclined  BrandState = "declined" // the domain has no logo to show
	BrandPublished BrandState = "published"
	BrandBroken    BrandState = "broken" // receivers ignore what is published
	BrandUnknown   BrandState = "unknown"
)

func newBrand() Brand { return Brand{State: BrandUnknown, Findings: finding.List{}} }

// find finds the record of the domain, or that of its organization
// (draft-brand-indicators-for-message-identification-08 section 7.2).
func (b *Brand) find(ctx context.Context, l *lookups.Lookups, a *advice.Adviser, domain string) {
	for _, at := range slices.Compact([]string{domain, a.Organization}) {
		name := bimi.RecordName(bimi.DefaultSelector, at)
		answer := l.Lookup(ctx, name, dnscache.TXT)
		if target := advice.MissingTarget(answer); target != "" {
			b.State, b.Name = BrandBroken, name
			owner := lookups.AliasOwner(ctx, l, name, dnscache.TXT, target)
			b.Findings.Add(finding.Error, advice.TakeOver(owner, target, "chooses the logo that is shown beside mail of "+domain), advice.RemoveAlias(owner))
			return
		}
		if !answer.Outcome.Known() {
			b.Findings.DNSFailure(lookups.Failure("the BIMI record", name, answer))
			return
		}
		found := bimi.Candidates(answer.TXT)
		if len(found) == 0 {
			continue
		}
		b.Name, b.State, b.Record = name, BrandBroken, advice.ShownRecord(found[0])
		b.read(a, found)
		return
	}
	b.State = BrandAbsent
}

// read reads the records that stand at a name.
func (b *Brand) read(a *advice.Adviser, found []string) {
	r, err := bimi.ParseRecord(found[0])
	switch {
	case len(found) > 1:
		b.Findings.Error(fmt.Sprintf("%d BIMI records at %s: receivers use none", len(found), b.Name), "keep one and remove the others")
	case err != nil:
		b.Findings.Add(finding.Error, "the BIMI record at "+b.Name+" is broken, and receivers repair nothing: "+err.Error(), a.ProposeTXT(b.Name, mendedBrand(found[0])))
	case r.Declined():
		b.State = BrandDeclined
		b.Findings.OK("the domain says that it has no logo to show")
	default:
		b.State = BrandPublished
		b.Location, b.Evidence = r.Location, r.Evidence
	}
}

// mendedBrand returns a record in place of one that is broken by http: alone, "" if it is
// by something else.
func mendedBrand(text string) string {
	r, err := bimi.ParseRecord(strings.ReplaceAll(text, "http://", "https://"))
	if err != nil {
		return ""
	}
	return r.String()
}

// combine adds what the DMARC policy means for the record (section 7.1).
func (b *Brand) combine(d *DMARC) {
	if b.State != BrandPublished {
		return
	}
	if path, _, _ := strings.Cut(strings.ToLower(b.Location), "?"); b.Location != "" && !strings.HasSuffix(path, ".svg") && !strings.HasSuffix(path, ".svgz") {
		b.Findings.Error("the logo is no SVG by its name: "+b.Location, "name a file that ends in .svg, of the profile SVG Tiny PS")
	}
	switch why := d.tooWeakForBrand(); {
	case d.Record == "" && !d.absent && len(d.Steps) > 0:
		b.Findings.DNSFailure("whether the DMARC policy is strict enough for BIMI is not known")
	case why != "":
		b.Findings.Warning("the logo is shown nowhere: BIMI demands a strict DMARC policy, but "+why, d.strictFix())
	case b.Location != "":
		b.Findings.OK("the BIMI record is sound, and the DMARC policy strict enough for it")
	}
	if b.Evidence == "" && b.Location != "" {
		b.Findings.Note("no certificate for the logo (a=): Gmail and Apple Mail show none without it", "have an authority issue a Verified or Common Mark Certificate, and name its file by a=")
	}
}

// tooWeakForBrand says why the DMARC policy keeps the logo away, "" if it does not.
func (m *DMARC) tooWeakForBrand() string {
	switch {
	case m.Record == "":
		return "there is no DMARC record"
	case m.Policy != dmarc.PolicyQuarantine && m.Policy != dmarc.PolicyReject:
		return "mail that fails is delivered"
	case m.Subdomains == dmarc.PolicyNone || m.Subdomains == "":
		return "subdomains have the policy none"
	case m.percent != "" && m.percent != "100":
		return "it has pct=" + m.percent
	}
	return ""
}

// strictFix says how the policy becomes strict enough.
func (m *DMARC) strictFix() string {
	switch {
	case m.Record == "":
		return ""
	case m.percent != "" && m.percent != "100" && m.enforced():
		return "remove pct=" + m.percent
	case m.enforced():
		return "remove sp=none once the subdomains send authenticated mail alone"
	}
	return "when the reports show only mail of others failing: p=quarantine, later p=reject"
}
