package policy_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	msgauth "github.com/emersion/go-msgauth/dkim"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/idna"
	"golang.org/x/tools/txtar"

	"github.com/postvet/postvet/dnscache/dnstest"
	"github.com/postvet/postvet/policy"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/rules"
	"github.com/postvet/postvet/policy/spf"
)

// The goldens in testdata/attacks are the published attacks on the
// authentication of mail, written anew:
//
//	ck  Chen, Paxson, Jiang, "Composition Kills: A Case Study of Email Sender
//	    Authentication", USENIX Security 2020, attacks A1 to A18 and B1 to B3
//	wl  Shen et al., "Weak Links in Authentication Chains: A Large-scale
//	    Analysis of Email Sender Spoofing Attacks", USENIX Security 2021,
//	    attacks A1 to A14
//
// In each, somebody at 192.0.2.66, who owns attacker.example and its DNS, wants
// a reader to believe in an author at legit.example, which publishes "-all" and
// p=reject. Beyond the parts of an ordinary golden there are
//
//	signed  the message as it was signed, if it was changed afterwards
//	fields  fields as an MTA hands them over that sees other fields in the bytes
//	        than a Reader does: two Go strings a line, name and value
//
// and the envelope's keys "signature" and "seal", see attackSignature, and
// "premise", a result that the attacker must get for the attack to be one, or
// "signature", one that verifies for who asks him for the key. In all of them <NUL>, <CR>, <U+202E>, <0xFF> and <x*300> stand for a byte, a
// character or a repetition.
const forged = "legit.example"

// genuine are the attacks in which legit.example itself did sign or send what
// carries its name, so that dmarc=pass is the truth, and why that is beyond a
// receiver.
var genuine = map[string]string{
	"ck-a14-subject-not-signed":          "a replay: the author and the body are as legit.example signed them, the Subject never was signed",
	"ck-a14-content-type-not-signed":     "a replay: the author and the body are as legit.example signed them, the Content-Type never was signed",
	"ck-a15-second-subject":              "a replay: the signed Subject is there and intact, RFC 6376 section 5.4.2; the signer did not oversign it",
	"ck-a17-own-account-two-from":        "SPF passes for legit.example, whose host it is; the message is refused for its author",
	"ck-a17-own-account-escaped-comma":   "SPF passes for legit.example, whose host it is; the message is refused for its author",
	"ck-a17-own-account-other-user":      "the provider signed for a user who is not the author; which user it was is known to the provider alone",
	"wl-a1-user-differs-from-sender":     "the provider let a user send in another's name; which user it was is known to the provider alone",
	"wl-a10-forwarder-signs-the-forgery": "legit.example forwarded and signed a forgery of its own name",
}

// unseen are the attacks whose deceit is not in the author's domain, so that no
// authentication can see it, and why.
var unseen = map[string]string{
	"ck-a13-display-name":          "the address is the attacker's, named and authenticated as such; a display name is any text",
	"wl-a12-idn-homograph":         "the look-alike is a domain of its own that the attacker owns; only a reader of glyphs can tell",
	"wl-a14-override-display-name": "the address is the attacker's, named and authenticated as such; a display name is any text",
	"wl-a8-subdomain-policy-none":  "legit.example asks for nothing (sp=none) where its subdomains are concerned",
}

