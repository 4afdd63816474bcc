package inspect

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/advice"
	"github.com/postvet/postvet/cmd/postvet/internal/finding"
	"github.com/postvet/postvet/cmd/postvet/internal/repair"
	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/foreign"
)

// Key is one key record.
type Key struct {
	Selector string `json:"selector"`
	// Named reports that the caller named this selector, Source how it was found.
	Named  bool   `json:"named"`
	Source Source `json:"source"`
	// Seen is when a signature by the key was seen last.
	Seen   time.Time `json:"seen,omitzero"`
	Name   string    `json:"name"`
	Alias  string    `json:"alias,omitempty"` // where a CNAME leads
	Record string    `json:"record"`
	// Type and Bits are set if the key can be read.
	Type     string       `json:"type"`
	Bits     int          `json:"bits"`
	Revoked  bool         `json:"revoked"`
	Testing  bool         `json:"testing"`
	Findings finding.List `json:"findings"`

	proposed   string // in place of Record
	unreadable string // why there is none
	several    bool   // there are more keys than this one at the name
	mending
}

// readKey reads and checks the record of a selector.
func readKey(selector, name string, a *dnscache.Answer) Key {
	txt := a.TXT[0]
	meant := slices.DeleteFunc(slices.Clone(a.TXT), func(t string) bool { return !repair.MeantAsKey(t) })
	if len(meant) > 0 {
		txt = meant[0]
	}
	if i := slices.IndexFunc(a.TXT, func(t string) bool { _, err := dkim.ParseKey(t); return err == nil }); i >= 0 {
		txt = a.TXT[i] // the one that verifiers take
	}
	k := Key{Selector: selector, Name: name, Alias: foreign.Line(a.Canonical, advice.MaxText), Record: advice.ShownRecord(txt), Findings: finding.List{}}
	if n := len(a.TXT); n > 1 {
		text := fmt.Sprintf("%d TXT records at %s: which of them counts is undefined (RFC 6376 section 3.6.2.2)", n, name)
		if len(meant) == 1 {
			k.add(&k.Findings, finding.Error, text) // one record is right, that of the key
		} else {
			k.several = true
			k.Findings.Error(text, "keep one and remove the others")
		}
	}
	p := repair.Key(txt)
	key, err := dkim.ParseKey(txt)
	severity := finding.Warning
	if err != nil {
		severity = finding.Error
		k.add(&k.Findings, severity, "not a key: "+strings.TrimPrefix(err.Error(), "dkim: "))
	}
	for _, oddity := range p.Oddities {
		k.add(&k.Findings, severity, oddity)
	}
	k.proposed, k.unreadable = p.Text, p.Unreadable
	if err != nil {
		return k
	}
	k.Type, k.Bits, k.Revoked, k.Testing = key.Type, key.Bits, key.Revoked, key.Testing
	if k.Revoked {
		k.Findings.OK("revoked: signatures by this key no longer pass")
		return k
	}
	k.check(key)
	if len(k.Findings) == 0 {
		k.Findings.OK("good")
	}
	return k
}

// check checks a key that can be read.
func (k *Key) check(key *dkim.Key) {
	const long = "make a key of 2048 bits, publish it under a new selector, and sign with it"
	switch {
	case k.Type == "rsa" && k.Bits < 1024:
		k.Findings.Error(fmt.Sprintf("RSA key of %d bits: receivers must not accept fewer than 1024 (RFC 8301 section 3.2)", k.Bits), long)
	case k.Type == "rsa" && k.Bits < 2048:
		k.Findings.Warning(fmt.Sprintf("RSA key of %d bits: 2048 are recommended (RFC 8301 section 3.2)", k.Bits), long)
	case k.Type == "rsa" && k.Bits > 4096:
		k.Findings.Warning(fmt.Sprintf("RSA key of %d bits: receivers need not support more than 4096 (RFC 8301 section 3.2)", k.Bits), long)
	}
	if !key.Allows("sha256") {
		k.add(&k.Findings, finding.Error, "h= does not allow sha256, the only hash that still passes (RFC 8301 section 3.1)")
		k.proposed = withoutTag(k.proposed, "h")
	}
	if !key.ForMail() {
		k.add(&k.Findings, finding.Error, "s= says that the key is not for mail")
		k.proposed = withoutTag(k.proposed, "s")
	}
	if !k.Testing {
		return
	}
	const testing = "t=y: the domain is testing DKIM; its signatures count as if they were not there, and make no mail pass DMARC"
	if len(k.indexes) > 0 { // the wish stands in the record that is proposed
		k.Findings.Warning(testing, "once the tests are over, remove y from t=")
		return
	}
	k.add(&k.Findings, finding.Warning, testing)
	if k.proposed = withoutTag(k.proposed, "t"); key.NoSubdomains { // t=s beside it stays
		k.proposed = strings.Replace(k.Record, tagOf(k.Record, "t"), " t=s", 1)
	}
}

// settleFix proposes one record for all that is wrong with the key's.
func (k *Key) settleFix(a *advice.Adviser) {
	if len(k.indexes) == 0 {
		return
	}
	fix := a.ProposeTXT(k.Name, k.proposed)
	if k.Testing && len(k.indexes) == 1 {
		fix = fix.After("once the tests are over, ").When("once the tests are over")
	}
	if k.several { // one record in place of all might be another key than the signer's
		fix = finding.Advise("keep the key that the signer has, if it is another one")
	} else if fix.Text == "" {
		fix = finding.Advise(k.unreadable + ": publish the key as the signer has it")
	}
	k.settle(k.Findings, fix)
}

// tagOf returns a tag of a record with its name, as it is written; "" if there is
// none.
func tagOf(record, name string) string {
	for tag := range strings.SplitSeq(record, ";") {
		if n, _, ok := strings.Cut(tag, "="); ok && strings.TrimSpace(n) == name {
			return tag
		}
	}
	return ""
}

// withoutTag returns a record without one of its tags.
func withoutTag(record, name string) string {
	var tags []string
	for tag := range strings.SplitSeq(record, ";") {
		n, _, _ := strings.Cut(tag, "=")
		if tag = strings.TrimSpace(tag); tag != "" && strings.TrimSpace(n) != name {
			tags = append(tags, tag)
		}
	}
	return strings.Join(tags, "; ")
}
