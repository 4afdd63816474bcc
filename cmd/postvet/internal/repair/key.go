package repair

import (
	"regexp"
	"slices"
	"strings"

	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/foreign"
)

// keyTags are the tags of RFC 6376 section 3.6.1.
var keyTags = []string{"v", "k", "h", "s", "t", "n", "p"}

// meantKey is what only the text of a key record has.
var meantKey = regexp.MustCompile(`(?i)dkim1|^.{0,4}dkim|(?:^|[;\s])k\s*[=:]\s*(?:rsa|ed25519)|(?:^|[;\s])p\s*[=:]\s*MI[A-Z0-9]`)

// MeantAsKey reports whether a text is the record of a key or was meant to be one.
func MeantAsKey(text string) bool { return meantKey.MatchString((&Proposal{}).clean(text)) }

// versionDKIM is what stands for the version at the start of a record.
var versionDKIM = regexp.MustCompile(`(?i)^\W*(?:v\s*[=:]?\s*)?=?\s*dkim[\s_-]*(?:1(?:\.0)?)?`)

// beginKey is where a record begins.
var beginKey = regexp.MustCompile(`(?i)\bv\s*=\s*dkim`)

// Key proposes a record in place of a text that was meant to be a key. A key that is
// revoked stays revoked.
func Key(text string) Proposal { return keyOnce(text).settled(keyOnce) }

func keyOnce(text string) Proposal {
	p := Proposal{Text: text}
	s := p.clean(text)
	if strings.Contains(s, "PRIVATE KEY") {
		return p.unreadable(privateKey)
	}
	s = armor.ReplaceAllString(s, "")
	if at := beginKey.FindStringIndex(s); at != nil && at[0] > 0 && !strings.Contains(s[:at[0]], "=") {
		p.note("something stands before v=DKIM1")
		s = s[at[0]:]
	}
	hasVersion := false
	if v := versionDKIM.FindString(s); v != "" {
		hasVersion = true
		if strings.Join(strings.Fields(v), "") != "v=DKIM1" {
			p.note("the record does not begin with v=DKIM1 in exactly these letters")
		}
		s = p.afterVersion(s[len(v):], "v=DKIM1")
	}
	l := p.readTags(s, &grammar{known: keyTags, whole: wholeKey, opaque: "p"})
	for _, name := range l.repeated() {
		p.note(foreign.Line(name, maxCited) + "= occurs more than once")
	}
	if len(l.values("v")) > 0 {
		p.note("v=DKIM1 is not the first tag")
		hasVersion = true
	}
	tags, unknown := l.key(&p)
	if unknown != "" {
		return p.unreadable(unknown)
	}
	if hasVersion {
		tags = slices.Insert(tags, 0, tag{"v", "DKIM1"})
	}
	if _, err := dkim.ParseKey(text); err == nil && len(p.Oddities) == 0 {
		return p // sound as it is
	}
	p.Text = joinTags(tags)
	if _, err := dkim.ParseKey(p.Text); err != nil {
		return p.unreadable(strings.TrimPrefix(err.Error(), "dkim: "))
	}
	return p
}

// wholeKey reports whether the equals sign of a value ends base64, or belongs to a
// note.
func wholeKey(name, value string) bool {
	return name == "n" || name == "p" && strings.Trim(value[strings.IndexByte(value+"=", '='):], "= ") == ""
}

// key returns the tags of the record without its version. unknown says why their
// meaning is unclear; "" if it is clear.
func (l *tagList) key(p *Proposal) (tags []tag, unknown string) {
	keys := l.values("p")
	for i := range keys {
		keys[i] = base64Of(keys[i])
	}
	keys = slices.Compact(keys)
	switch {
	case len(keys) == 0:
		return nil, "p= is missing: the key itself"
	case len(keys) > 1:
		return nil, "p= occurs with different keys: keep the one that signs"
	}
	kind := "rsa"
	if k := l.values("k"); len(k) > 0 {
		if kind = lowerTrim(k[0]); kind == "" || strings.HasPrefix(kind, "rsa") {
			kind = "rsa"
		}
		if kind != k[0] {
			p.note("k=" + foreign.Line(k[0], maxCited) + " is written k=" + foreign.Line(kind, maxCited))
		}
	}
	key := keys[0]
	if key != "" {
		var oddity string
		if kind, key, oddity = publicKey(kind, key); oddity == privateKey {
			return nil, privateKey
		} else if oddity != "" {
			p.note(oddity)
		}
	}
	for _, t := range l.tags {
		again := slices.ContainsFunc(tags, func(o tag) bool { return o.name == t.name })
		switch {
		case again || t.name == "v":
		case t.name == "k":
			tags = append(tags, tag{"k", kind})
		case t.name == "p":
			tags = append(tags, tag{"p", key})
		case !isTagName(t.name):
			p.note(foreign.Line(t.name, maxCited) + "= is not a name of a tag")
		default:
			tags = append(tags, t)
		}
	}
	if kind != "rsa" && len(l.values("k")) == 0 {
		tags = slices.Insert(tags, 0, tag{"k", kind})
	}
	for _, member := range l.rest {
		p.note(foreign.Line(member, maxCited) + " is not of the form tag=value")
	}
	return tags, ""
}

var tagName = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

func isTagName(s string) bool { return tagName.MatchString(s) }
