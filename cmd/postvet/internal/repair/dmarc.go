package repair

import (
	"regexp"
	"slices"
	"strings"

	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/foreign"
)

// dmarcTags are the tags of RFC 9989 section 4.7 and the historic ones (section 9.3).
var dmarcTags = []string{"v", "p", "sp", "np", "adkim", "aspf", "fo", "psd", "t", "rua", "ruf", "pct", "rf", "ri"}

// versionDMARC is what stands for the version at the start of a record.
var versionDMARC = regexp.MustCompile(`(?i)^\W*(?:v\s*[=:]?\s*)?=?\s*dmarc[\s_-]*(?:1(?:\.0)?)?`)

// beginDMARC is where a record begins.
var beginDMARC = regexp.MustCompile(`(?i)\bv\s*=\s*dmarc`)

// meantDMARC is what only the text of a DMARC record has.
var meantDMARC = regexp.MustCompile(`(?i)^.{0,20}dmarc|(?:^|[;\s])p\s*[=:]\s*(?:none|quarantine|reject)\b`)

// MeantAsDMARC reports whether a text is a DMARC record or was meant to be one.
func MeantAsDMARC(text string) bool { return meantDMARC.MatchString((&Proposal{}).clean(text)) }

// DMARC proposes a record in place of a text that was meant to be one. rua is the URI
// for reports of a record that names none; "" for no reports.
func DMARC(text, rua string) Proposal {
	once := func(text string) Proposal { return dmarcOnce(text, rua) }
	return once(text).settled(once)
}

func dmarcOnce(text, rua string) Proposal {
	p := Proposal{Text: text}
	s := p.clean(text)
	if at := beginDMARC.FindStringIndex(s); at != nil && at[0] > 0 && !strings.Contains(s[:at[0]], "=") {
		p.note("something stands before v=DMARC1")
		s = s[at[0]:]
	}
	if v := versionDMARC.FindString(s); v != "" {
		if _, err := dmarc.ParseRecord(v); err != nil {
			p.note("the record does not begin with v=DMARC1 in exactly these letters")
		}
		s = p.afterVersion(s[len(v):], "v=DMARC1")
	} else {
		p.note("v=DMARC1 is not the first tag")
	}
	l := p.readTags(s, &grammar{known: dmarcTags, whole: wholeURI})
	for _, name := range l.repeated() {
		p.note(foreign.Line(name, maxCited) + "= occurs more than once")
	}
	tags, unknown := l.dmarc(&p)
	if unknown != "" {
		return p.unreadable(unknown)
	}
	uris := reportURIs(l.lists("rua"))
	if len(uris) == 0 && rua != "" {
		uris = []string{rua}
	}
	if len(uris) > 0 {
		tags = append(tags, tag{"rua", strings.Join(uris, ",")})
	}
	if uris := reportURIs(l.lists("ruf")); len(uris) > 0 {
		tags = append(tags, tag{"ruf", strings.Join(uris, ",")})
	}
	proposed := joinTags(tags)
	rec, err := dmarc.ParseRecord(text)
	if err == nil && len(rec.Problems) == 0 && len(p.Oddities) == 0 && (len(rec.RUA) > 0 || rua == "") {
		return p // sound as it is
	}
	p.Text = proposed
	if rec, err := dmarc.ParseRecord(proposed); err != nil || len(rec.Problems) > 0 {
		return p.unreadable(unclear)
	}
	return p
}

// afterVersion returns what follows the version, from its semicolon on.
func (p *Proposal) afterVersion(s, version string) string {
	rest := strings.TrimLeft(s, " ")
	switch {
	case rest == "" || rest[0] == ';':
	case rest[0] == ',' || rest[0] == ':' || rest[0] == '.':
		p.note("a semicolon is missing behind " + version)
		rest = rest[1:]
	case rest == s:
		p.note("strings are joined without a blank or semicolon behind " + version)
	default:
		p.note("a semicolon is missing behind " + version)
	}
	return strings.TrimPrefix(rest, ";")
}

// wholeURI reports whether the equals sign of a value may belong to a URI: it stands
// behind a question mark, or before the at sign.
func wholeURI(name, value string) bool {
	before, _, _ := strings.Cut(value, "=")
	last := before[strings.LastIndexByte(before, ',')+1:]
	return (name == "rua" || name == "ruf") && (strings.Contains(last, "?") || strings.Contains(last, ":") && !strings.Contains(last, "@"))
}

// dmarc returns the tags of the record without its report URIs. unknown says why their
// meaning is unclear; "" if it is clear.
func (l *tagList) dmarc(p *Proposal) (tags []tag, unknown string) {
	l.claimPolicy()
	var rest []tag
	for _, name := range [...]string{"p", "sp", "np"} {
		value, unknown := l.policy(name)
		if unknown != "" {
			return nil, unknown
		}
		if value != "" {
			rest = append(rest, tag{name, value})
		}
	}
	if len(rest) == 0 || rest[0].name != "p" {
		rest = slices.Insert(rest, 0, tag{"p", "none"}) // RFC 9989 section 4.10.1: as receivers read it
	}
	for _, t := range l.tags {
		if v := keptValue(t); v != "" && !slices.ContainsFunc(rest, func(o tag) bool { return o.name == t.name }) {
			rest = append(rest, tag{t.name, v})
		}
	}
	// RFC 9989 section 9.3: pct=0 asked for what t=y asks for.
	if pct := l.values("pct"); len(pct) > 0 && pct[0] == "0" && len(l.values("t")) == 0 {
		rest = append(rest, tag{"t", "y"})
	}
	return append([]tag{{"v", "DMARC1"}}, rest...), ""
}

// keptValue returns the value that a tag was meant to have; "" for one that is left
// out, since it has no effect or is added elsewhere.
func keptValue(t tag) string {
	first, _, _ := strings.Cut(t.value, " ")
	v := lowerTrim(first)
	switch t.name {
	case "adkim", "aspf":
		if v != "" && (strings.HasPrefix("strict", v) || strings.HasPrefix("relaxed", v)) {
			return v[:1]
		}
	case "t":
		if v != "" && (strings.HasPrefix("yes", v) || strings.HasPrefix("no", v)) {
			return v[:1]
		}
	case "psd":
		if v == "y" || v == "n" || v == "u" {
			return v
		}
	case "fo":
		options := strings.FieldsFunc(strings.ToLower(t.value), func(r rune) bool { return strings.ContainsRune(":, /|", r) })
		var once []string
		for _, o := range options {
			if len(o) != 1 || !strings.Contains("01ds", o) {
				return ""
			}
			// RFC 9989 section 4.8: 0 and 1 exclude each other, and 1 asks for all
			// that 0 asks for.
			if !slices.Contains(once, o) && (o != "0" || !slices.Contains(options, "1")) {
				once = append(once, o)
			}
		}
		return strings.Join(once, ":")
	}
	return ""
}

// lists returns all that was written behind a tag of report URIs. A list that is
// separated by semicolons goes on in members that are no tags.
func (l *tagList) lists(name string) (list []string) {
	for _, t := range l.tags {
		if t.name == name {
			list = append(list, t.value)
		}
	}
	if name == "rua" || len(l.values("rua")) == 0 {
		for _, member := range l.rest {
			if strings.Contains(member, "@") {
				list = append(list, member)
			}
		}
	}
	return list
}
