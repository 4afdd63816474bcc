package keys

import (
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"

	"github.com/postvet/postvet/cmd/postvet/internal/finding"
	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/policy/dkim"
)

// Check looks up a key's record and returns what is wrong with it, and with the key.
// others are all keys of the directory, by which a record of another key is
// recognised.
func Check(ctx context.Context, r dkim.Resolver, k *Key, others []Entry) finding.List {
	var l finding.List
	k.judgeSize(&l)
	k.judgeAlone(&l, others)
	a := r.Lookup(ctx, k.Name(), dnscache.TXT)
	switch {
	case a.Outcome.Void():
		l.Error(k.absent())
	case a.Outcome != dnscache.Found:
		l.DNSFailure(fmt.Sprintf("%s could not be looked up: %s", k.Name(), a.Outcome))
	default:
		k.judge(&l, a, others)
	}
	if a.Outcome == dnscache.Found {
		wild := r.Lookup(ctx, "postvet-no-such-selector._domainkey."+k.Domain, dnscache.TXT)
		if wild.Outcome == dnscache.Found {
			l.Warning("the DNS answers for every selector: a wildcard stands at or above _domainkey."+k.Domain, "remove the wildcard")
		}
	}
	if len(l) == 0 {
		l.OK("the DNS shows the key")
	}
	return l
}

func (k Key) judgeSize(l *finding.List) {
	if k.kind == "rsa" && k.bits < 2048 { // RFC 8301 section 3.2
		l.Warning(fmt.Sprintf("the key has %d bits; signers must use at least 1024 and should use 2048", k.bits), "postvet key new "+k.Domain)
	}
}

// judgeAlone finds an Ed25519 key whose domain has no RSA key.
func (k Key) judgeAlone(l *finding.List, others []Entry) {
	rsa := func(e Entry) bool { return e.Key != nil && e.Key.Domain == k.Domain && e.Key.kind == "rsa" }
	if k.kind == "ed25519" && !slices.ContainsFunc(others, rsa) {
		l.Error("Ed25519 never signs alone, since large receivers do not verify it, and "+k.Domain+" has no RSA key", "postvet key new "+k.Domain)
	}
}

func (k Key) absent() (text, fix string) {
	return "the DNS has no record at " + k.Name() + ": the key does not sign", "publish what postvet key show " + k.Domain + " prints"
}

// judge compares the key with the records of its name.
func (k Key) judge(l *finding.List, a *dnscache.Answer, others []Entry) {
	publish := "replace the record by what postvet key show " + k.Domain + " prints"
	if len(a.TXT) > 1 {
		l.Error(fmt.Sprintf("%s has %d TXT records, and verifiers take any of them: the key does not sign", k.Name(), len(a.TXT)), "leave one of them")
		return
	}
	text := a.TXT[0]
	record, err := dkim.ParseKey(text)
	if err != nil || record.Revoked || !record.Is(k.Signer().Public()) {
		l.Error(k.broken(text, record, err, others)+": the key does not sign", publish)
		return
	}
	if record.Testing {
		l.Warning("t=y: verifiers treat signatures as if there were none", "remove t=y")
	}
	if !record.Allows("sha256") {
		l.Error("h= excludes sha256, by which we sign", "remove h=")
	}
	if !record.ForMail() {
		l.Error("s= excludes mail", "remove s=")
	}
}

// broken says in what way a record fails to show the key.
func (k Key) broken(text string, record *dkim.Key, err error, others []Entry) string {
	bare := strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r == '"' || r == '\\' || r <= ' ' }), "")
	_, p, _ := strings.Cut(bare, "p=")
	p, _, _ = strings.Cut(p, ";")
	switch {
	case isPrivate(text, p):
		return "the record shows a PRIVATE key, so that whoever reads it can sign as you; remove the record and the key"
	case p != "" && p != k.Public() && strings.HasPrefix(k.Public(), p):
		return fmt.Sprintf("the record is cut off after %d of %d characters of p=, as by a panel that takes no long texts", len(p), len(k.Public()))
	case p == k.Public() && bare != strings.Join(strings.Fields(text), ""):
		return "quotes or backslashes stand inside of the record, as they were typed into a panel"
	case err != nil:
		return "the record is not a key: " + strings.TrimPrefix(err.Error(), "dkim: ")
	case record.Revoked:
		return "the record revokes the key (p= is empty)"
	}
	if i := slices.IndexFunc(others, func(e Entry) bool { return e.Key != nil && record.Is(e.Key.Signer().Public()) }); i >= 0 {
		return "the record shows the key of " + others[i].Key.Name() + ", so that selectors were swapped"
	}
	return "the record shows another key"
}

// isPrivate reports whether a record shows a private key, as it is or as p=.
func isPrivate(text, p string) bool {
	if strings.Contains(text, "PRIVATE KEY") {
		return true
	}
	der, err := base64.StdEncoding.DecodeString(p)
	if err != nil {
		return false
	}
	signer, err := parseDER(der)
	return signer != nil && err == nil
}
