// Package trial runs stored messages through one or two policies and tells
// where they differ: what would happen if I enforced this?
//
// Each message is evaluated once, as if it came in now or at the time that its
// envelope names, and then decided about by each policy. Nothing is sent
// anywhere but DNS queries, and no message is changed.
//
// # Envelopes
//
// A stored message does not say who sent it from where. That stands in a file
// beside it, named as the message with ".envelope" behind, one "key value" a line:
//
//	ip 192.0.2.1
//	helo mx.example.org
//	mail-from ann@example.org
//	rcpt bob@example.net
//
// with "rcpt" for each recipient, and user, tls, listener and time (RFC 3339 or
// Unix seconds) where they matter. Lines that begin with "#" are remarks. Or it
// stands in fields on top of the message, X-Envelope-IP, -Helo, -From, -To,
// -User, -TLS, -Listener and -Time, which are taken off before the evaluation.
// Without either, MAIL FROM is that of a Return-Path and the recipient that of
// Delivered-To or X-Original-To, which deliveries leave on top; on request client
// and time are those of the topmost Received field.
package trial

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/rules"

	"github.com/postvet/postvet/policy"
	"github.com/postvet/postvet/policy/message"
)

// Options say how messages are evaluated and by what they are decided about.
type Options struct {
	// Checker makes a checker with this clock.
	Checker func(now func() time.Time) *policy.Checker
	// Now is the clock for messages whose envelope has no time.
	Now func() time.Time
	// Received takes the client of a message without an envelope from its topmost
	// Received field.
	Received bool
	// Before and After are the policies; Before is nil if nothing is compared.
	Before, After *rules.Rules
	// MaxBytes bounds a message.
	MaxBytes int64
	// Jobs is how many messages are evaluated at once. Default 1.
	Jobs int
	// Progress is called after each message with how many are done, from one
	// goroutine at a time. Default: nothing.
	Progress func(done int)
}

// Row is what became of one message.
type Row struct {
	File string
	// Problem says why the message could not be evaluated; "" if it was.
	Problem string
	Author  string // the author domain, or why there is none
	DMARC   string
	// NoClient tells that the envelope has no client, so that SPF is none.
	NoClient bool
	// Before is nil if nothing is compared.
	Before *Verdict
	After  Verdict
	// Differs tells that the two policies do different things to the message.
	Differs bool
}

// Run evaluates the files. The rows are in their order. It ends early if ctx
// does, with its error.
func Run(ctx context.Context, files []string, o Options) ([]Row, error) {
	rows := make([]Row, len(files))
	next := make(chan int)
	var (
		workers sync.WaitGroup
		mu      sync.Mutex
		done    int
	)
	for range max(1, min(o.Jobs, len(files))) {
		workers.Go(func() {
			for i := range next {
				rows[i] = one(ctx, files[i], o)
				mu.Lock()
				if done++; o.Progress != nil {
					o.Progress(done)
				}
				mu.Unlock()
			}
		})
	}
	for i := range files {
		select {
		case next <- i:
			continue
		case <-ctx.Done():
		}
		break
	}
	close(next)
	workers.Wait()
	return rows, ctx.Err()
}

var (
	errNoMessage = errors.New("holds no header field, and so no message")
	errTooLarge  = errors.New("is larger than limits.header_bytes and limits.body_bytes allow")
)

// one evaluates one file.
func one(ctx context.Context, file string, o Options) Row {
	row := Row{File: file}
	if err := row.evaluate(ctx, o); err != nil {
		row.Problem = plain(err).Error()
	}
	return row
}

func (r *Row) evaluate(ctx context.Context, o Options) error {
	f, fi, err := open(r.File)
	if err != nil {
		return err
	}
	defer f.Close()
	if fi.Size() > o.MaxBytes {
		return errTooLarge
	}
	reader := message.NewReader(io.LimitReader(f, o.MaxBytes))
	header, err := reader.Header()
	if err != nil {
		return err
	}
	if len(header) == 0 {
		return errNoMessage
	}
	e, header, err := envelopeOf(r.File, header, o.Received)
	if err != nil {
		return err
	}
	early, results, err := e.play(ctx, header, reader, o)
	if err != nil {
		return err
	}
	r.NoClient = !e.client.IP.IsValid()
	r.Author, r.DMARC = results.Author.Domain, string(results.DMARC.Status)
	if r.Author == "" {
		r.Author = results.Author.Problem
	}
	if results.DMARC.Policy != "" {
		r.DMARC += " p=" + string(results.DMARC.Policy)
	}
	after := o.After.Replay(early, results)
	r.After = short(after)
	if o.Before != nil {
		v := o.Before.Replay(early, results)
		before := short(v)
		r.Before, r.Differs = &before, v.Differs(after)
	}
	return nil
}

// play tells a checker of the message as the filter does. early is what it knows
// at RCPT, nil if no policy asks for it.
func (e *envelope) play(ctx context.Context, header message.Header, body *message.Reader, o Options) (early, results *result.Results, err error) {
	now := o.Now
	if !e.time.IsZero() {
		start := time.Now()
		now = func() time.Time { return e.time.Add(time.Since(start)) }
	}
	conn := o.Checker(now).Connect(ctx, e.client)
	defer conn.Close()
	conn.Helo(e.helo)
	msg := conn.Message(e.sender)
	defer msg.Close()
	for _, r := range e.recipients {
		msg.Recipient(r)
	}
	if o.After.RefusesEarly() || o.Before != nil && o.Before.RefusesEarly() {
		early = msg.Early(ctx)
	}
	for _, f := range header {
		msg.Field(f)
	}
	msg.EndOfHeader()
	if _, err := body.WriteTo(msg); err != nil {
		return nil, nil, fmt.Errorf("cannot be read to its end: %w", err)
	}
	return early, msg.Finish(ctx), nil
}
