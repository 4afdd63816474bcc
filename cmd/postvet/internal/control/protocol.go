// Package control lets an administrator talk to a running Postvet. It has the
// protocol of the control socket, its server and client, and the text of the
// answers for a terminal.
//
// One connection carries one request and one response, each a line of JSON, so
// that a person can speak it too. A trace has a response for each of its parts, until
// the client closes its end, and so has the snapshot of the cache. Behind the line of
// cache-load comes a snapshot, as it is:
//
//	echo '{"v":1,"do":"status"}' | socat - unix:/run/postvet/control.sock
//
// The server answers root, the user of the service and the members of one group.
// A Handler carries out the requests.
package control

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"
)

// Version is the version of the protocol. It changes when a request or a response
// gets another meaning. New fields of a response do not change it.
const Version = 1

const (
	// maxRequest bounds a request. The longest one holds a name of the DNS, escaped.
	maxRequest = 4 << 10
	// maxResponse bounds a response.
	maxResponse = 16 << 20
	// maxNameBytes bounds the name in a request. Lookups refuse longer ones.
	maxNameBytes = 1024
	// maxQuery bounds Request.Query.
	maxQuery = 3 << 10
)

// The requests.
const (
	DoStatus     = "status"
	DoReload     = "reload"
	DoLogLevel   = "log-level"
	DoCacheShow  = "cache-show"
	DoCacheFlush = "cache-flush"
	DoTrace      = "trace"

	// DoCacheExport asks for a snapshot of the cache, which comes in parts. DoCacheLoad
	// brings one, which follows the request. DoCacheFetch has the service fetch one.
	DoCacheExport = "cache-export"
	DoCacheLoad   = "cache-load"
	DoCacheFetch  = "cache-fetch"

	DoHistory       = "history"
	DoTop           = "top"
	DoExplain       = "explain"
	DoJournalStatus = "journal-status"
	DoJournalVerify = "journal-verify"
	DoJournalForget = "journal-forget"
)

// Request is one request. A field that does not belong to its Do must not be set.
type Request struct {
	V  int    `json:"v"`
	Do string `json:"do"`
	// Name selects the answers of the cache about a name, with Below also those
	// about the names below it. Type is a mnemonic such as "TXT", "" for all types.
	// All selects all answers.
	Name  string `json:"name,omitempty"`
	Type  string `json:"type,omitempty"`
	Below bool   `json:"below,omitempty"`
	All   bool   `json:"all,omitempty"`
	// Level is the log level to set, "" to get the current one. After For seconds
	// the configured level returns, unless For is 0.
	Level string `json:"level,omitempty"`
	For   int    `json:"for,omitempty"`
	// Client, From and Recipient select the messages that are traced, for For seconds
	// and at most Count messages; "" and 0 for all.
	Client    string `json:"client,omitempty"`
	From      string `json:"from,omitempty"`
	Recipient string `json:"rcpt,omitempty"`
	Count     int    `json:"count,omitempty"`
	// Query selects messages in the journal, as JSON of rows.Query, or with DoTop names,
	// as JSON of counts.Query.
	Query string `json:"query,omitempty"`
	// Source is where a snapshot of the cache is fetched from, "" for where the
	// configuration says.
	Source string `json:"source,omitempty"`
	// NoDNS has DoExplain not ask the DNS what it says today.
	NoDNS bool `json:"no_dns,omitempty"`
	// Body is what follows the request, with DoCacheLoad.
	Body io.Reader `json:"-"`
}

// Bounds of a trace. Without Request.For it lasts DefaultTrace.
const (
	DefaultTrace = 10 * time.Minute
	MaxTrace     = 24 * time.Hour
	MaxTraced    = 100_000 // messages
)

// maxFor bounds Request.For: a week.
const maxFor = 7 * 24 * 3600

