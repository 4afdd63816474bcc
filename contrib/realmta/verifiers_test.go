//go:build linux

package realmta_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"

	msgauth "github.com/emersion/go-msgauth/dkim"

	"github.com/postvet/postvet/contrib/oracles"
	"github.com/postvet/postvet/contrib/realmta"
	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/message"
)

// keyRecords are the key records of a zone by name.
type keyRecords map[string]string

var keyRecord = regexp.MustCompile(`(?m)^(\S+\._domainkey\.\S+)\. TXT (.*)$`)

func keysOf(z *realmta.Zone) keyRecords {
	records := keyRecords{}
	for _, m := range keyRecord.FindAllStringSubmatch(z.Text(), -1) {
		records[m[1]] = strings.NewReplacer(`" "`, "", `"`, "").Replace(m[2])
	}
	return records
}

// Lookup answers Postvet's verifier.
func (k keyRecords) Lookup(_ context.Context, name string, _ dnscache.Type) *dnscache.Answer {
	if t, ok := k[name]; ok {
		return &dnscache.Answer{Outcome: dnscache.Found, TXT: []string{t}}
	}
	return &dnscache.Answer{Outcome: dnscache.NXDomain}
}

// verdict is what a verifier says of one message: how many of its signatures pass, how
// many it does not know the algorithm of, which receivers ignore (RFC 8463 section 5), and
// why the others fail.
type verdict struct {
	passed, unknown, failed int
	why                     []string
}

func (v *verdict) add(passes bool, why string) {
	if passes {
		v.passed++
		return
	}
	v.failed++
	v.why = append(v.why, why)
}

// byPostvet verifies a message with package dkim.
func byPostvet(t *testing.T, k keyRecords, raw []byte) (v verdict) {
	t.Helper()
	var h message.Header
	head, body, _ := bytes.Cut(raw, []byte("\r\n\r\n"))
	for line := range strings.Lines(string(head) + "\r\n") {
		if line[0] == ' ' || line[0] == '\t' {
			h[len(h)-1].Raw += line
			continue
		}
		name, _, _ := strings.Cut(line, ":")
		h = append(h, message.Field{Name: strings.TrimRight(name, " \t"), Raw: line})
	}
	var bodies dkim.Bodies
	verifier := dkim.NewVerifier(h, &bodies, dkim.Options{})
	keys := verifier.LookupKeys(t.Context(), k)
	bodies.Write(body)
	bodies.Close()
	for _, r := range verifier.Finish(keys) {
		v.add(r.Status == dkim.Pass, fmt.Sprintf("%s: %s", r.Status, r.Reason))
	}
	return v
}

// byMsgauth verifies a message with go-msgauth.
func byMsgauth(k keyRecords, raw []byte) (v verdict) {
	results, err := msgauth.VerifyWithOptions(bytes.NewReader(raw), &msgauth.VerifyOptions{LookupTXT: func(name string) ([]string, error) {
		if t, ok := k[name]; ok {
			return []string{t}, nil
		}
		return nil, errors.New("no such name")
	}})
	if err != nil {
		v.add(false, err.Error())
	}
	for _, r := range results {
		v.add(r.Err == nil, fmt.Sprint(r.Err))
	}
	return v
}

// byOracle verifies messages with another program; it skips the test where that is
// missing.
func byOracle(t *testing.T, driver string, k keyRecords, messages [][]byte) []verdict {
	t.Helper()
	type request struct {
		Mail []byte
		Keys keyRecords
	}
	requests := make([]request, len(messages))
	for i, m := range messages {
		requests[i] = request{m, k}
	}
	verdicts := make([]verdict, len(messages))
	for i, signatures := range oracles.Ask[request, []struct{ Result, Reason string }](t, driver, requests) {
		for _, s := range signatures {
			switch {
			case s.Reason == "No signature": // libopendkim's words for none
			case strings.Contains(s.Reason, "unsupported algorithm ed25519-sha256"):
				verdicts[i].unknown++
			default:
				verdicts[i].add(s.Result == "pass", s.Result+": "+s.Reason)
			}
		}
	}
	return verdicts
}

// verifiers are the programs that verify what arrives.
var verifiers = []string{"Postvet", "go-msgauth", "dkimpy.py", "libopendkim.py", "maildkim.pl"}

// verifyWith has one of the verifiers judge messages.
func verifyWith(t *testing.T, verifier string, k keyRecords, messages [][]byte) []verdict {
	t.Helper()
	if strings.Contains(verifier, ".") {
		return byOracle(t, verifier, k, messages)
	}
	verdicts := make([]verdict, len(messages))
	for i, m := range messages {
		if verifier == "Postvet" {
			verdicts[i] = byPostvet(t, k, m)
		} else {
			verdicts[i] = byMsgauth(k, m)
		}
	}
	return verdicts
}
