//go:build linux

package realmta

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Domain is the domain that both MTAs deliver for. They take any local part,
// except for that of [Refused].
const Domain = "test.example"

// Refused is a recipient that both MTAs refuse themselves, with a 550.
const Refused = "nobody@" + Domain

// MTA is a running mail transfer agent.
type MTA interface {
	// Name is "Postfix" or "Sendmail".
	Name() string
	// Version is what the MTA says about itself, "3.7.11".
	Version() string
	// Addr and Addr6 are where it listens: host:port on 127.0.0.1 and on ::1.
	Addr() string
	Addr6() string
	// MilterListen is the address that the milter has to listen on, in
	// Postfix's notation and as seen from outside a chroot; "" without milter.
	MilterListen() string
	// Mechanisms are the SASL mechanisms that it offers, none if no AUTH.
	Mechanisms() []string

	// Deliveries are the messages in the mailboxes so far.
	Deliveries() ([]Delivery, error)
	// Held are the messages that lie in the hold queue or the quarantine.
	Held(ctx context.Context) ([]Held, error)
	// Queued counts the messages in the queue, the held ones included.
	Queued(ctx context.Context) (int, error)
	// Release sends a held message on its way.
	Release(ctx context.Context, id string) error
	// Submit hands in a message on this machine without SMTP over the network:
	// Postfix by sendmail -t, Sendmail by sendmail -bs.
	Submit(ctx context.Context, from, rcpt string, msg []byte) error

	// Log is what the MTA wrote to its log so far.
	Log() string
	// Stop stops the MTA, waits for all of its processes and removes its
	// folder. It is idempotent.
	Stop() error
}

// Options describe an MTA. The zero value is an MTA without milter.
type Options struct {
	// Parent is where the MTA's folder is made. Every folder up to it must be
	// writable by root alone. Default /var/lib.
	Parent string
	// Milter is where the MTA finds its milter: "unix" is a socket in the MTA's
	// own folder (inside Postfix's chroot), "inet" a free port of 127.0.0.1;
	// "" is none. MTA.MilterListen returns the address.
	Milter string
	// Config are more lines for main.cf, where each replaces a line of the same
	// name, or for sendmail.mc.
	Config []string
	// Services are more lines for Postfix's master.cf.
	Services []string
	// NoAuth leaves AUTH out.
	NoAuth bool
	// NoBox leaves out Sendmail's mailbox: mail for Domain is routed as Config says.
	NoBox bool
}

// Delivery is one message in a mailbox.
type Delivery struct {
	// Recipient is the address that it was delivered to.
	Recipient string
	// Message is the message as the MTA held it, with LF line ends. It lacks
	// the fields that delivery added on top (Return-Path, X-Original-To,
	// Delivered-To).
	Message []byte
}

// Held is one message that waits for a person.
type Held struct {
	ID     string // queue id
	Reason string // Sendmail's quarantine reason; Postfix keeps none
	Text   string // the queue listing's entry, with sender and recipients
}

// errGaveUp wraps the last error when the time is over.
var errGaveUp = errors.New("realmta: gave up")

// readBox reads all messages in a folder, in the order of their names.
func readBox(dir string) ([]Delivery, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var all []Delivery
	for _, e := range entries {
		raw, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, err
		}
		all = append(all, parseDelivery(raw))
	}
	return all, nil
}

// parseDelivery removes the fields that delivery added on top.
func parseDelivery(raw []byte) Delivery {
	d := Delivery{Message: bytes.ReplaceAll(raw, []byte("\r\n"), []byte("\n"))}
	for {
		line, rest, ok := bytes.Cut(d.Message, []byte("\n"))
		name, value, _ := strings.Cut(string(line), ":")
		switch strings.ToLower(name) {
		case "delivered-to":
			d.Recipient = strings.TrimSpace(value)
		case "return-path", "x-original-to":
		default:
			ok = false
		}
		if !ok {
			return d
		}
		d.Message = rest
	}
}

// Find returns the deliveries to a recipient.
func Find(m MTA, rcpt string) ([]Delivery, error) {
	all, err := m.Deliveries()
	if err != nil {
		return nil, err
	}
	var found []Delivery
	for _, d := range all {
		if strings.EqualFold(d.Recipient, rcpt) {
			found = append(found, d)
		}
	}
	return found, nil
}

// Await waits until n messages were delivered to rcpt.
func Await(ctx context.Context, m MTA, rcpt string, n int) ([]Delivery, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		found, err := Find(m, rcpt)
		if err != nil || len(found) >= n {
			return found, err
		}
		select {
		case <-ctx.Done():
			return found, fmt.Errorf("%w: %s delivered %d messages to %s, not %d", errGaveUp, m.Name(), len(found), rcpt, n)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// AwaitHeld waits until a message to rcpt is held.
func AwaitHeld(ctx context.Context, m MTA, rcpt string) (Held, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		held, err := m.Held(ctx)
		if err != nil {
			return Held{}, err
		}
		for _, h := range held {
			if strings.Contains(strings.ToLower(h.Text), strings.ToLower(rcpt)) {
				return h, nil
			}
		}
		select {
		case <-ctx.Done():
			return Held{}, fmt.Errorf("%w: %s holds no message for %s", errGaveUp, m.Name(), rcpt)
		case <-time.After(100 * time.Millisecond):
		}
	}
}
