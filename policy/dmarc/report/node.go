package report

import (
	"errors"
	"io"
	"strings"

	"github.com/postvet/postvet/policy/deviation"
	"github.com/postvet/postvet/policy/dmarc/report/tolerantxml"
)

// maxNodes bounds the elements inside one child of the root. A record with a hundred
// signatures (RFC 9990 section 3.1.3) has some 520.
const maxNodes = 2000

// node is an element with all that is inside it.
type node struct {
	name, space string
	line        int
	text        string // without white space around it
	raw         string
	attributes  []tolerantxml.Attr
	kids        []*node
}

// kid returns the first child with a name; nil if there is none.
func (n *node) kid(name string) *node {
	if n != nil {
		for _, k := range n.kids {
			if k.name == name {
				return k
			}
		}
	}
	return nil
}

// document reads the children of a report's root one after the other.
type document struct {
	in   *tolerantxml.Scanner
	root tolerantxml.Token // without what is inside
	// above are the elements around the root, which should have none.
	above []string
	// stray is text between the children.
	stray bool
	// cut is the number of elements left out for their number.
	cut int
}

// errNoReport is the error for XML that is no aggregate report.
var errNoReport = errors.New(`it is no aggregate report; it has no element "feedback"`)

// newDocument goes to the root.
func newDocument(r io.Reader) (*document, error) {
	d := &document{in: tolerantxml.New(r)}
	for {
		t, err := d.in.Next()
		switch {
		case errors.Is(err, io.EOF):
			return d, errNoReport
		case err != nil:
			return d, err
		case t.Kind == tolerantxml.Start && strings.EqualFold(t.Name, "feedback"):
			d.root = t
			return d, nil
		case t.Kind == tolerantxml.Start:
			d.above = append(d.above, t.Name)
		}
	}
}

// deviations are those of the XML.
func (d *document) deviations() deviation.List { return d.in.Deviations() }

// next returns the next child of the root; io.EOF behind the last one.
func (d *document) next() (*node, error) {
	for {
		t, err := d.in.Next()
		switch {
		case err != nil:
			return nil, err
		case t.Kind == tolerantxml.Start:
			return d.read(t)
		case t.Kind == tolerantxml.End:
			return nil, d.finish()
		case strings.TrimSpace(t.Text) != "":
			d.stray = true
		}
	}
}

// finish reads what stands behind the root.
func (d *document) finish() error {
	for {
		if _, err := d.in.Next(); err != nil {
			return err
		}
	}
}

// read reads an element to its end.
func (d *document) read(start tolerantxml.Token) (*node, error) {
	first := newNode(start)
	open, nodes := []*node{first}, 1
	texts := []*strings.Builder{{}}
	for len(open) > 0 {
		t, err := d.in.Next()
		if err != nil {
			return nil, err
		}
		last := len(open) - 1
		switch t.Kind {
		case tolerantxml.Start:
			n := newNode(t)
			if nodes++; nodes <= maxNodes {
				open[last].kids = append(open[last].kids, n)
			} else {
				d.cut++
			}
			open, texts = append(open, n), append(texts, &strings.Builder{})
		case tolerantxml.Text:
			texts[last].WriteString(t.Text)
		case tolerantxml.End:
			open[last].raw = texts[last].String()
			open[last].text = strings.TrimSpace(open[last].raw)
			open, texts = open[:last], texts[:last]
		}
	}
	return first, nil
}

func newNode(t tolerantxml.Token) *node {
	return &node{name: t.Name, space: t.Space, line: t.Line, attributes: t.Attributes}
}
