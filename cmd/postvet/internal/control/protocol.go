// Package control is how an administrator talks to a running Postvet: a unix
// socket, the few things that can be asked there, and how the answers look on a
// terminal.
//
// One connection carries one request and one response, each a line of JSON, so
// that a person can speak it too:
//
//	echo '{"v":1,"do":"status"}' | socat - unix:/run/postvet/control.sock
//
// Only root, the user of the service and the members of one group are answered.
// The package decides nothing about mail; what a request does, its Handler does.
package control

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode"
)

// Version is that of the protocol. It changes when a request or a response gets
// another meaning; new fields of a response do not change it.
const Version = 1

const (
	// maxRequest is how long a request may be: a name of the DNS, escaped, and
	// little beside it.
	maxRequest = 4 << 10
	// maxResponse is what a client takes.
	maxResponse = 16 << 20
	// maxNameBytes bounds the name of a request. Lookups refuse longer ones.
	maxNameBytes = 1024
)

// What can be asked for.
const (
	DoStatus     = "status"
	DoReload     = "reload"
	DoLogLevel   = "log-level"
	DoCacheShow  = "cache-show"
	DoCacheFlush = "cache-flush"
)

// Request is one question or order. The fields that its Do does not know are
// refused when they are set.
type Request struct {
	V  int    `json:"v"`
	Do string `json:"do"`
	// Name and Below select answers of the cache: of the name, and of those
	// below it. Type is a mnemonic such as "TXT", "" for all. All is everything.
	Name  string `json:"name,omitempty"`
	Type  string `json:"type,omitempty"`
	Below bool   `json:"below,omitempty"`
	All   bool   `json:"all,omitempty"`
	// Level is the log level to set, "" to ask; For is after how many seconds
	// the one before returns, 0 for never.
	Level string `json:"level,omitempty"`
	For   int    `json:"for,omitempty"`
}

// maxFor is how long a log level may be set for, in seconds.
const maxFor = 7 * 24 * 3600

// Codes of a refusal.
const (
	CodeRequest = "request" // not understood
	CodeVersion = "version" // another version of the protocol
	CodeDenied  = "denied"  // the peer has no right to ask
	CodeBusy    = "busy"    // too many at once, or the time is wrong
	CodeRefused = "refused" // the configuration has faults, nothing changed
	CodeFailed  = "failed"  // it could not be done
)

// Response answers a request: with Result, or with Code and Errors.
type Response struct {
	V int `json:"v"`
	// Postvet is the version of the service.
	Postvet string   `json:"postvet"`
	Code    string   `json:"code,omitempty"`
	Errors  []string `json:"errors,omitempty"`
	// Result is what the request asked for, as JSON.
	Result json.RawMessage `json:"result,omitempty"`
}

// Refusal is an error with the code that a response carries; one line of Errors
// per thing that is wrong.
type Refusal struct {
	Code   string
	Errors []string
}

func (r *Refusal) Error() string { return strings.Join(r.Errors, "\n") }

func refuse(code, format string, args ...any) *Refusal {
	return &Refusal{Code: code, Errors: []string{fmt.Sprintf(format, args...)}}
}

// parseRequest reads one request, which whoever may connect has written.
func parseRequest(line []byte) (Request, *Refusal) {
	var q Request
	// What version it is, is asked first: another one may have other fields. It
	// also sees that nothing follows.
	var any struct {
		V *int `json:"v"`
	}
	if err := json.Unmarshal(line, &any); err != nil || any.V == nil {
		return q, refuse(CodeRequest, `not a request; write one line of JSON such as {"v":%d,"do":"status"}`, Version)
	}
	if *any.V != Version {
		return q, refuse(CodeVersion, "version %d of the control protocol is not spoken here, only %d; use the postvet command that belongs to the running service, or restart the service", *any.V, Version)
	}
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(&q); err != nil {
		return q, refuse(CodeRequest, "the request has a field that is unknown or of the wrong type; see \"postvet --help\" for what can be asked")
	}
	if problem := q.problem(); problem != "" {
		return Request{}, refuse(CodeRequest, "%s; see \"postvet --help\" for what can be asked", problem)
	}
	return q, nil
}

// problem says what is wrong with a request, "" for nothing.
func (q Request) problem() string {
	bare := Request{V: q.V, Do: q.Do}
	switch q.Do {
	case DoStatus, DoReload:
		if q != bare {
			return "this request takes no arguments"
		}
	case DoLogLevel:
		bare.Level, bare.For = q.Level, q.For
		switch {
		case q != bare:
			return "a log level has no name, type or below"
		case q.For < 0 || q.For > maxFor:
			return fmt.Sprintf("%d seconds are not between 0 and a week", q.For)
		case q.Level == "" && q.For != 0:
			return "a time without a level"
		case len(q.Level) > 16:
			return "no such level"
		}
	case DoCacheShow, DoCacheFlush:
		bare.Name, bare.Type, bare.Below, bare.All = q.Name, q.Type, q.Below, q.All
		switch {
		case q != bare:
			return "the cache has no level"
		case q.All == (q.Name != ""):
			return "a name or all, one of them"
		case len(q.Name) > maxNameBytes || strings.IndexFunc(q.Name, unicode.IsControl) >= 0:
			return "this is no name"
		case len(q.Type) > 16:
			return "no such type"
		case q.Do == DoCacheFlush && q.Type != "":
			return "flushing forgets all types"
		}
	default:
		return "there is no such request"
	}
	return ""
}

// marshalRequest returns the line that asks for q.
func marshalRequest(q Request) ([]byte, error) {
	q.V = Version
	b, err := json.Marshal(q)
	return append(b, '\n'), err
}

// LogLevel is the result of DoLogLevel.
type LogLevel struct {
	Level string `json:"level"`
	// Configured is the level of the configuration, to which a temporary one
	// returns.
	Configured string `json:"configured"`
	// Until is when that happens, nil for never.
	Until *time.Time `json:"until,omitempty"`
}

// Reload is the result of DoReload when the new configuration is in force.
type Reload struct {
	File string `json:"file"`
	// NeedsRestart names the keys that differ from those the service was started
	// with and that only a restart can change.
	NeedsRestart []string `json:"needs_restart,omitempty"`
}

// Flushed is the result of DoCacheFlush.
type Flushed struct {
	Answers int `json:"answers"`
}