func TestAttacks(t *testing.T) {
	files, err := filepath.Glob("testdata/attacks/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no attacks: %v", err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".txtar")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := readAttack(t, file)
			_, resolver := dnstest.Start(t, a.zone)
			res := a.play(t, policy.NewChecker(policy.Options{
				Resolver: resolver, AuthservID: a.rules.AuthservID, Exempt: a.exempt, Trace: true, Now: time.Now,
			}))
			v := a.rules.Decide(res)
			if *update {
				a.write(t, file, show(v))
				return
			}
			if diff := cmp.Diff(a.want, show(v)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			checkNotForged(t, name, res)
			checkClientsAgree(t, name, a.seen, res, v)
			checkResultsField(t, a.rules, res, v.AuthenticationResults)
			checkReply(t, v)
			for _, p := range a.premises {
				if p == "signature" {
					a.checkSignature(t)
				} else if naiveReader(v.AuthenticationResults)[p] == 0 {
					t.Errorf("no %s, so that nothing is attacked", p)
				}
			}
			if len(res.Faults) > 0 {
				t.Errorf("faults: %q", res.Faults)
			}
			if unseen[name] != "" && v.Action != result.Accept {
				t.Error("this is stopped now; strike it off the list of the unseen")
			}
			if t.Failed() {
				for _, e := range res.Trace {
					t.Logf("%8.1f %-5s %s", e.AtMS, e.What, e.Text)
				}
			}
		})
	}
}

// Both papers are there in full, and every golden says what it is about.
func TestAttacksAreComplete(t *testing.T) {
	t.Parallel()
	for paper, numbers := range map[string]string{
		"ck": "a1 a2 a3 a4 a5 a6 a7 a8 a9 a10 a11 a12 a13 a14 a15 a16 a17 a18 b1 b2 b3",
		"wl": "a1 a2 a3 a4 a5 a6 a7 a8 a9 a10 a11 a12 a13 a14",
	} {
		for _, n := range strings.Fields(numbers) {
			if files, _ := filepath.Glob("testdata/attacks/" + paper + "-" + n + "-*.txtar"); len(files) == 0 {
				t.Errorf("no golden for %s of %s", n, paper)
			}
		}
	}
	for _, list := range []map[string]string{genuine, unseen} {
		for name := range list {
			if _, err := os.Stat("testdata/attacks/" + name + ".txtar"); err != nil {
				t.Error(err)
			}
		}
	}
}

// checkNotForged: nothing passes in the name of the forged domain.
func checkNotForged(t *testing.T, name string, res *result.Results) {
	t.Helper()
	passed := false
	if res.DMARC.Status == dmarc.Pass && looksForged(res.DMARC.AuthorDomain) {
		passed = true
		if genuine[name] == "" && unseen[name] == "" {
			t.Errorf("dmarc=pass for %s", res.DMARC.AuthorDomain)
		}
	}
	for _, r := range res.SPF {
		if r.Status == spf.Pass && looksForged(r.Domain) && unseen[name] == "" {
			passed = true
			if genuine[name] == "" {
				t.Errorf("spf=pass of %s for %s", r.Identity, r.Domain)
			}
		}
	}
	if genuine[name] != "" && !passed {
		t.Error("this is stopped now; strike it off the list of the genuine")
	}
}

// confusable maps what looks like a Latin letter to it; enough for these goldens.
var confusable = strings.NewReplacer("а", "a", "е", "e", "о", "o", "р", "p", "с", "c", "х", "x", "і", "i", "ӏ", "l", "ⅼ", "l", "ԍ", "g")

// looksForged reports whether a domain, as a client would show it, is the
// forged domain or one below it.
func looksForged(domain string) bool {
	if u, err := idna.ToUnicode(domain); err == nil {
		domain = u
	}
	domain = confusable.Replace(strings.ToLower(domain))
	return domain == forged || strings.HasSuffix(domain, "."+forged)
}

var placeholder = regexp.MustCompile(`<(?:NUL|CR|LF|U\+[0-9A-F]{4,6}|0x[0-9A-F]{2}|[^<>@ ]+\*[0-9]+)>`)

// unmask puts in what the placeholders stand for.
func unmask(text string) string {
	return placeholder.ReplaceAllStringFunc(text, func(p string) string {
		p = p[1 : len(p)-1]
		switch {
		case p == "NUL":
			return "\x00"
		case p == "CR":
			return "\r"
		case p == "LF":
			return "\n"
		case strings.HasPrefix(p, "U+"):
			n, _ := strconv.ParseUint(p[2:], 16, 32)
			return string(rune(n))
		case strings.HasPrefix(p, "0x"):
			n, _ := strconv.ParseUint(p[2:], 16, 8)
			return string([]byte{byte(n)})
		}
		text, count, _ := strings.Cut(p, "*")
		n, _ := strconv.Atoi(count)
		return strings.Repeat(text, min(n, 10000))
	})
}

