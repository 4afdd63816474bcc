package reportmail

import (
	"bufio"
	"fmt"
	"io"
	"mime"
	"regexp"
	"strings"

	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/message"
)

// scope is what one message has for a feedback report (RFC 5965 section 2).
type scope struct {
	intro  string
	fields string
	sample message.Header
}

// message reads a message.
func (w *walk) message(header message.Header, body io.Reader, depth int) error {
	if depth > maxDepth {
		return ErrTooDeep
	}
	outer := w.mail
	w.mail = &Mail{
		From: value(header, "From"), To: value(header, "To"), Subject: message.DecodeWords(value(header, "Subject")),
		Date: value(header, "Date"), MessageID: value(header, "Message-ID"),
	}
	defer func() { w.mail = outer }()
	s := &scope{}
	if err := w.entity(header, body, depth, s); err != nil {
		return err
	}
	if s.fields == "" {
		return nil
	}
	return w.emit(&Document{Kind: Feedback, Body: strings.NewReader(s.fields), Intro: s.intro, Sample: s.sample})
}

// value returns the text of the first field with a name, on one line and of bounded
// length.
func value(header message.Header, name string) string {
	for _, f := range header {
		if f.Is(name) {
			return strings.TrimSpace(foreign.Cut(unfold.Replace(f.Value()), maxText))
		}
	}
	return ""
}

var unfold = strings.NewReplacer("\r\n", "", "\n", "")

// entity reads a message or a part of one (RFC 2045 section 2.4).
func (w *walk) entity(header message.Header, body io.Reader, depth int, s *scope) error {
	if depth > maxDepth {
		return ErrTooDeep
	}
	if w.parts++; w.parts > maxParts {
		return ErrTooManyParts
	}
	declared := value(header, "Content-Type")
	if declared == "" {
		if declared = value(header, "ContentType"); declared != "" {
			w.note(HeaderName, "the field ContentType stands for Content-Type")
		}
	}
	kind, parameters := mediaType(declared)
	in := bufio.NewReaderSize(body, peekSize)
	if boundary := parameters["boundary"]; strings.HasPrefix(kind, "multipart/") && boundary != "" {
		return w.multipart(in, boundary, depth, s)
	}
	name := fileName(header, parameters)
	if boundary := w.boundaryOf(in, kind); boundary != "" {
		return w.multipart(in, boundary, depth, s)
	}
	r, err := w.decode(in, value(header, "Content-Transfer-Encoding"))
	if err != nil {
		return err
	}
	if kind == "message/rfc822" || kind == "message/global" {
		return w.inner(r, depth, s)
	}
	return w.leaf(r, kind, name, depth, s)
}

// boundaryLine is the first line of a multipart body.
var boundaryLine = regexp.MustCompile(`^\s*--([0-9A-Za-z'()+_,./:=? -]{1,69}[0-9A-Za-z'()+_,./:=?-])[ \t]*\r?\n(?i:Content-[A-Za-z-]+|ContentType)[ \t]*:`)

// boundaryOf returns the boundary of a body that is multipart without being declared so;
// "" for others.
func (w *walk) boundaryOf(in *bufio.Reader, kind string) string {
	if kind != "" && kind != "text/plain" && !strings.HasPrefix(kind, "multipart/") {
		return ""
	}
	begin, _ := in.Peek(peekSize)
	m := boundaryLine.FindSubmatch(begin)
	if m == nil {
		return ""
	}
	w.note(NoContentType, "a message has parts, and no Content-Type that says so")
	return string(m[1])
}

// parameter finds parameters in a field that is not well-formed.
var parameter = regexp.MustCompile(`(?i)\b(boundary|name|filename)\s*=\s*(?:"([^"]*)"|([^\s";]+))`)

// mediaType parses a Content-Type, as far as it can be.
func mediaType(s string) (kind string, parameters map[string]string) {
	kind, parameters, err := mime.ParseMediaType(s)
	if err == nil {
		return kind, parameters
	}
	kind, rest, _ := strings.Cut(s, ";")
	parameters = map[string]string{}
	for _, m := range parameter.FindAllStringSubmatch(rest, -1) {
		parameters[strings.ToLower(m[1])] = m[2] + m[3]
	}
	return strings.ToLower(strings.TrimSpace(kind)), parameters
}

// fileName returns the name of the file that a part was sent as.
func fileName(header message.Header, parameters map[string]string) string {
	if disposition := value(header, "Content-Disposition"); disposition != "" {
		if _, more := mediaType(disposition); more["filename"] != "" {
			return foreign.Cut(more["filename"], maxText)
		}
	}
	return foreign.Cut(parameters["name"], maxText)
}

// multipart reads the parts of a body.
func (w *walk) multipart(in *bufio.Reader, boundary string, depth int, s *scope) error {
	parts := &parts{in: in, boundary: "--" + boundary}
	for n := 1; ; n++ {
		if !parts.next() {
			if parts.err == nil && !parts.ended {
				w.note(NoBoundaryEnd, "the last boundary of a message is missing")
			}
			return parts.err
		}
		header, body, err := split(parts)
		if err != nil {
			return err
		}
		back := w.at(fmt.Sprintf("part %d", n))
		err = w.entity(header, body, depth+1, s)
		back()
		if err != nil {
			return err
		}
	}
}

