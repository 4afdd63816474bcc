package repair

import (
	"slices"
	"strings"

	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/foreign"
)

var policies = [...]string{string(dmarc.PolicyNone), string(dmarc.PolicyQuarantine), string(dmarc.PolicyReject)}

// policy returns the policy that a tag states; "" if it does not occur. unknown says
// why the policy is unclear; "" if it is clear.
func (l *tagList) policy(name string) (value, unknown string) {
	for _, v := range l.values(name) {
		meant := meantPolicy(v)
		switch {
		case v == "" && name == "p":
			meant = "none" // nothing is stated
		case v == "":
			continue
		case meant == "":
			return "", name + "=" + foreign.Line(v, maxCited) + " must be none, quarantine or reject"
		}
		if value != "" && value != meant {
			return "", name + "= states both " + value + " and " + meant + ": keep the one that is meant"
		}
		value = meant
	}
	return value, ""
}

// meantPolicy returns the policy that a value was meant to be; "" if that is
// unclear.
func meantPolicy(value string) string {
	v := lowerTrim(value)
	var found string
	for _, p := range policies {
		if strings.Contains(v, p) {
			if found != "" {
				return ""
			}
			found = p
		}
	}
	if found != "" {
		return found
	}
	for _, p := range policies {
		if most := min(2, len(p)/4); len(v) >= 3 && distance(v, p) <= most {
			return p
		}
	}
	return ""
}

// claimPolicy takes for p= what can be nothing else: a policy without a tag, or behind
// a tag that DMARC does not have.
func (l *tagList) claimPolicy() {
	if len(l.values("p")) > 0 {
		return
	}
	var found []string
	for _, member := range l.rest {
		if p := meantPolicy(member); p != "" {
			found = append(found, p)
		}
	}
	for _, t := range l.tags {
		if p := meantPolicy(t.value); p != "" && !slices.Contains(dmarcTags, t.name) {
			found = append(found, p)
		}
	}
	for _, p := range found {
		l.tags = append(l.tags, tag{"p", p})
	}
}

// distance returns how many letters must be changed, added, removed or swapped with
// their neighbours to make b of a.
func distance(a, b string) int {
	if len(a) > 2*len(b) {
		return len(a)
	}
	before, row, next := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		next[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			next[j+1] = min(row[j]+cost, row[j+1]+1, next[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				next[j+1] = min(next[j+1], before[j-1]+1)
			}
		}
		before, row, next = row, next, before
	}
	return row[len(b)]
}