// attack is a golden with its extensions read.
type attack struct {
	golden
	archive *txtar.Archive
	fields  []message.Field
	seen    []byte // the message as a client gets it
	// premises are results without which the attack would be none, "spf=pass".
	premises []string
	keys     []string // the key records
}

func readAttack(t *testing.T, file string) attack {
	t.Helper()
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if len(archive.Comment) < 80 {
		t.Error("no comment that says what the attack tries")
	}
	a := attack{archive: archive, golden: golden{
		rules: rules.Rules{AuthservID: "mx.test.example", SPFHelo: true}, exempt: policy.Exempt{Authenticated: true, Local: true},
	}}
	parts := map[string]string{}
	for _, f := range archive.Files {
		parts[f.Name] = string(f.Data)
	}
	wire := func(part string) []byte {
		return []byte(unmask(strings.ReplaceAll(parts[part], "\n", "\r\n")))
	}
	a.zone, a.want, a.message = parts["zone"], parts["want"], wire("message")
	signed := a.message
	if parts["signed"] != "" {
		signed = wire("signed")
	}
	var known []string
	for line := range strings.Lines(parts["envelope"]) {
		key, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch key {
		case "premise":
			a.premises = append(a.premises, rest)
			continue
		case "signature", "seal":
		default:
			known = append(known, line)
			continue
		}
		s := parseSignature(t, unmask(rest))
		text := s.sign(signed)
		if key == "seal" {
			text = s.seal(signed)
		}
		a.message, signed = append([]byte(text), a.message...), append([]byte(text), signed...)
		a.zone += fmt.Sprintf("%s. TXT \"%s\"\n", zoneName(s.name), s.keyRecord())
		a.keys = append(a.keys, s.keyRecord())
	}
	a.readEnvelope(t, unmask(strings.Join(known, "")))
	for line := range strings.Lines(parts["fields"]) {
		var name, value string
		if _, err := fmt.Sscanf(line, "%q %q", &name, &value); err != nil {
			t.Fatalf("fields: %s: %v", line, err)
		}
		a.fields = append(a.fields, message.NewField(name, value))
		a.seen = append(a.seen, name+":"+value+"\r\n"...)
	}
	a.seen = append(a.seen, a.message...)
	return a
}

func (a *attack) write(t *testing.T, file, want string) {
	t.Helper()
	i := slices.IndexFunc(a.archive.Files, func(f txtar.File) bool { return f.Name == "want" })
	if i < 0 {
		t.Fatal("no want")
	}
	a.archive.Files[i].Data = []byte(want)
	if err := os.WriteFile(file, txtar.Format(a.archive), 0o644); err != nil {
		t.Fatal(err)
	}
}

// checkSignature: a verifier that asks the attacker for the key is deceived.
func (a *attack) checkSignature(t *testing.T) {
	t.Helper()
	all, err := msgauth.VerifyWithOptions(bytes.NewReader(a.message), &msgauth.VerifyOptions{
		LookupTXT: func(string) ([]string, error) { return a.keys, nil },
	})
	if err != nil || len(all) == 0 || all[0].Err != nil {
		t.Errorf("the attacker's signature is broken: %v: %v", err, all)
	}
}

// play is converse with the fields in front.
func (a *attack) play(t *testing.T, checker *policy.Checker) *result.Results {
	t.Helper()
	if len(a.fields) == 0 {
		return converse(t, checker, a.golden)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	r := message.NewReader(bytes.NewReader(a.message))
	header, err := r.Header()
	if err != nil {
		t.Fatal(err)
	}
	e := message.Envelope{Client: a.client, Helo: a.helo, Sender: a.sender}
	_, results, err := checker.Play(ctx, e, slices.Concat(a.fields, header), r, false)
	if err != nil {
		t.Fatal(err)
	}
	return results
}
