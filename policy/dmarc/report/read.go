package report

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/postvet/postvet/policy/deviation"
	"github.com/postvet/postvet/policy/foreign"
)

// MaxRecords is how many records of one report are read.
const MaxRecords = 500_000

// ErrTooManyRecords is the error for a report with more than MaxRecords records.
var ErrTooManyRecords = fmt.Errorf("it has more than %d records", MaxRecords)

// Reading is what Read found in an aggregate report.
type Reading struct {
	Head Head
	// Records and Messages are the numbers of records and of their messages.
	Records  int
	Messages int64
	// Deviations are what was repaired, in the order found.
	Deviations deviation.List
	// Content identifies the content, whatever the white space and the order of
	// elements.
	Content [sha256.Size]byte
}

// Key identifies a report: reporter, domain, id and period. A Report-ID alone does not:
// reporters use one twice.
func (r *Reading) Key() string {
	h := &r.Head
	return fmt.Sprintf("%q %q %q %d %d", strings.ToLower(h.OrgName+" "+h.Email), h.Policy.Domain, h.ReportID, seconds(h.Begin), seconds(h.End))
}

func seconds(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}

// maxEarly bounds the records that are kept until the head is complete.
const maxEarly = 1000

// reader is the state of Read.
type reader struct {
	Reading
	doc     *document
	most    int // records
	each    func(*Head, *Record) error
	early   []*Record // records before the whole head
	seen    map[string]bool
	content hash.Hash
}

// Read reads an aggregate report. It calls each with every record, and the head as far
// as it is known then; a report that has the head behind its records is rare, and its
// first 1000 records wait for it. An error of each ends the reading.
//
// The error is one of package tolerantxml, that of r or of each, or says that the
// document is no report or has too many records. Records were passed to each before it
// perhaps; such a report does not count as read.
func Read(r io.Reader, each func(*Head, *Record) error) (Reading, error) {
	return readUpTo(MaxRecords, r, each)
}

// readUpTo is Read for at most so many records.
func readUpTo(most int, r io.Reader, each func(*Head, *Record) error) (Reading, error) {
	doc, err := newDocument(r)
	s := &reader{doc: doc, most: most, each: each, seen: map[string]bool{}, content: sha256.New()}
	s.Head.Errors = []string{}
	if err == nil {
		err = s.read()
	}
	xml := doc.deviations()
	xml.Merge(s.Deviations)
	s.Deviations = xml
	return s.Reading, err
}

// read reads the document behind its root's start tag.
func (s *reader) read() error {
	s.root()
	for {
		n, err := s.doc.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if err := s.child(n); err != nil {
			return err
		}
	}
	if err := s.release(); err != nil {
		return err
	}
	s.finish()
	return nil
}

// root looks at the root and what is around it.
func (s *reader) root() {
	line := s.doc.root.Line
	s.Head.Namespace = s.doc.root.Space
	if len(s.doc.above) > 0 {
		s.note(Wrapped, line, "feedback", "stands inside of the element %s", foreign.Word(s.doc.above[0], 60))
	}
	switch {
	case s.Head.Namespace == Namespace:
	case s.Head.Namespace == "":
		s.note(OldForm, line, "feedback", "has no namespace, as in RFC 7489")
	default:
		s.note(OtherNamespace, line, "feedback", "has the namespace %s, not that of RFC 9990", foreign.Word(s.Head.Namespace, 100))
	}
	if s.doc.root.Name != "feedback" {
		s.note(ElementName, line, "feedback", "is written %s", foreign.Word(s.doc.root.Name, 60))
	}
}

func (s *reader) note(name string, line int, element, format string, args ...any) {
	s.Deviations.Add(name, line, element, format, args...)
}

// child reads a child of the root.
func (s *reader) child(n *node) error {
	name := s.rename(n)
	if name != "record" && s.seen[name] {
		s.note(Repeated, n.line, name, "stands there twice; the first counts")
		return nil
	}
	switch name {
	case "version":
		s.Head.Version = n.text
	case "report_metadata":
		s.metadata(n)
	case "policy_published":
		s.policy(n)
	case "record":
		return s.record(n)
	case "extension", "extensions":
		return nil
	default:
		s.unknown(n)
		return nil
	}
	s.seen[name] = true
	if s.whole() {
		return s.release()
	}
	return nil
}

// whole reports whether the head is known.
func (s *reader) whole() bool { return s.seen["report_metadata"] && s.seen["policy_published"] }

// record reads a record, and passes it on if the head is known.
func (s *reader) record(n *node) error {
	if s.Records >= s.most {
		return ErrTooManyRecords
	}
	r := s.newRecord(n)
	s.Records++
	s.Messages += r.Count
	s.hash(r)
	if !s.whole() && s.Records <= maxEarly {
		s.early = append(s.early, r)
		return nil
	}
	if err := s.release(); err != nil {
		return err
	}
	return s.each(&s.Head, r)
}

// release passes the records on that have waited for the head.
func (s *reader) release() error {
	for _, r := range s.early {
		if err := s.each(&s.Head, r); err != nil {
			return err
		}
	}
	s.early = nil
	return nil
}

// finish looks for what is missing.
func (s *reader) finish() {
	for _, name := range []string{"report_metadata", "policy_published"} {
		if !s.seen[name] {
			s.note(Missing, 0, name, "is missing")
		}
	}
	if s.Records == 0 {
		s.note(NoRecords, 0, "record", "there is none: the report says nothing")
	}
	if s.doc.stray {
		s.note(StrayText, 0, "feedback", "has text between its elements")
	}
	if s.doc.cut > 0 {
		s.note(TooMany, 0, "", "an element has more than %d elements inside; %d were left out", maxNodes, s.doc.cut)
	}
	s.hash(s.Head)
	copy(s.Content[:], s.content.Sum(nil))
}

// hash adds a value to what identifies the content.
func (s *reader) hash(v any) {
	text, _ := json.Marshal(v) // plain values
	_, _ = s.content.Write(text)
}

// rename returns the name of an element as RFC 9990 has it, and gives it to the node and
// those inside it.
func (s *reader) rename(n *node) string {
	if n.space != "" && n.space != s.Head.Namespace {
		return n.name
	}
	lower := strings.ToLower(n.name)
	if lower != n.name {
		s.note(ElementName, n.line, lower, "is written %s", foreign.Word(n.name, 60))
	}
	if lower == "identities" {
		s.note(ElementName, n.line, "identifiers", "is called identities")
		lower = "identifiers"
	}
	n.name = lower
	for _, k := range n.kids {
		s.rename(k)
	}
	return lower
}

// unknown notes an element that no report has. One in a namespace of its own is an
// extension (RFC 9990 section 5).
func (s *reader) unknown(n *node) {
	if n.space != "" && n.space != s.Head.Namespace {
		return
	}
	s.note(UnknownElement, n.line, foreign.Line(n.name, 60), "is not known; it is ignored")
}

// only notes the children of an element that are not among names, and those that stand
// there twice though they may not.
func (s *reader) only(n *node, many string, names ...string) {
	for i, k := range n.kids {
		if !slices.Contains(names, k.name) {
			s.unknown(k)
			continue
		}
		if k.name != many && slices.ContainsFunc(n.kids[:i], func(b *node) bool { return b.name == k.name }) {
			s.note(Repeated, k.line, k.name, "stands there twice; the first counts")
		}
	}
}
