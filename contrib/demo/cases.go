//go:build linux

package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/postvet/postvet/contrib/realmta"
)

// sample is a message with its expected fate.
type sample struct {
	name   string // the local part of its addresses
	sent   string // in a person's words
	client string // the address it comes from
	domain string // of From and MAIL FROM
	fields []string
	signed bool
	down   bool // Postvet is killed before, and started again after

	code   string   // how the reply begins
	rule   string   // of Postvet, "" if it saw nothing
	field  string   // what our field says
	gone   string   // what may not arrive
	kept   string   // what has to arrive
	fate   fate     // where the message is then
	expect []string // words of the reply
}

// fate is where a message ends up.
type fate string

const (
	inbox   fate = "delivered"
	held    fate = "held by the MTA"
	nowhere fate = "not taken"
)

func cases() []sample {
	forged := "Authentication-Results: " + realmta.AuthservID + "; dmarc=pass header.from=" + realmta.Watch
	return []sample{
		// A kill loses the counts of the last seconds, so that it comes first.
		{
			name: "down", sent: "a good message while Postvet is killed",
			client: realmta.GoodClient, domain: realmta.Good, signed: true, down: true,
			code: "4", fate: nowhere,
		},
		{
			name: "back", sent: "its sender's retry after Postvet's restart",
			client: realmta.GoodClient, domain: realmta.Good, signed: true,
			code: "250", rule: "dmarc-pass", field: "dmarc=pass", fate: inbox,
		},
		{
			name: "good", sent: "a good message: SPF and DKIM of " + realmta.Good,
			client: realmta.GoodClient, domain: realmta.Good, signed: true,
			code: "250", rule: "dmarc-pass", field: "dmarc=pass", fate: inbox,
		},
		{
			name: "forwarded", sent: "the same, forwarded: SPF fails, the DKIM signature holds",
			client: realmta.Stranger, domain: realmta.Good, signed: true,
			code: "250", rule: "dmarc-pass", field: "dmarc=pass", fate: inbox,
		},
		{
			name: "spoof", sent: "a spoof of " + realmta.Bank + ", which publishes p=reject",
			client: realmta.Stranger, domain: realmta.Bank,
			code: "550 5.7.26", rule: "dmarc-reject", fate: nowhere, expect: []string{realmta.Bank, "SPF", "DKIM"},
		},
		{
			name: "held", sent: "a spoof of " + realmta.Hold + ", which publishes p=quarantine",
			client: realmta.Stranger, domain: realmta.Hold,
			code: "250", rule: "dmarc-quarantine", fate: held,
		},
		{
			name: "forged", sent: "a spoof of " + realmta.Watch + " (p=none) that brings a forged Authentication-Results in our name, and a foreign one",
			client: realmta.Stranger, domain: realmta.Watch,
			fields: []string{forged, "Authentication-Results: relay.example; spf=pass"},
			code:   "250", rule: "dmarc-none", field: "dmarc=fail", fate: inbox, gone: forged, kept: "Authentication-Results: relay.example; spf=pass",
		},
		{
			name: "dark", sent: "a message of " + realmta.Dark + ", whose DNS does not answer",
			client: realmta.Stranger, domain: realmta.Dark,
			code: "451 4.4.3", rule: "temperror", fate: nowhere, expect: []string{realmta.Dark},
		},
	}
}

// undecided is the decision about a message that Postvet did not see.
const undecided = "none"

// row is the result of a sample.
type row struct {
	mta, sent, answer, decision, why string
	problem                          string // "" if all was as expected
}