// newReader returns a reader of a message or of a part. The headers of all parts that are
// open are in memory.
func newReader(r io.Reader) *message.Reader {
	m := message.NewReader(r)
	m.LimitHeader(maxHeader)
	return m
}

// split reads the header of a message or of a part, and returns it with the body.
func split(r io.Reader) (header message.Header, body io.Reader, err error) {
	m := newReader(r)
	if header, err = m.Header(); err != nil {
		return header, nil, err
	}
	body, err = m.Body()
	return header, body, err
}

// inner reads a message inside of a message: the one that a feedback report is about,
// whose header alone is looked at, or one that was forwarded.
func (w *walk) inner(r *bufio.Reader, depth int, s *scope) error {
	if s.fields != "" {
		return s.takeSample(r)
	}
	header, body, err := split(r)
	if err != nil {
		return err
	}
	w.inside++
	defer func() { w.inside-- }()
	return w.message(header, body, depth+1)
}

// takeSample reads the header of the message that a feedback report is about.
func (s *scope) takeSample(r io.Reader) error {
	if s.sample != nil {
		return nil
	}
	header, err := message.NewReader(io.LimitReader(r, maxFields)).Header()
	s.sample = header
	return err
}

// leaf reads a part that is no message and has no parts.
func (w *walk) leaf(r *bufio.Reader, kind, name string, depth int, s *scope) error {
	begin, err := peek(r)
	if err != nil {
		return err
	}
	switch is := sniff(begin); {
	case is == isGzip || is == isZip:
		if !declares(kind, is) {
			w.note(MediaType, "an archive is declared as %s", foreign.Word(kind, 60))
		}
		return w.unpack(r, name, 0, func(r *bufio.Reader, packs int) error { return w.unpacked(r, name, packs) })
	case is == isXML:
		return w.emit(&Document{Kind: XML, Name: name, Body: r})
	case is == isJSON:
		return w.emit(&Document{Kind: JSON, Name: name, Body: w.withoutMark(r)})
	case is == isHTML:
	case kind == "message/feedback-report", s.fields == "" && isFeedback(begin):
		if kind != "message/feedback-report" {
			w.note(MediaType, "a feedback report is declared as %s", foreign.Word(kind, 60))
		}
		text, err := io.ReadAll(io.LimitReader(r, maxFields+1))
		if len(text) > maxFields {
			w.note(CutFields, "the feedback report is longer than %d octets; the rest is not read", maxFields)
			text = text[:maxFields]
		}
		s.fields = string(text)
		return err
	case s.fields != "" && (kind == "text/rfc822-headers" || kind == "message/rfc822-headers" || looksLikeHeader(begin)):
		return s.takeSample(r)
	case strings.HasPrefix(kind, "application/") && looksLikeHeader(begin):
		w.note(MediaType, "a message is declared as %s", foreign.Word(kind, 60))
		return w.inner(r, depth, s)
	case kind == "" || kind == "text/plain":
		if s.intro == "" {
			s.intro = strings.TrimSpace(foreign.Cut(string(begin), maxText))
		}
	}
	if kind == "" {
		kind = "what begins with " + foreign.Quote(string(begin[:min(len(begin), 60)]), 60)
	}
	w.pass(foreign.Line(kind, 80))
	return nil
}

// declares reports whether a media type says that a part is gzip, or zip.
func declares(media string, is kind) bool {
	return strings.Contains(media, "gzip") == (is == isGzip) && strings.Contains(media, "zip")
}

// unpacked reads what was inside of an attachment.
func (w *walk) unpacked(r *bufio.Reader, name string, packs int) error {
	begin, err := peek(r)
	if err != nil {
		return err
	}
	switch sniff(begin) {
	case isGzip, isZip:
		return w.unpack(r, name, packs, func(r *bufio.Reader, packs int) error { return w.unpacked(r, name, packs) })
	case isJSON:
		return w.emit(&Document{Kind: JSON, Name: name, Body: w.withoutMark(r)})
	}
	return w.emit(&Document{Kind: XML, Name: name, Body: r}) // the error of the reader says more
}

// feedbackFields find a feedback report by its fields, and the text by which Exim and
// others report.
var feedbackFields = regexp.MustCompile(`(?im)^(?:Feedback-Type|Auth-Failure)[ \t]*:|^A message claiming to be from you has failed`)

func isFeedback(begin []byte) bool { return feedbackFields.Match(begin) }

// headerFields find a header that is sent as a text.
var headerFields = regexp.MustCompile(`(?im)\A(?:[!-9;-~]+[ \t]*:.*\r?\n(?:[ \t]+.*\r?\n)*)*(?:Received|From|DKIM-Signature|Message-ID)[ \t]*:`)

func looksLikeHeader(begin []byte) bool { return headerFields.Match(begin) }
