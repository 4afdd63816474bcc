package milter

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"

	gomilter "github.com/emersion/go-milter"
)

// Alive checks that the server answers, for a watchdog. It opens a connection inside the
// process, negotiates like an MTA and closes it. It returns nil if that works, and also if
// it cannot check because all connections are in use or the server drains. Otherwise it
// returns an error when ctx ends at the latest. The connection is not counted.
func (s *Server) Alive(ctx context.Context) error {
	// If the server hangs, perhaps in a lock, this goroutine hangs too.
	done := make(chan error, 1)
	go func() { done <- s.negotiateWithItself(ctx) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return fmt.Errorf("the milter server does not answer: %w", ctx.Err())
	}
}

func (s *Server) negotiateWithItself(ctx context.Context) error {
	select {
	case s.slots <- struct{}{}:
	default:
		return nil
	}
	ours, theirs := net.Pipe()
	defer ours.Close()
	if end, ok := ctx.Deadline(); ok {
		_ = ours.SetDeadline(end)
	}
	if !s.begin(theirs, "") {
		return nil
	}
	offer := binary.BigEndian.AppendUint32(nil, maxVersion)
	offer = binary.BigEndian.AppendUint32(offer, uint32(wantedActions))
	offer = binary.BigEndian.AppendUint32(offer, uint32(wantedProtocol))
	if _, err := ours.Write(packet(byte(gomilter.CodeOptNeg), offer)); err != nil {
		return fmt.Errorf("the milter server does not read: %w", err)
	}
	var head [5]byte
	if _, err := io.ReadFull(ours, head[:]); err != nil {
		return fmt.Errorf("the milter server does not answer: %w", err)
	}
	if head[4] != byte(gomilter.CodeOptNeg) {
		return errors.New("the milter server answers the option negotiation with another packet")
	}
	n := binary.BigEndian.Uint32(head[:4])
	if _, err := io.CopyN(io.Discard, ours, int64(n)-1); err != nil {
		return fmt.Errorf("the milter server does not answer: %w", err)
	}
	// Without CodeQuit, the log would show a lost connection.
	if _, err := ours.Write(packet(byte(gomilter.CodeQuit), nil)); err != nil {
		return fmt.Errorf("the milter server does not read: %w", err)
	}
	_, _ = io.Copy(io.Discard, ours) // until the server has closed its end
	return nil
}
