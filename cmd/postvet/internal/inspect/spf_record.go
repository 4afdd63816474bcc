package inspect

import "strings"

// nearlySPF reports whether a text that is no SPF record was meant to be one.
func nearlySPF(txt string) bool {
	low := strings.ToLower(strings.TrimLeft(txt, " \t\"'"))
	return strings.HasPrefix(low, "v=spf") || strings.HasPrefix(low, "spf1 ") || strings.HasPrefix(low, "v = spf") ||
		strings.HasPrefix(low, "spf=")
}

// merged returns one record in place of several: all their terms, the strictest of
// their alls at the end. A redirect becomes an include, since an all makes
// receivers ignore it (RFC 7208 section 6.1), and one exp is left, since two are a
// permerror (section 6).
func merged(records []string) string {
	terms, end := []string{"v=spf1"}, ""
	seen := map[string]bool{}
	rank := map[string]int{"": 0, "+all": 1, "all": 1, "?all": 2, "~all": 3, "-all": 4}
	for _, r := range records {
		for _, t := range strings.Fields(r)[1:] {
			low := strings.ToLower(t)
			const redirect = "redirect="
			switch {
			case len(t) > len(redirect) && strings.EqualFold(t[:len(redirect)], redirect):
				t = "include:" + t[len(redirect):]
				low = strings.ToLower(t)
			case strings.HasPrefix(low, "exp="):
				low = "exp="
			}
			if n, ok := rank[low]; ok {
				if n > rank[end] {
					end = low
				}
				continue
			}
			if !seen[low] {
				seen[low] = true
				terms = append(terms, t)
			}
		}
	}
	if rank[end] < 3 {
		end = "~all"
	}
	return strings.Join(append(terms, end), " ")
}

// withAll returns the record with the given all at its end and no other.
func withAll(record, all string) string {
	var keep []string
	for _, f := range strings.Fields(record) {
		if strings.ToLower(strings.TrimLeft(f, "+-?~")) != "all" {
			keep = append(keep, f)
		}
	}
	return strings.Join(append(keep, all), " ")
}
