//go:build linux

package realmta

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// RefusedBySink begins the addresses that a [Sink] refuses.
const RefusedBySink = "refused-"

// Sink is the SMTP server to which an MTA relays mail. It keeps what it gets, octet for
// octet.
type Sink struct {
	server smtpServer

	mu  sync.Mutex
	got []Relayed
}

// StartSink starts a server at an address, host:port, that announces these extensions,
// such as "8BITMIME". Close ends it.
func StartSink(addr string, extensions ...string) (*Sink, error) {
	s := &Sink{}
	s.server = smtpServer{
		name: "sink.example", extensions: append(slices.Clone(extensions), "ENHANCEDSTATUSCODES"),
		refuses: func(rcpt string) bool { return strings.HasPrefix(rcpt, RefusedBySink) }, take: s.keep,
	}
	if err := s.server.listen(addr); err != nil {
		return nil, err
	}
	return s, nil
}

// Close ends the server and its sessions.
func (s *Sink) Close() error { return s.server.close() }

// keep keeps a message.
func (s *Sink) keep(r Relayed) (reply string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.got = append(s.got, r)
	return "250 2.0.0 OK"
}

// Got returns all messages so far.
func (s *Sink) Got() []Relayed {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.got)
}

// Await waits for a message to an address.
func (s *Sink) Await(ctx context.Context, rcpt string) (Relayed, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		s.mu.Lock()
		i := slices.IndexFunc(s.got, func(r Relayed) bool { return slices.Contains(r.Recipients, rcpt) })
		var found Relayed
		if i >= 0 {
			found = s.got[i]
		}
		s.mu.Unlock()
		if i >= 0 {
			return found, nil
		}
		select {
		case <-ctx.Done():
			return Relayed{}, fmt.Errorf("%w: the sink got no message to %s", errGaveUp, rcpt)
		case <-time.After(20 * time.Millisecond):
		}
	}
}
