package received

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/postvet/postvet/cmd/postvet/internal/reports"
	"github.com/postvet/postvet/policy/dmarc/report"
	"github.com/postvet/postvet/policy/reportmail"
	"github.com/postvet/postvet/policy/tlsrpt"
)

// Replay passes a report that was kept to a sink, as a [Reader] passed it when it came.
// A document that cannot be read comes to the sink too; the error is the sink's.
func Replay(kept *reports.Received, sink Sink) error {
	rep := &Report{
		Place: Place{File: kept.Place}, Kind: Kind(kept.Kind), Deviations: kept.Findings, Content: kept.Content,
		Mail: &reportmail.Mail{From: kept.From, Subject: kept.Subject, MessageID: kept.MessageID},
	}
	if rep.Err = replay(kept, rep, sink); rep.Err != nil {
		var s errSink
		if errors.As(rep.Err, &s) {
			return s.error
		}
		rep.Err = fmt.Errorf("the copy in the store cannot be read: %w", rep.Err)
	}
	return sink.End(rep)
}

// maxReplayed bounds what is read of a report.
const maxReplayed = 1 << 30

func replay(kept *reports.Received, rep *Report, sink Sink) error {
	zip, err := gzip.NewReader(bytes.NewReader(kept.Document))
	if err != nil {
		return err
	}
	d := json.NewDecoder(io.LimitReader(zip, maxReplayed))
	switch kept.Kind {
	case reports.ReceivedFailure:
		rep.Failure = &report.Failure{}
		return d.Decode(rep.Failure)
	case reports.ReceivedTLS:
		rep.TLS = &tlsrpt.Report{}
		return d.Decode(rep.TLS)
	}
	reading := &report.Reading{Deviations: kept.Findings, Content: kept.Content}
	if err := json.Unmarshal(kept.Head, &reading.Head); err != nil {
		return err
	}
	for {
		r := &report.Record{}
		err := d.Decode(r)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		reading.Records++
		reading.Messages += r.Count
		if err := sink.Record(rep.Place, &reading.Head, r); err != nil {
			return errSink{err}
		}
	}
	rep.Aggregate = reading
	return nil
}
