package sign

import (
	"slices"
	"time"

	"github.com/postvet/postvet/policy/addrlist"
	"github.com/postvet/postvet/policy/message"
)

// SealOptions say which messages are forwarded, and so sealed (RFC 8617). The zero value
// seals none.
type SealOptions struct {
	// Recipients are domains whose mail is sent on to other hosts. It is sealed when it
	// arrives, with the results that were found then.
	Recipients *addrlist.List
	// Sockets, Daemons, Networks and Local are as in [Options]. They name the clients
	// that hand in again what came from outside before, perhaps changed: mailing lists,
	// forwarders, content filters. It is sealed with the results in the fields of ours
	// that it has from its arrival. Such clients are trusted not to write these fields.
	Sockets, Daemons []string
	Networks         *addrlist.List
	Local            bool
}

// At returns the options as they are at a time: entries of their lists may have an end.
func (o SealOptions) At(t time.Time) SealOptions {
	o.Recipients, o.Networks = o.Recipients.At(t), o.Networks.At(t)
	return o
}

// HandsOn reports whether a client hands in what came from outside before. A user who has
// logged in writes messages of their own.
func (o SealOptions) HandsOn(c message.Client, s message.Sender) bool {
	switch {
	case s.User != "":
		return false
	case named(o.Sockets, c.Socket), named(o.Daemons, c.Listener):
		return true
	case c.Local:
		return o.Local
	}
	return c.IP.IsValid() && o.Networks.Address(c.IP)
}

// Forwards reports whether mail of one of the recipients is sent on to other hosts.
func (o SealOptions) Forwards(recipients []string) bool {
	return slices.ContainsFunc(recipients, o.Recipients.DomainOf)
}

// The reasons why a message is not sealed, in the order of the questions. Those of the
// key and of the limits are the same as for signatures.
const (
	NotForwarded      Reason = "not-forwarded"      // it is not forwarded mail
	NotDelivered      Reason = "not-delivered"      // it is refused, deferred or discarded
	NoResults         Reason = "no-results"         // nobody found out who sent it when it arrived
	ResultsUnreadable Reason = "results-unreadable" // a field of ours cannot be read
	ChainFailed       Reason = "chain-failed"       // a hop before has marked its chain as failed
	ChainUndecided    Reason = "chain-undecided"    // it is not known whether its chain is valid
	ChainChanged      Reason = "chain-changed"      // its chain is not the one that was verified
	ChainFull         Reason = "chain-full"         // its chain has 50 sets
	Fault             Reason = "fault"              // an internal error
)

// SealReasons returns all reasons why a message is not sealed.
func SealReasons() []Reason {
	return []Reason{
		NotForwarded, Oversize, NotDelivered, NoResults, ResultsUnreadable, AuthorAmbiguous, ChainFailed, ChainUndecided, ChainChanged, ChainFull,
		NoKey, KeyUnreadable, KeyUnpublished, KeyMismatch, Fault,
	}
}
