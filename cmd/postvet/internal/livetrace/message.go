package livetrace

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/postvet/postvet/filter"
	"github.com/postvet/postvet/policy/explain"
	"github.com/postvet/postvet/policy/result"
)

// Message is one message with its trace, as "postvet check --json --trace" prints it,
// with keys of its own in front.
type Message struct {
	At      time.Time `json:"at"` // of the verdict
	QueueID string    `json:"queue"`
	// Early is true if the message was refused before it was sent.
	Early bool `json:"early"`
	// LeftOut is how many messages before it were left out; the client sets it.
	LeftOut int64 `json:"left_out"`
	result.Report
}

// encode returns a decision as a Message in JSON.
func encode(d *filter.Decision) ([]byte, error) {
	r := *d.Results // which others read
	r.Header = nil
	r.Faults = slices.Concat(r.Faults, d.Faults)
	r.Trace = traceOf(d)
	return json.Marshal(Message{
		At: d.Ended.Add(d.Took), QueueID: d.QueueID, Early: d.Early,
		Report: result.Report{
			Results: &r, Verdict: d.Verdict, Shadow: d.Shadow,
			AuthenticationResults: strings.TrimSpace(d.Verdict.AuthenticationResults),
		},
	})
}

// traceOf returns the trace of a decision in order of time, with the verdict at its end.
func traceOf(d *filter.Decision) []result.Event {
	events := slices.Clone(d.Results.Trace)
	slices.SortStableFunc(events, func(a, b result.Event) int { return cmp.Compare(a.AtMS, b.AtMS) })
	if more := len(events) - maxEvents; more > 0 {
		events = append(events[:maxEvents], result.Event{
			AtMS: events[len(events)-1].AtMS, What: "message", Check: result.CheckMessage, Text: fmt.Sprintf("the trace has %d further lines", more),
		})
	}
	return append(events, explain.TraceVerdict(d.Results, &d.Verdict)...)
}
