package inspect

import "strings"

// DKIM keys and DMARC records are lists of tags, "name=value; name=value".

// editTags returns a list whose tags were edited one by one: edit returns the new
// tag, "" to leave it out.
func editTags(record string, edit func(name, tag string) string) string {
	var tags []string
	for tag := range strings.SplitSeq(record, ";") {
		name, _, _ := strings.Cut(tag, "=")
		if tag = strings.TrimSpace(tag); tag == "" {
			continue
		}
		if tag = edit(strings.TrimSpace(name), tag); tag != "" {
			tags = append(tags, tag)
		}
	}
	return strings.Join(tags, "; ")
}

// withTag returns a list with the value of one of its tags replaced.
func withTag(record, name, value string) string {
	return editTags(record, func(n, tag string) string {
		if n == name {
			return name + "=" + value
		}
		return tag
	})
}

// withoutTag returns a list without one of its tags.
func withoutTag(record, name string) string {
	return editTags(record, func(n, tag string) string {
		if n == name {
			return ""
		}
		return tag
	})
}

// addTag returns a list with one more tag at its end.
func addTag(record, tag string) string { return strings.TrimRight(record, "; \t") + "; " + tag }
