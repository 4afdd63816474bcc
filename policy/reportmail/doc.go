// Package reportmail finds the reports of other receivers in what arrives: a message, an
// attachment, a compressed file. It says where each document lies and hands it on as a
// stream; what the document says is for the packages of its standard.
//
// It goes by the first octets of a thing. Reporters call gzip zip and zip gzip, say
// application/octet-stream or text/plain of all, write ContentType for Content-Type, and
// forward reports inside of other messages.
//
// Senders are strangers, so everything is bounded: the size of a message and of what it
// unpacks to, which is counted as it comes and not read from a header, the depth of parts
// and of archives, and their number. Nothing is kept whole but a zip archive, whose
// directory is at its end.
package reportmail

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/postvet/postvet/policy/deviation"
	"github.com/postvet/postvet/policy/message"
)

// The limits.
const (
	// MaxMessage bounds a message in octets, MaxPacked an archive, MaxUnpacked one
	// document when unpacked.
	MaxMessage  = 25 << 20
	MaxPacked   = 10 << 20
	MaxUnpacked = 64 << 20

	maxDepth   = 8   // of parts inside of parts
	maxParts   = 100 // of a message
	maxMembers = 10  // of a zip archive
	maxPacks   = 2   // archives inside of archives
	maxFields  = 64 << 10
	maxHeader  = 512 << 10
	maxText    = 4 << 10
)

// The errors. A reader of a document returns the first ones.
var (
	ErrMessageTooLarge = fmt.Errorf("the message is larger than %d MB", MaxMessage>>20)
	ErrPackedTooLarge  = fmt.Errorf("the archive is larger than %d MB", MaxPacked>>20)
	ErrTooLarge        = fmt.Errorf("it is larger than %d MB when unpacked", MaxUnpacked>>20)
	ErrNested          = fmt.Errorf("more than %d archives are inside of one another", maxPacks)
	ErrTooManyParts    = fmt.Errorf("the message has more than %d parts", maxParts)
	ErrTooManyMembers  = fmt.Errorf("the zip archive has more than %d files; the others were not read, so unpack it", maxMembers)
	ErrTooDeep         = fmt.Errorf("the message has parts inside of one another beyond %d levels", maxDepth)
	ErrNoReport        = errors.New("no report is in it")
)

// The names of deviations.
const (
	HeaderName     = "content-type-name" // ContentType for Content-Type
	NoContentType  = "content-type"      // a multipart message that does not say so
	Transfer       = "transfer-encoding" // base64 that is not declared, or declared and none
	MediaType      = "media-type"        // the declared type is not what it is
	DoublePacked   = "packed-twice"      // an archive inside of an archive
	SeveralMembers = "several-members"   // a zip archive with several documents
	OtherMembers   = "other-members"     // files in a zip archive that are no documents
	BehindGzip     = "behind-gzip"       // octets behind the end of a gzip file
	BrokenMember   = "unreadable-member" // a member of a zip archive that cannot be opened
	Forwarded      = "forwarded"         // a report in a message inside of the message
	NoBoundaryEnd  = "boundary"          // the last boundary is missing
	ByteOrderMark  = "byte-order-mark"   // a byte order mark before JSON or a message
	CutFields      = "long-feedback"     // a feedback report that was cut
)

// Kind is a kind of document.
type Kind string

// The kinds: XML is an aggregate report (RFC 9990), JSON a TLS report (RFC 8460), Feedback
// a report about a message (RFC 5965). An XML or JSON document may turn out to be none.
const (
	XML      Kind = "xml"
	JSON     Kind = "json"
	Feedback Kind = "feedback"
)

// Document is a document that was found.
type Document struct {
	Kind Kind
	// Where is where it lies, from the outside: "part 2, gzip"; "" for all of the input.
	Where string
	// Name is the name of the file that it was sent as, "" for none. It may be anything.
	Name string
	// Body is the document; of Feedback it is the fields of the report. It may be read
	// until the function returns that got it.
	Body io.Reader
	// Intro is the text before a feedback report, and Sample the header of the message
	// that it is about.
	Intro  string
	Sample message.Header
	// Mail is the message that it came in; nil for none.
	Mail *Mail

	walk *walk
}

// Deviations are those of the way to the document, as far as Body was read.
func (d *Document) Deviations() deviation.List { return slices.Clone(d.walk.list) }

// Mail is the message around a document, as it says of itself.
type Mail struct {
	From, To, Subject, Date, MessageID string
}
