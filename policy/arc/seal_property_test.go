package arc

import (
	"context"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/postvet/postvet/contrib/oracles"
	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/dnscache/dnstest"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/message"
)

// sealRefusals are all reasons for which a message gets no set.
var sealRefusals = []error{ErrFailed, ErrUndecided, ErrChanged, ErrFull, ErrAuthor, ErrResults}

// chainMail generates messages with chains, valid and damaged.
type chainMail struct {
	t *testing.T
	*mathrand.Rand
}

// message returns a message with up to three sets, of which some may be damaged.
func (g chainMail) message() string {
	mail := g.chain(g.IntN(4))
	for range max(g.IntN(4)-1, 0) {
		mail = g.damage(mail)
	}
	return mail
}

// chain returns a message with a number of sets.
func (g chainMail) chain(hops int) string {
	mail := plainMail
	for n := 1; n <= hops; n++ {
		status := Pass
		if n == 1 {
			status = None
		}
		mail = sealNext(g.t, mail, sealOptions(status))
		if g.IntN(3) == 0 {
			mail += "A line that a list has added.\r\n"
		}
	}
	return mail
}

// damage changes one thing in a message.
func (g chainMail) damage(mail string) string {
	h, body := splitMessage(mail)
	if len(h) == 0 {
		return mail
	}
	at := g.IntN(len(h))
	f := h[at]
	switch g.IntN(9) {
	case 0:
		h = slices.Delete(h, at, at+1)
	case 1:
		h = slices.Insert(h, g.IntN(len(h)), f)
	case 2:
		to := g.IntN(len(h))
		h[at], h[to] = h[to], h[at]
	case 3:
		i := len(f.Name) + 1 + g.IntN(len(f.Raw)-len(f.Name)-3)
		h[at] = message.Field{Name: f.Name, Raw: f.Raw[:i] + string(rune('!'+g.IntN(90))) + f.Raw[i+1:]}
	case 4:
		body += "x\r\n"
	case 5:
		h[at].Raw = strings.Replace(f.Raw, "cv=pass", []string{"cv=fail", "cv=none", "cv=PASS", "cv="}[g.IntN(4)], 1)
	case 6:
		h[at].Raw = strings.Replace(f.Raw, "i=1;", fmt.Sprintf("i=%d;", g.IntN(54)), 1)
	case 7:
		name := fieldNames[g.IntN(3)]
		h = slices.Insert(h, at, message.NewField(name, fmt.Sprintf(" i=%d; %s", g.IntN(5), []string{"a=b", "cv=fail", "(", "=?utf-8?q?x?="}[g.IntN(4)])))
	case 8:
		h[at] = message.Field{Name: strings.ToUpper(f.Name), Raw: strings.ToUpper(f.Raw[:len(f.Name)]) + f.Raw[len(f.Name):]}
	}
	text := ""
	for _, f := range h {
		text += f.Raw
	}
	return text + "\r\n" + body
}

// sealVerified seals a message as the border found it, after a list has perhaps changed
// the body. It returns "" and an error if the message gets no set.
func (g chainMail) sealVerified(mail string, found Status) (sealed string, set *NewSet, err error) {
	if g.IntN(2) == 0 {
		mail += "A footer.\r\n"
	}
	if set, err = sealAll(mail, sealOptions(found)); err != nil {
		return "", nil, err
	}
	return onTop(set.Fields) + mail, set, nil
}

// checkSealed reports what is wrong with the outcome of a seal; "" for nothing.
func checkSealed(r dkim.Resolver, found Status, sealed string, set *NewSet, err error) string {
	if err != nil {
		for _, known := range sealRefusals {
			if errors.Is(err, known) {
				return ""
			}
		}
		return "an error without a reason: " + err.Error()
	}
	got := verify(r, sealed, dkim.Options{})
	switch {
	case set.Chain == Fail && (found != Fail || got.Status != Fail):
		return fmt.Sprintf("found %s, sealed as fail, and then it is %s", found, got.Status)
	case set.Chain == Fail:
		if err := verifyAlone(set.Fields, &rsaSealKey().PublicKey); err != nil {
			return "the set alone: " + err.Error()
		}
	case found != Pass && found != None, got.Status != Pass, got.Instances != set.Instance:
		return fmt.Sprintf("found %s, sealed as %s %d, and then it is %s of %d (%s)", found, set.Chain, set.Instance, got.Status, got.Instances, got.Reason)
	}
	return ""
}