// Codes of a refusal.
const (
	CodeRequest = "request" // not understood
	CodeVersion = "version" // another version of the protocol
	CodeDenied  = "denied"  // the peer may not ask
	CodeBusy    = "busy"    // too many requests at once, or the service stops
	CodeRefused = "refused" // the configuration has faults, and nothing changed
	CodeFailed  = "failed"  // the request could not be carried out
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

// Refusal is an error with the code of a response. Errors has a line for each
// fault.
type Refusal struct {
	Code   string
	Errors []string
}

func (r *Refusal) Error() string { return strings.Join(r.Errors, "\n") }

func refuse(code, format string, args ...any) *Refusal {
	return &Refusal{Code: code, Errors: []string{fmt.Sprintf(format, args...)}}
}

// parseRequest parses a request, which anybody who may connect has written.
func parseRequest(line []byte) (Request, *Refusal) {
	var q Request
	// The version comes first, since another one may have other fields. Unmarshal
	// also makes sure that nothing follows the request.
	var version struct {
		V *int `json:"v"`
	}
	if err := json.Unmarshal(line, &version); err != nil || version.V == nil {
		return q, refuse(CodeRequest, `not a request; write one line of JSON such as {"v":%d,"do":"status"}`, Version)
	}
	if *version.V != Version {
		return q, refuse(CodeVersion, "version %d of the control protocol is not spoken here, only %d; use the postvet command that belongs to the running service, or restart the service", *version.V, Version)
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

// problem returns what is wrong with a request, "" for nothing.
func (q Request) problem() string {
	bare := Request{V: q.V, Do: q.Do}
	switch q.Do {
	case DoHistory, DoExplain, DoTop, DoJournalForget:
		bare.Query, bare.NoDNS = q.Query, q.NoDNS
		switch {
		case q != bare || q.NoDNS && q.Do != DoExplain:
			return "a search in the journal has a query alone"
		case len(q.Query) > maxQuery || !json.Valid([]byte(q.Query)):
			return "this is no query"
		}
	case DoCacheFetch:
		bare.Source = q.Source
		switch {
		case q != bare:
			return "a snapshot has a source alone"
		case len(q.Source) > maxNameBytes || strings.IndexFunc(q.Source, unicode.IsControl) >= 0:
			return "this is no source"
		}
	case DoStatus, DoReload, DoJournalStatus, DoJournalVerify, DoCacheExport, DoCacheLoad:
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
	case DoTrace:
		bare.Client, bare.From, bare.Recipient, bare.For, bare.Count = q.Client, q.From, q.Recipient, q.For, q.Count
		switch {
		case q != bare:
			return "a trace has a client, a sender, a recipient, a time and a count alone"
		case q.For < 0 || q.For > int(MaxTrace/time.Second):
			return fmt.Sprintf("%d seconds are not between 0 and a day", q.For)
		case q.Count < 0 || q.Count > MaxTraced:
			return fmt.Sprintf("%d messages are not between 0 and %d", q.Count, MaxTraced)
		case max(len(q.Client), len(q.From), len(q.Recipient)) > maxNameBytes:
			return "this is no address"
		}
	default:
		return "there is no such request"
	}
	return ""
}

// marshalRequest returns the line of a request.
func marshalRequest(q Request) ([]byte, error) {
	q.V = Version
	b, err := json.Marshal(q)
	return append(b, '\n'), err
}

// LogLevel is the result of DoLogLevel.
type LogLevel struct {
	Level string `json:"level"`
	// Configured is the level of the configuration.
	Configured string `json:"configured"`
	// Until is when a temporary level ends and Configured returns, nil for never.
	Until *time.Time `json:"until,omitempty"`
}

// Reload is the result of DoReload when the new configuration is active.
type Reload struct {
	File string `json:"file"`
	// Changes says what the reload changed, one line for each key.
	Changes []string `json:"changes,omitempty"`
	// NeedsRestart names the keys whose values differ from those at the start and
	// that only a restart can change.
	NeedsRestart []string `json:"needs_restart,omitempty"`
}

// Flushed is the result of DoCacheFlush.
type Flushed struct {
	Answers int `json:"answers"`
}
