package service

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/control"
	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/policy/foreign"
)

// maxAnswers bounds the answers of one response.
const maxAnswers = 1000

// maxRecords and maxText bound one answer of a response, in records and in octets of
// each, so that the response stays within the limit of clients.
const (
	maxRecords = 100
	maxText    = 4096
)

// showCache returns the answers in the cache for a name.
func showCache(r *dnscache.Resolver, q control.Request, now time.Time) (control.Contents, error) {
	t, ok := control.ParseType(q.Type)
	if !ok {
		return control.Contents{}, &control.Refusal{Code: control.CodeRequest, Errors: []string{"no such type of record; write one of " + strings.Join(control.TypeNames(), ", ")}}
	}
	held, all := r.Select(dnscache.Selection{Name: q.Name, Below: q.Below || q.All, Type: t, Most: maxAnswers})
	c := control.Contents{Answers: []control.Answer{}, Total: all}
	for _, h := range held {
		c.Answers = append(c.Answers, answerOf(h, now))
	}
	return c, nil
}

// flushCache removes the answers for a name from the cache.
func flushCache(r *dnscache.Resolver, q control.Request) control.Flushed {
	if q.Below || q.All {
		return control.Flushed{Answers: r.Flush(q.Name)}
	}
	return control.Flushed{Answers: r.FlushName(q.Name)}
}

// answerOf returns an answer of the cache in the form of a response.
func answerOf(h dnscache.Held, now time.Time) control.Answer {
	a := control.Answer{
		Name: h.Name, Type: "any", Outcome: h.Answer.Outcome.String(), Canonical: h.Answer.Canonical,
		Authentic: h.Answer.Authentic, ExpiresSeconds: h.Answer.Expires.Sub(now).Seconds(), Bytes: h.Bytes,
		FromPeer: h.Foreign,
	}
	if h.Type != 0 {
		a.Type = h.Type.String()
	}
	if h.Answer.Err != nil {
		a.Error = foreign.Cut(h.Answer.Err.Error(), maxText)
	}
	add := func(s string) {
		if len(a.Records) < maxRecords {
			a.Records = append(a.Records, foreign.Cut(s, maxText))
		}
	}
	for _, s := range h.Answer.TXT {
		add(s)
	}
	for _, ip := range h.Answer.Addrs {
		add(ip.String())
	}
	for _, m := range h.Answer.MX {
		add(fmt.Sprintf("%d %s", m.Preference, cmp.Or(m.Host, ".")))
	}
	for _, s := range h.Answer.Names {
		add(s)
	}
	return a
}
