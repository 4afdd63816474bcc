// Package tolerantxml reads XML as programs write it that put texts together by hand:
// with bare "&" and "<", control characters, octets of another encoding, end tags that
// are missing. Each such fault is noted, so that a document without a note is well-formed
// XML 1.0 with namespaces.
//
// encoding/xml stops at the first fault, and has no way to go on. Where it accepts a
// document, this package reads the same; tests hold both against each other.
//
// A document is hostile until it is read. There are no entities but the predefined ones
// and those of HTML, a document type is refused, and names, attributes, texts and depth
// are bounded. Nothing is kept but the names of the elements that are open.
package tolerantxml

import (
	"errors"

	"github.com/postvet/postvet/policy/deviation"
)

// The errors after which nothing can be read.
var (
	// ErrDoctype is the error for a document type. It could define entities that grow
	// without bound, or that name files.
	ErrDoctype = errors.New("it has a document type (DOCTYPE), which no report needs and an attack uses")
	// ErrNotXML is the error for a text without any element.
	ErrNotXML = errors.New("it is not XML")
	// ErrTooDeep is the error for elements in one another beyond MaxDepth.
	ErrTooDeep = errors.New("its elements are nested too deeply")
	// ErrCutOff is the error for a document that ends inside an element other than the
	// root.
	ErrCutOff = errors.New("it is cut off")
)

// The limits.
const (
	// MaxDepth is how many elements may be open.
	MaxDepth = 32
	// MaxText bounds the text of one element in octets; the rest is left out.
	MaxText       = 4 << 10
	maxName       = 256
	maxAttributes = 32
	maxValue      = 1 << 10
)

// The names of deviations.
const (
	Encoding       = "encoding"        // octets that are not of the declared encoding, or no such encoding
	Declaration    = "xml-declaration" // a declaration that is broken or misplaced
	Unescaped      = "unescaped"       // a bare "&" or "<", or "]]>"
	HTMLEntity     = "html-entity"     // an entity of HTML
	Control        = "control"         // a character that XML does not allow
	Unclosed       = "unclosed"        // an end tag is missing
	Unopened       = "unopened"        // an end tag without a start tag
	Attribute      = "attribute"       // an attribute without quotes, twice or without white space before it
	Prefix         = "prefix"          // a prefix that no xmlns declares
	Outside        = "outside"         // text before or behind the document
	Markup         = "markup"          // other markup that is not well-formed
	LongText       = "long-text"       // a text that was cut
	InvalidNames   = "names"           // a name that is none in XML
	NotVersion1    = "xml-version"     // XML 1.1 or another version
	namespaceOfXML = "http://www.w3.org/XML/1998/namespace"
)

// Kind is a kind of token.
type Kind int

// The kinds.
const (
	Start Kind = iota
	End
	Text
)

// Token is a piece of a document.
type Token struct {
	Kind Kind
	// Name is the name of an element without its prefix, Space its namespace. An End has
	// those of the element that it ends.
	Name, Space string
	// Attributes are those of a Start without declarations of namespaces.
	Attributes []Attr
	// Text is a piece of text.
	Text string
	Line int
}

// Attr is an attribute.
type Attr struct{ Name, Space, Value string }

// Deviations returns what was noted so far.
func (s *Scanner) Deviations() deviation.List { return s.list }
