package received

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/input"
	"github.com/postvet/postvet/cmd/postvet/internal/mailbox"
	"github.com/postvet/postvet/policy/deviation"
	"github.com/postvet/postvet/policy/dmarc/report"
	"github.com/postvet/postvet/policy/reportmail"
	"github.com/postvet/postvet/policy/tlsrpt"
)

// Reader reads reports from files. It remembers which ones it has read.
type Reader struct {
	sink Sink
	seen map[string][]known // by key
	held int                // records that are held back at most
	last *Report            // the last one of an input, until all of that is read; nil for none
	own  deviation.List     // those of last itself, without the way to it
	ends time.Time          // when reading ends; zero for never
}

// known is a report that was read.
type known struct {
	content [32]byte
	place   Place
}

// New returns a reader that passes reports to a sink.
func New(sink Sink) *Reader { return &Reader{sink: sink, seen: map[string][]known{}, held: maxHeld} }

// errSink is the error of a sink, which ends all reading.
type errSink struct{ error }

func (e errSink) Unwrap() error { return e.error }

// File reads a file or a pipe. What cannot be read comes to the sink; the error is the
// sink's.
func (r *Reader) File(name string) error {
	f, err := input.Open(name)
	if err != nil {
		return r.end(&Report{Place: Place{File: name}, Err: input.Cause(err)})
	}
	defer f.Close()
	return r.Read(f, name)
}

// Read reads an input; name is for a person.
func (r *Reader) Read(in io.Reader, name string) error {
	buffered := bufio.NewReaderSize(in, 64<<10)
	place := Place{File: name}
	if !isMail(buffered) {
		notes, err := reportmail.Read(buffered, func(d *reportmail.Document) error { return r.document(place, d) })
		return r.finish(place, notes, err)
	}
	box, err := mailbox.NewReader(buffered, name)
	if err != nil {
		return r.end(&Report{Place: place, Err: err})
	}
	for n := 1; ; n++ {
		m, err := box.Next()
		switch {
		case errors.Is(err, io.EOF) && n == 1:
			return r.end(&Report{Place: place, Err: reportmail.ErrNoReport})
		case errors.Is(err, io.EOF):
			return nil
		}
		if n > 1 {
			place.Message = n
		}
		if err == nil {
			err = r.message(place, m)
		} else {
			err = r.end(&Report{Place: place, Err: err})
		}
		if err != nil || m == nil {
			return err
		}
	}
}

// ErrTooLong is the error for a message that takes too long to read.
var ErrTooLong = errors.New("reading it takes too long; it is made to cost time")

// Mail reads one message, and ends after a time.
func (r *Reader) Mail(in io.Reader, place Place, most time.Duration) error {
	r.ends = time.Now().Add(most)
	notes, err := reportmail.Read(r.timed(in), func(d *reportmail.Document) error { return r.document(place, d) })
	return r.finish(place, notes, err)
}

// timed returns a reader that ends with r.ends.
func (r *Reader) timed(in io.Reader) io.Reader {
	if r.ends.IsZero() {
		return in
	}
	return timed{in, r.ends}
}

type timed struct {
	io.Reader
	ends time.Time
}

func (t timed) Read(p []byte) (int, error) {
	if time.Now().After(t.ends) {
		return 0, ErrTooLong
	}
	return t.Reader.Read(p)
}

// isMail reports whether an input is a message or a mailbox, perhaps compressed, by how
// it begins.
func isMail(in *bufio.Reader) bool {
	begin, _ := in.Peek(32 << 10)
	if bytes.HasPrefix(begin, []byte{0x1f, 0x8b}) {
		z, err := gzip.NewReader(bytes.NewReader(begin))
		if err != nil {
			return false
		}
		begin = make([]byte, 4096)
		n, _ := io.ReadFull(z, begin)
		begin = begin[:n]
	}
	return reportmail.LooksLikeMail(begin)
}

// message reads a message of a mailbox.
func (r *Reader) message(place Place, m *mailbox.Message) error {
	body, err := m.Body()
	if err != nil {
		return r.end(&Report{Place: place, Err: err})
	}
	notes, err := reportmail.ReadMessage(m.Header, body, func(d *reportmail.Document) error { return r.document(place, d) })
	return r.finish(place, notes, err)
}

// finish handles the end of an input. Its last report has what was noted behind it too;
// without a report, the error has that.
func (r *Reader) finish(place Place, notes deviation.List, err error) error {
	var s errSink
	if errors.As(err, &s) {
		return s.error
	}
	if r.last != nil {
		notes.Merge(r.own)
		r.last.Deviations, notes = notes, nil
		if err := r.endLast(); err != nil {
			return err
		}
	}
	if err == nil {
		return nil
	}
	return r.end(&Report{Place: place, Deviations: notes, Err: err})
}

// endLast passes the last report on, if it waits.
func (r *Reader) endLast() error {
	last := r.last
	r.last, r.own = nil, nil
	if last == nil {
		return nil
	}
	return r.end(last)
}

// end passes a report on.
func (r *Reader) end(rep *Report) error { return r.sink.End(rep) }

// document reads a document. The report of it waits for the next one or the end.
func (r *Reader) document(place Place, d *reportmail.Document) error {
	if err := r.endLast(); err != nil {
		return errSink{err}
	}
	place.Where = d.Where
	rep := &Report{Place: place, Mail: d.Mail}
	d.Body = r.timed(d.Body)
	var err error
	switch d.Kind {
	case reportmail.XML:
		rep.Kind = Aggregate
		err = r.aggregate(rep, d)
	case reportmail.JSON:
		rep.Kind = TLS
		var t tlsrpt.Report
		if t, err = tlsrpt.Read(d.Body); err == nil {
			rep.TLS = &t
			rep.Deviations.Merge(t.Deviations)
			r.compare(rep, "tls "+t.Key(), contentOf(t))
		}
	case reportmail.Feedback:
		rep.Kind = Failure
		var f report.Failure
		if f, err = report.ReadFailure(d.Body, d.Sample); err == nil {
			rep.Failure = &f
			rep.Deviations.Merge(f.Deviations)
			r.compare(rep, fmt.Sprintf("failure %x", contentOf(f)), contentOf(f))
		}
	}
	var s errSink
	if errors.As(err, &s) {
		return err
	}
	if d.Mail != nil && err == nil {
		compareReporter(&rep.Deviations, rep, authorOf(d.Mail.From))
	}
	way := d.Deviations()
	way.Merge(rep.Deviations)
	r.last, r.own = rep, rep.Deviations
	rep.Err, rep.Deviations = err, way
	return nil
}