// play sends a sample and returns its result.
func play(ctx context.Context, s *realmta.Site, c sample) (r row) {
	r = row{mta: s.Name(), sent: c.sent}
	var problems []string
	wrong := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	defer func() { r.problem = strings.Join(problems, "; ") }()

	rcpt, from := c.name+"@"+realmta.Domain, c.name+"@"+c.domain
	msg, err := c.message(s.Zone, from, rcpt)
	if err != nil {
		wrong("%v", err)
		return r
	}
	if c.down {
		s.Postvet.Kill()
	}
	answer, err := realmta.Deliver(ctx, s, c.client, from, rcpt, msg)
	if c.down {
		if err := s.Postvet.Start(ctx); err != nil {
			wrong("%v", err)
		}
	}
	if err != nil {
		wrong("%v", err)
		return r
	}
	r.answer = strings.ReplaceAll(answer.String(), "\n", " ")
	if !strings.HasPrefix(r.answer, c.code) {
		wrong("the answer should begin with %s", c.code)
	}
	for _, word := range c.expect {
		if !strings.Contains(r.answer, word) {
			wrong("the answer does not name %s", word)
		}
	}
	r.decision, r.why = undecided, "Postvet was not there; the MTA has the sender try again"
	if c.rule != "" {
		d, err := s.Postvet.AwaitDecision(ctx, func(d realmta.Decision) bool { return strings.Contains(d.From, from) })
		if err != nil {
			wrong("Postvet's log: %v", err)
		}
		if d.Rule != c.rule {
			wrong("the rule is %q, not %s", d.Rule, c.rule)
		}
		r.decision, r.why = d.Action, reasons(d)
	}
	problem, seen := look(ctx, s, c, rcpt)
	if problem != "" {
		wrong("%s", problem)
	}
	r.why += seen
	return r
}

// message returns the message of a sample.
func (c sample) message(zone *realmta.Zone, from, rcpt string) ([]byte, error) {
	lines := append(append([]string(nil), c.fields...),
		"From: "+from, "To: "+rcpt, "Subject: "+c.name, "Date: "+time.Now().Format(time.RFC1123Z),
		"Message-ID: <"+c.name+"@client.example>", "", "Hello.", "")
	msg := []byte(strings.Join(lines, "\r\n"))
	if !c.signed {
		return msg, nil
	}
	return zone.Sign(msg, c.domain, realmta.Selector, "relaxed/relaxed")
}

// reasons returns the evidence of Postvet's log line in words.
func reasons(d realmta.Decision) string {
	dkim := strings.Join(d.DKIM, ", ")
	if dkim == "" {
		dkim = "no signature"
	}
	return fmt.Sprintf("%s. DMARC: %s. SPF: %s. DKIM: %s.", d.Rule, d.DMARC, strings.Join(d.SPF, ", "), dkim)
}

// look looks for the message where it should be, and checks it.
func look(ctx context.Context, s *realmta.Site, c sample, rcpt string) (problem, seen string) {
	switch c.fate {
	case held:
		h, err := realmta.AwaitHeld(ctx, s, rcpt)
		if err != nil {
			return err.Error(), ""
		}
		return "", " Waits in the queue as " + h.ID + "."
	case nowhere:
		d, err := realmta.Find(s, rcpt)
		if err != nil {
			return err.Error(), ""
		}
		if len(d) > 0 {
			return "it was delivered all the same", ""
		}
		return "", ""
	}
	d, err := realmta.Await(ctx, s, rcpt, 1)
	if err != nil {
		return err.Error(), ""
	}
	text := string(d[0].Message)
	top, _, _ := strings.Cut(strings.ReplaceAll(text, "\n\t", " "), "\n")
	switch {
	case !strings.HasPrefix(top, "Authentication-Results: "+realmta.AuthservID+";"):
		return "our field is not on top but " + top, ""
	case !strings.Contains(top, c.field):
		return "our field says " + top, ""
	case c.gone != "" && strings.Contains(text, c.gone):
		return "the forged field arrived", ""
	case c.kept != "" && !strings.Contains(text, c.kept):
		return "the foreign field did not arrive", ""
	}
	seen = " Arrived with " + c.field + " on top"
	if c.gone != "" {
		seen += ", the forgery is gone, the foreign field is there"
	}
	return "", seen + "."
}
