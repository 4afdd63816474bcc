package inspect

import (
	"fmt"
	"slices"
	"strings"

	"github.com/postvet/postvet/cmd/postvet/internal/finding"
	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/foreign"
)

// Key is one key record.
type Key struct {
	Selector string `json:"selector"`
	// Named reports that the caller named this selector.
	Named  bool   `json:"named"`
	Name   string `json:"name"`
	Alias  string `json:"alias,omitempty"` // where a CNAME leads
	Record string `json:"record"`
	// Type and Bits are set if the key can be read.
	Type     string       `json:"type"`
	Bits     int          `json:"bits"`
	Revoked  bool         `json:"revoked"`
	Testing  bool         `json:"testing"`
	Findings finding.List `json:"findings"`
}

// readKey reads and checks the record of a selector.
func readKey(selector, name string, a *dnscache.Answer) Key {
	k := Key{Selector: selector, Name: name, Alias: foreign.Line(a.Canonical, maxText), Record: shownRecord(a.TXT[0]), Findings: finding.List{}}
	if len(a.TXT) > 1 {
		k.Findings.Error(fmt.Sprintf("%d TXT records at %s: which of them counts is undefined (RFC 6376 section 3.6.2.2)", len(a.TXT), name), "keep one and remove the others")
	}
	key, err := dkim.ParseKey(a.TXT[0])
	if err != nil {
		k.Findings.Error("not a key: "+strings.TrimPrefix(err.Error(), "dkim: "), publish(name, `TXT "v=DKIM1; k=rsa; p=..."`))
		return k
	}
	k.Type, k.Bits, k.Revoked, k.Testing = key.Type, key.Bits, key.Revoked, key.Testing
	if k.Revoked {
		k.Findings.OK("revoked: signatures by this key no longer pass")
		return k
	}
	const long = "make a key of 2048 bits, publish it under a new selector, and sign with it"
	switch {
	case k.Type == "rsa" && k.Bits < 1024:
		k.Findings.Error(fmt.Sprintf("RSA key of %d bits: receivers must not accept fewer than 1024 (RFC 8301 section 3.2)", k.Bits), long)
	case k.Type == "rsa" && k.Bits < 2048:
		k.Findings.Warning(fmt.Sprintf("RSA key of %d bits: 2048 are recommended (RFC 8301 section 3.2)", k.Bits), long)
	case k.Type == "rsa" && k.Bits > 4096:
		k.Findings.Warning(fmt.Sprintf("RSA key of %d bits: receivers need not support more than 4096 (RFC 8301 section 3.2)", k.Bits), long)
	}
	if k.Testing {
		fix := withoutTag(a.TXT[0], "t")
		if key.NoSubdomains { // t=s beside it stays
			fix = withTag(a.TXT[0], "t", "s")
		}
		k.Findings.Warning("t=y: the domain is testing DKIM, and failures are not to be held against it", publishTXT(name, fix))
	}
	if key.Hashes != nil && !containsFold(key.Hashes, "sha256") {
		k.Findings.Error("h= does not allow sha256, the only hash that still passes (RFC 8301 section 3.1)", publishTXT(name, withoutTag(a.TXT[0], "h")))
	}
	if key.Services != nil && !containsFold(key.Services, "email") && !containsFold(key.Services, "*") {
		k.Findings.Error("s= says that the key is not for mail", publishTXT(name, withoutTag(a.TXT[0], "s")))
	}
	if len(k.Findings) == 0 {
		k.Findings.OK("good")
	}
	return k
}

func containsFold(list []string, word string) bool {
	return slices.ContainsFunc(list, func(s string) bool { return strings.EqualFold(s, word) })
}