// TestSealAnyChain: whatever chain a message has, it gets a set that verifies, or one that
// says that the chain has failed, or none with a reason.
func TestSealAnyChain(t *testing.T) {
	t.Parallel()
	_, r := dnstest.Start(t, sealZone())
	outcomes := map[string]int{}
	for i := range 600 {
		g := chainMail{t, mathrand.New(mathrand.NewPCG(8617, uint64(i)))}
		mail := g.message()
		if i%100 == 0 { // nearly as many as there may be
			mail = g.damage(g.chain(48 + i/100%3))
		}
		found := verify(r, mail, dkim.Options{}).Status
		sealed, set, err := g.sealVerified(mail, found)
		if wrong := checkSealed(r, found, sealed, set, err); wrong != "" {
			t.Errorf("message %d: %s\n%s", i, wrong, mail)
		}
		if err == nil {
			outcomes[string(set.Chain)]++
		} else {
			outcomes["not sealed"]++
		}
	}
	for _, want := range []string{"none", "pass", "fail", "not sealed"} {
		if outcomes[want] < 10 {
			t.Errorf("%s: %d of %v", want, outcomes[want], outcomes)
		}
	}
}

// chainRequest asks a driver for the result of a chain.
type chainRequest struct {
	Mail  []byte
	Keys  map[string]string
	Chain bool
}

type chainAnswer struct{ Result, Reason string }

// runChains has a driver verify what we seal. It must find a chain that we extend valid,
// unless it did not before we extended it, and one that we mark as failed not: dkimpy
// takes the fields of a set from where they stand and not by their instance.
func runChains(t *testing.T, driver string) {
	t.Helper()
	t.Parallel()
	_, r := dnstest.Start(t, sealZone())
	keys := map[string]string{"s._domainkey.ours.example": rsaRecord()}
	var before, after []chainRequest
	var sets []*NewSet
	for i := range 260 {
		g := chainMail{t, mathrand.New(mathrand.NewPCG(5112, uint64(i)))}
		mail := g.message()
		if sealed, set, err := g.sealVerified(mail, verify(r, mail, dkim.Options{}).Status); err == nil {
			before = append(before, chainRequest{[]byte(mail), keys, true})
			after = append(after, chainRequest{[]byte(sealed), keys, true})
			sets = append(sets, set)
		}
	}
	was := oracles.Ask[chainRequest, []chainAnswer](t, driver, before)
	counts := map[string]int{}
	for i, a := range oracles.Ask[chainRequest, []chainAnswer](t, driver, after) {
		valid := len(a) == 1 && a[0].Result == "pass"
		switch set := sets[i]; {
		case valid == (set.Chain != Fail):
			counts[string(set.Chain)]++
		case set.Chain == Pass && was[i][0].Result != "pass":
			counts["invalid for it before"]++
		default:
			t.Errorf("sealed as %s, and it says %v\n%s", set.Chain, a, after[i].Mail)
		}
	}
	t.Logf("%s: %v of %d", driver, counts, len(after))
	if counts["none"] < 30 || counts["pass"] < 50 || counts["fail"] < 50 {
		t.Errorf("too few of a kind: %v", counts)
	}
}

func TestOracleSealDkimpy(t *testing.T)   { runChains(t, "dkimpy.py") }
func TestOracleSealMailDKIM(t *testing.T) { runChains(t, "maildkim.pl") }

// FuzzSeal: a foreign header is sealed in a way that verifies, or not at all.
func FuzzSeal(f *testing.F) {
	f.Add(plainMail)
	f.Add(chain(plainMail, 2))
	f.Add(sealed(chain(plainMail, 1), 2, sealer{cv: "fail"}))
	f.Add("ARC-Seal: i=1; cv=none\r\nARC-Authentication-Results: ((i=1;\r\nARC-Message-Signature: i=50\r\nFrom: a@b.example\r\n\r\n")
	record := rsaRecord()
	r := resolverFunc(func(_ context.Context, name string, _ dnscache.Type) *dnscache.Answer {
		if name == "s._domainkey.ours.example" {
			return &dnscache.Answer{Outcome: dnscache.Found, TXT: []string{record}}
		}
		return &dnscache.Answer{Outcome: dnscache.Found, TXT: []string{keyRecord()}}
	})
	f.Fuzz(func(t *testing.T, mail string) {
		found := verify(r, mail, dkim.Options{}).Status
		set, err := sealAll(mail, sealOptions(found))
		sealed := ""
		if err == nil {
			sealed = onTop(set.Fields) + mail
		} else if strings.HasPrefix(err.Error(), "dkim: signing: more than") {
			return
		}
		if wrong := checkSealed(r, found, sealed, set, err); wrong != "" {
			t.Errorf("%s\n%q", wrong, mail)
		}
	})
}
