// Package plan makes of the findings of an inspection one plan: which records to publish
// and to remove, in an order in which no mail is lost, with when to take the next step.
// Each record is written as zone files have it and as the forms of web panels ask for it.
//
// No record is shown that Postvet would not take itself: each is parsed by the evaluator
// of its standard, and [Make] has the inspection made again as if it were published.
package plan

import (
	"cmp"
	"slices"
	"strings"

	"github.com/postvet/postvet/cmd/postvet/internal/finding"
	"github.com/postvet/postvet/policy/message"
)

// Plan is what to publish.
type Plan struct {
	// Zone is the domain whose owner follows the plan. Hosts of panels are relative to it.
	Zone  string `json:"zone"`
	Steps []Step `json:"steps"`
	// Omitted is how many proposed records are left out, since they would not do what they
	// are to do alone: something else has to be made first, such as a web server.
	Omitted int `json:"omitted"`
	// Confirmed reports that the inspection was made again with the records of the plan,
	// and that their findings are gone and nothing else is wrong.
	Confirmed bool `json:"confirmed"`
}

// Step is a number of changes that can be made at once.
type Step struct {
	// When says when to take the step, Why what it does, Then what to do afterwards; ""
	// for nothing.
	When    string   `json:"when"`
	Why     string   `json:"why"`
	Then    string   `json:"then,omitempty"`
	Records []Record `json:"records"`
}

// stage is the place of a step in the order.
type stage int

// The stages. Names that records lead to come first; a key stands before mail is signed by
// it; what is removed goes when what takes its place is known.
const (
	riskStage stage = iota
	hostStage
	keyStage
	wayStage
	senderStage
	policyStage
	stages
)

// stageTexts are why each stage is where it is.
var stageTexts = [stages]struct{ why, then string }{
	riskStage:   {"remove names that others could get hold of", ""},
	hostStage:   {"publish the names and addresses that other records lead to", ""},
	keyStage:    {"publish the keys", "wait for the TTL, an hour where nothing stood, before mail is signed by them"},
	wayStage:    {"publish where mail goes and what protects it on the way", ""},
	senderStage: {"publish who may send", ""},
	policyStage: {"publish the policies, and where reports go", ""},
}

// stageOf returns the stage of a change.
func stageOf(c *finding.Change) stage {
	switch {
	case c.Type == "CNAME":
		return riskStage
	case c.Type == "A" || c.Type == "AAAA" || c.Type == "PTR":
		return hostStage
	case c.Type != "TXT":
		return wayStage
	case strings.Contains(c.Name, "._domainkey."):
		return keyStage
	case strings.HasPrefix(c.Name, "_mta-sts."):
		return wayStage
	case strings.HasPrefix(c.Name, "_") || strings.Contains(c.Name, "._bimi."):
		return policyStage
	}
	return senderStage
}

// Changes returns the changes of the findings of lists, each once. Of two TXT records for
// one name and standard the first counts.
func Changes(lists finding.Lists) (all []finding.Change) {
	for f := range lists.All() {
		for _, c := range f.Changes {
			if !slices.ContainsFunc(all, func(o finding.Change) bool { return same(&o, &c) }) {
				all = append(all, c)
			}
		}
	}
	return all
}

// same reports whether two changes are one: they are equal, or are about the one record
// of a name.
func same(a, b *finding.Change) bool {
	if a.Name != b.Name || a.Type != b.Type || a.Remove != b.Remove {
		return false
	}
	return a.Data == b.Data || a.Type == "TXT" && !a.Remove && standardOf(a) == standardOf(b) || a.Type == "PTR" || a.Type == "CNAME"
}

// New returns the plan of changes that can be made now, and of later steps. Changes that
// Check does not take are left out, as are those of names that are not the zone's, but for
// reverse names of its hosts. Those that have to wait become later steps. An empty plan
// has no steps.
func New(zone string, changes []finding.Change, later []Step) Plan {
	p := Plan{Zone: zone, Steps: []Step{}}
	var by [stages][]Record
	var waiting []Step
	for i := range changes {
		c := &changes[i]
		if Check(c) != nil || !ours(c, zone) {
			continue
		}
		s := stageOf(c)
		if c.When != "" {
			waiting = append(waiting, Step{When: c.When, Why: stageTexts[s].why, Records: []Record{newRecord(zone, c)}})
			continue
		}
		by[s] = append(by[s], newRecord(zone, c))
	}
	for s, records := range by {
		if len(records) == 0 {
			continue
		}
		slices.SortStableFunc(records, func(a, b Record) int {
			return cmp.Or(cmp.Compare(rank(a.Remove), rank(b.Remove)), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Type, b.Type))
		})
		when := "now"
		if len(p.Steps) > 0 {
			when = "next"
		}
		then := stageTexts[s].then
		if slices.ContainsFunc(records, func(r Record) bool { return r.Remove && r.Type == "MX" }) {
			then = "let hosts whose MX records go take mail until the TTL of the old records has ended"
		}
		p.Steps = append(p.Steps, Step{When: when, Why: stageTexts[s].why, Then: then, Records: records})
	}
	for _, s := range append(waiting, later...) {
		if s.Records == nil {
			s.Records = []Record{}
		}
		p.Steps = append(p.Steps, s)
	}
	return p
}

// rank puts records to publish before those to remove.
func rank(remove bool) int {
	if remove {
		return 1
	}
	return 0
}

// ours reports whether the owner of the zone can make a change. The reverse name of a host
// of the zone is set by who has the address, mostly in a form of the provider.
func ours(c *finding.Change, zone string) bool {
	if isReverse(c.Name) {
		return message.Below(strings.TrimSuffix(c.Data, "."), zone)
	}
	return message.Below(strings.TrimPrefix(c.Name, "*."), zone)
}

func isReverse(name string) bool {
	return strings.HasSuffix(name, ".in-addr.arpa") || strings.HasSuffix(name, ".ip6.arpa")
}
