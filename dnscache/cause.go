package dnscache

import (
	"errors"
	"slices"
	"syscall"
)

// Cause is whose failure it is that a lookup failed. The zero value means that nobody
// knows, since the caller did not wait for the end.
type Cause uint8

const (
	// CauseName means that the servers of the name fail, or its zone is bogus, while
	// the resolver answers for others. A sender can cause that.
	CauseName Cause = iota + 1
	// CauseResolver means that the resolver refuses connections or questions, answers
	// for no other name either, or does not answer at all.
	CauseResolver
	// CauseHost means that this machine cannot ask. It has no descriptor, port,
	// memory, route or permission left for a query.
	CauseHost
)

// Ours reports whether the failure says nothing about the name, so that the lookup is
// retried, and its result not kept.
func (c Cause) Ours() bool { return c == CauseResolver || c == CauseHost }

// String returns the name that logs use.
func (c Cause) String() string {
	switch c {
	case CauseName:
		return "name"
	case CauseResolver:
		return "resolver"
	case CauseHost:
		return "host"
	}
	return "unknown"
}

// hostErrors are the errors by which the system says that this machine cannot send a
// query. EHOSTUNREACH may also be the word of a router, which is no resolver either.
var hostErrors = [...]error{
	syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.EAGAIN,
	syscall.EADDRNOTAVAIL, syscall.EADDRINUSE, syscall.ENETUNREACH, syscall.EHOSTUNREACH,
	syscall.ENETDOWN, syscall.EPERM, syscall.EACCES, syscall.EAFNOSUPPORT,
}

// exhaustions are those of hostErrors that say nothing about an upstream: this machine has
// too little of something at the moment.
var exhaustions = [...]error{
	syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.EAGAIN,
	syscall.EADDRNOTAVAIL, syscall.EADDRINUSE,
}

// exhausted reports whether this machine had too little of something for a query.
func exhausted(err error) bool {
	return slices.ContainsFunc(exhaustions[:], func(e error) bool { return errors.Is(err, e) })
}

// causeOf returns the cause of an error that a query ended in without a response. It is
// never the name, which the error cannot depend on.
func causeOf(err error) Cause {
	for _, e := range hostErrors {
		if errors.Is(err, e) {
			return CauseHost
		}
	}
	return CauseResolver
}
