package explain

import (
	"fmt"
	"slices"
	"strings"

	"github.com/postvet/postvet/policy/foreign"
)

// maxChanges bounds the changes of a record that a sentence names.
const maxChanges = 6

// RecordChange says what was done to a TXT record in the DNS between two times, as in
// "changed p=none to p=reject and added sp=none". Both texts are of one standard: SPF,
// DKIM or DMARC. It returns "" if they mean the same.
func RecordChange(then, now string) string {
	var changes []string
	if isSPF(then) && isSPF(now) {
		changes = termChanges(strings.Fields(then), strings.Fields(now))
	} else {
		changes = tagChanges(tagsOf(then), tagsOf(now))
	}
	if n := len(changes); n > maxChanges {
		changes = append(changes[:maxChanges], fmt.Sprintf("made %d further changes", n-maxChanges))
	}
	if n := len(changes); n > 1 {
		return strings.Join(changes[:n-1], ", ") + " and " + changes[n-1]
	}
	return strings.Join(changes, "")
}

func isSPF(text string) bool { return len(text) >= 6 && strings.EqualFold(text[:6], "v=spf1") }

// termChanges returns the changes from one list of SPF terms to another.
func termChanges(then, now []string) (changes []string) {
	left := slices.Clone(now)
	for _, t := range then {
		i := slices.IndexFunc(left, func(s string) bool { return strings.EqualFold(s, t) })
		if i < 0 {
			changes = append(changes, "removed "+cite(t))
			continue
		}
		left = slices.Delete(left, i, i+1)
	}
	for _, t := range left {
		changes = append(changes, "added "+cite(t))
	}
	if len(changes) == 0 && !slices.EqualFunc(then, now, strings.EqualFold) {
		return []string{"put the terms in another order"}
	}
	// A new "all" stands for the one before.
	if len(changes) == 2 && strings.HasSuffix(changes[0], "all") && strings.HasSuffix(changes[1], "all") {
		return []string{"changed " + strings.TrimPrefix(changes[0], "removed ") + " to " + strings.TrimPrefix(changes[1], "added ")}
	}
	return changes
}

// recordTag is a tag of a DKIM or DMARC record.
type recordTag struct{ name, value string }

// tagsOf returns the tags of a record, without the white space that means nothing.
func tagsOf(text string) (tags []recordTag) {
	for part := range strings.SplitSeq(text, ";") {
		name, value, _ := strings.Cut(part, "=")
		if name = strings.TrimSpace(name); name == "" {
			continue
		}
		value = strings.TrimSpace(value)
		if name == "p" {
			value = strings.Join(strings.Fields(value), "") // a key in several strings
		}
		tags = append(tags, recordTag{name, value})
	}
	return tags
}

func find(tags []recordTag, name string) (string, bool) {
	for _, t := range tags {
		if t.name == name {
			return t.value, true
		}
	}
	return "", false
}

// tagChanges returns the changes from one list of tags to another.
func tagChanges(then, now []recordTag) (changes []string) {
	for _, t := range then {
		value, there := find(now, t.name)
		switch {
		case !there:
			changes = append(changes, "removed "+cite(t.name+"="+t.value))
		case value == t.value:
		case t.name == "p" && value == "" && len(t.value) > maxPolicy:
			changes = append(changes, "withdrew the key (p= is empty)")
		case t.name == "p" && len(value) > maxPolicy && len(t.value) > maxPolicy:
			changes = append(changes, "published another key")
		case t.name == "p" && t.value == "" && len(value) > maxPolicy:
			changes = append(changes, "published a key in place of the withdrawn one")
		default:
			changes = append(changes, "changed "+cite(t.name+"="+t.value)+" to "+cite(t.name+"="+value))
		}
	}
	for _, t := range now {
		if _, there := find(then, t.name); !there {
			changes = append(changes, "added "+cite(t.name+"="+t.value))
		}
	}
	return changes
}

// maxPolicy is the longest value of p= that is a policy. A longer one is a key.
const maxPolicy = len("quarantine")

func cite(s string) string { return foreign.Line(s, 80) }
