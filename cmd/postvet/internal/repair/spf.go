package repair

import (
	"errors"
	"regexp"
	"slices"
	"strings"

	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/spf"
)

// versionSPF is what stands for the version at the start of a record.
var versionSPF = regexp.MustCompile(`(?i)^\W*(?:v\s*[=:]?\s*=?\s*spf\s*[=:]?\s*1?|spf\s*[=:]\s*1?|spf1)(?:\.0)?`)

// beginSPF is where a record begins.
var beginSPF = regexp.MustCompile(`(?i)\bv\s*=\s*spf`)

// MeantAsSPF reports whether a text is an SPF record or was meant to be one.
func MeantAsSPF(text string) bool {
	s := (&Proposal{}).clean(text)
	return versionSPF.MatchString(s) || beginSPF.MatchString(s) && !strings.HasPrefix(strings.ToLower(s), "spf2.0/")
}

// SPF proposes a record in place of a text that was meant to be one.
func SPF(text string) Proposal { return spfOnce(text).settled(spfOnce) }

func spfOnce(text string) Proposal {
	p := Proposal{Text: text}
	terms, unknown := p.spfTerms(text)
	if unknown != "" {
		return p.unreadable(unknown)
	}
	if len(p.Oddities) == 0 {
		if _, err := spf.ParseRecord(text); err == nil {
			return p // sound as it is
		}
		p.note("other signs than terms and blanks stand in the record")
	}
	p.Text = joinTerms(terms)
	if _, err := spf.ParseRecord(p.Text); err != nil {
		return p.unreadable(unclear)
	}
	return p
}

// SPFs proposes one record in place of several: all their terms, the strictest of
// their alls at the end, and at least ~all. A redirect becomes an include, since an
// all makes receivers ignore it (RFC 7208 section 6.1), and one exp is left, since two
// are a permerror (section 6).
func SPFs(texts []string) Proposal {
	p := Proposal{}
	var terms []string
	end, hasExp := "", false
	rank := map[string]int{"+all": 1, "all": 1, "?all": 2, "~all": 3, "-all": 4}
	for _, text := range texts {
		list, unknown := p.spfTerms(text)
		if unknown != "" {
			return p.unreadable(unknown)
		}
		for _, t := range list {
			low := strings.ToLower(t)
			if n, ok := rank[low]; ok {
				if n > rank[end] {
					end = low
				}
				continue
			}
			if strings.HasPrefix(low, "exp=") {
				if hasExp {
					continue
				}
				hasExp = true
			}
			if domain, ok := strings.CutPrefix(low, "redirect="); ok {
				t = "include:" + t[len(t)-len(domain):]
			}
			terms = append(terms, t)
		}
	}
	if rank[end] < 3 {
		end = "~all"
	}
	p.Text = joinTerms(append(terms, end))
	p = p.settled(spfOnce)
	if _, err := spf.ParseRecord(p.Text); err != nil && p.Text != "" {
		return p.unreadable(unclear)
	}
	return p
}

// joinTerms returns a record of terms, each once. An all ends it: what stands behind
// it is never evaluated.
func joinTerms(terms []string) string {
	words, end := []string{"v=spf1"}, ""
	seen := map[string]bool{}
	for _, t := range terms {
		low := strings.ToLower(t)
		switch {
		case isAll(low):
			if end == "" {
				end = t
			}
		case !seen[low]:
			seen[low] = true
			words = append(words, t)
		}
	}
	if end != "" {
		words = append(words, end)
	}
	return strings.Join(words, " ")
}

func isAll(term string) bool { return strings.EqualFold(strings.TrimLeft(term, "+-~?"), "all") }

// spfTerms returns the terms that a text was meant to have. unknown says why they
// cannot be known; "" if they are.
func (p *Proposal) spfTerms(text string) (terms []string, unknown string) {
	rec, err := spf.ParseRecord(text)
	if err == nil {
		for i := range rec.Terms {
			terms = append(terms, rec.Terms[i].Text)
		}
		if !slices.ContainsFunc(terms, func(t string) bool { return !parses(t) }) {
			return p.meantTerms(terms)
		}
	}
	if strings.Contains(text, "\t") {
		p.note("tabs stand between the terms, where blanks belong")
	}
	s := p.clean(text)
	if at := beginSPF.FindStringIndex(s); at != nil && at[0] > 0 && !strings.ContainsAny(strings.TrimRight(s[:at[0]], "=: "), "=:") {
		p.note("something stands before v=spf1")
		s = s[at[0]:]
	}
	v := versionSPF.FindString(s)
	switch rest := strings.TrimLeft(s[len(v):], " ,;:."); {
	case v == "":
		p.note("v=spf1 is missing at the start")
	case !strings.EqualFold(v, "v=spf1"):
		p.note("the record does not begin with v=spf1 and a blank")
	case rest == s[len(v):] && rest != "":
		p.note("strings are joined without a blank behind v=spf1")
	case errors.Is(err, spf.ErrNotSPF):
		p.note("no blank follows v=spf1")
	}
	s = s[len(v):]
	if strings.Contains(s, ";") {
		p.note("semicolons stand between the terms, where blanks belong")
		s = strings.ReplaceAll(s, ";", " ")
	}
	if strings.Contains(s, ",") && !strings.Contains(s, "%{") {
		p.note("commas stand between the terms, where blanks belong")
		s = strings.ReplaceAll(s, ",", " ")
	}
	return p.meantTerms(strings.Fields(strings.TrimLeft(s, " .:")))
}

// meantTerms repairs terms one by one.
func (p *Proposal) meantTerms(words []string) (terms []string, unknown string) {
	r := &termReader{p: p, hasAll: slices.ContainsFunc(words, isAll)}
	once := map[string]bool{}
	for i := 0; i < len(words); i++ {
		w := words[i]
		if danglingName.MatchString(w) && i+1 < len(words) { // "include: spf.example"
			p.note(foreign.Line(w, maxCited) + " is followed by a blank")
			i++
			w += words[i]
		}
		list, why := r.read(w)
		if why != "" {
			return nil, why
		}
		for _, t := range list {
			name, _, isModifier := strings.Cut(strings.ToLower(t), "=")
			if isModifier && (name == "redirect" || name == "exp") {
				if once[name] {
					if name == "redirect" && !containsFold(terms, t) {
						return nil, "redirect= stands twice: keep the one that is meant"
					}
					p.note(name + "= stands twice")
					continue
				}
				once[name] = true
			}
			terms = append(terms, t)
		}
	}
	return terms, ""
}

func containsFold(list []string, s string) bool {
	return slices.ContainsFunc(list, func(v string) bool { return strings.EqualFold(v, s) })
}

// danglingName is the name of a mechanism or modifier without what belongs behind it.
var danglingName = regexp.MustCompile(`(?i)^[+~?-]?(?:include|exists|redirect|exp|ipv?4|ipv?6|ip|a|mx|ptr)[:=]$`)
