package inspect

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/advice"
	"github.com/postvet/postvet/cmd/postvet/internal/finding"
	"github.com/postvet/postvet/cmd/postvet/internal/lookups"
	"github.com/postvet/postvet/cmd/postvet/internal/plan"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/mtasts"
)

// plan makes the plan of what to publish. The inspection is made again with the proposed
// records, so that none is shown which does not help.
func (r *Report) plan(ctx context.Context, l *lookups.Lookups, o Options) {
	o.Plan, o.Fetch = false, nil
	judge := func(changes []finding.Change) finding.Lists {
		return Inspect(ctx, &plan.Published{Resolver: l, Changes: changes}, r.Name, o).lists()
	}
	r.Plan = plan.Make(cmp.Or(r.DMARC.OrganizationalDomain, r.Name), r.lists(), judge, r.later)
}

// later returns the steps to take when others have been taken for a while.
func (r *Report) later(changes []finding.Change) (steps []plan.Step) {
	if r.Exists == NotExists {
		return nil
	}
	if r.weakKeys() {
		steps = append(steps, plan.Step{
			When: "in any order with these", Why: "take a new key of 2048 bits: postvet key new makes it and its record",
			Then: "wait for the TTL, sign by the new key, and remove the old record a week after the last mail that it signed",
		})
	}
	steps = append(steps, r.enforcedTLS(changes)...)
	steps = append(steps, r.stricterSPF(changes)...)
	return append(steps, r.stricterDMARC(changes)...)
}

// enforcedTLS returns the step from a policy of MTA-STS in testing to one that is enforced, if
// the changes publish the first one (RFC 8461 section 5).
func (r *Report) enforcedTLS(changes []finding.Change) []plan.Step {
	const days = 14
	name := mtasts.RecordName(r.Name)
	for _, c := range changes {
		rec, err := mtasts.ParseRecord(plan.TextOf(&c))
		if c.Name != name || c.When == "" || c.Remove || err != nil {
			continue
		}
		at, err := time.Parse(mtasts.IDFormat, rec.ID)
		if err != nil {
			return nil
		}
		text, err := mtasts.Proposal(at.AddDate(0, 0, days).Format(mtasts.IDFormat))
		step, ok := r.laterStep(name, text)
		if err != nil || !ok {
			return nil
		}
		step.When = fmt.Sprintf("after %d days of TLS reports without failures", days)
		step.Why = "put mode: enforce in place of mode: testing in the policy, and then say by a new id that it is another"
		step.Then = "keep the host names of the policy for 604800 seconds, its max_age, after each change of them"
		return []plan.Step{step}
	}
	return nil
}

// weakKeys reports whether a key should be replaced, or there is none although mail is sent.
func (r *Report) weakKeys() bool {
	if r.DKIM.Absent && r.MX.Receives() {
		return true
	}
	return slices.ContainsFunc(r.DKIM.Keys, func(k Key) bool { return k.Type == "rsa" && k.Bits < 2048 && !k.Revoked })
}

// textAt returns the text of the TXT record that the changes publish at a name, or else
// the text that stands there.
func textAt(changes []finding.Change, name, text string) string {
	for _, c := range changes {
		if c.Name == name && c.Type == "TXT" && !c.Remove {
			return plan.TextOf(&c)
		}
	}
	return text
}

// stricterSPF returns the steps to a record whose end makes the mail of others fail.
func (r *Report) stricterSPF(changes []finding.Change) (steps []plan.Step) {
	current := ""
	if r.SPF.tree != nil && r.SPF.tree.Root.Status == "" {
		current = r.SPF.tree.Root.Record
	}
	text := textAt(changes, r.Name, current)
	for _, s := range []struct{ from, to, when, why string }{
		{"?all", "~all", "when all hosts that send are listed", "the mail of others gets softfail"},
		{"~all", "-all", "when the reports show that no mail of yours fails SPF", "the mail of others fails"},
	} {
		if !strings.HasSuffix(strings.ToLower(text), " "+s.from) || text == current && s.from == "~all" {
			continue // a record that ends in ~all may stay, as DMARC says the rest
		}
		text = withAll(text, s.to)
		if step, ok := r.laterStep(r.Name, text); ok {
			step.When, step.Why = s.when, s.why
			steps = append(steps, step)
		}
	}
	return steps
}

// laterStep returns the step that publishes a TXT record, false if it is none that
// receivers take.
func (r *Report) laterStep(name, text string) (plan.Step, bool) {
	p := plan.New(r.Name, advice.Propose(name, advice.QuotedTXT(text)).Changes, nil)
	if len(p.Steps) != 1 {
		return plan.Step{}, false
	}
	return p.Steps[0], true
}

// stricterDMARC returns the steps from p=none by p=quarantine to p=reject.
func (r *Report) stricterDMARC(changes []finding.Change) (steps []plan.Step) {
	d := &r.DMARC
	name, text := "_dmarc."+r.Name, d.text
	if d.RecordDomain != r.Name {
		text = ""
	}
	text = textAt(changes, name, text)
	rec, err := dmarc.ParseRecord(text)
	if text == "" || err != nil {
		return nil
	}
	if len(rec.RUA) == 0 { // the steps wait for reports
		if rec.InForce(rec.P) == dmarc.PolicyReject && !heldBack(text) {
			return nil
		}
		return []plan.Step{{
			When: "when rua= of the DMARC record has an address of a domain that takes mail",
			Why:  "read the reports for 14 days, and then have the domain inspected again for the steps to p=quarantine and p=reject",
		}}
	}
	stages := []struct {
		policy          dmarc.Policy
		when, why, then string
	}{
		{dmarc.PolicyQuarantine, "after 14 days of reports", "mail that fails goes to the junk folders", ""},
		{dmarc.PolicyReject, "after 28 days of reports", "mail that fails is refused", ""},
	}
	for _, s := range stages {
		if now := strict(rec.InForce(rec.P)); now > strict(s.policy) || now == strict(s.policy) && !heldBack(text) {
			continue
		}
		stricter := withPolicy(text, s.policy)
		step, ok := r.laterStep(name, stricter)
		if again, err := dmarc.ParseRecord(stricter); err != nil || again.InForce(again.P) != s.policy || !ok {
			return steps
		}
		step.When = s.when + ", if \"postvet report sources " + r.Name + "\" says ready for p=" + string(s.policy)
		step.Why, step.Then = s.why, s.then
		steps = append(steps, step)
	}
	return steps
}

// strict is the rank of a policy.
func strict(p dmarc.Policy) int {
	return slices.Index([]dmarc.Policy{dmarc.PolicyNone, dmarc.PolicyQuarantine, dmarc.PolicyReject}, p)
}

// withPolicy returns a DMARC record with another policy, and without what would weaken it.
func withPolicy(text string, policy dmarc.Policy) string {
	var tags []string
	for tag := range strings.SplitSeq(text, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(tag), "=")
		switch name = strings.ToLower(strings.TrimSpace(name)); {
		case name == "":
		case name == "p":
			tags = append(tags, "p="+string(policy))
		case name == "t" || name == "pct", (name == "sp" || name == "np") && strict(dmarc.Policy(strings.TrimSpace(value))) < strict(policy):
		default:
			tags = append(tags, strings.TrimSpace(tag))
		}
	}
	return strings.Join(tags, "; ")
}
