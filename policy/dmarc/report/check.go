package report

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/postvet/postvet/policy/dmarc/report/tolerantxml"
	"github.com/postvet/postvet/policy/foreign"
)

// Problem is one place where a document is not as RFC 9990 has it.
type Problem struct {
	Line    int    `json:"line"`
	Element string `json:"element"`
	// Rule is the rule that is broken, and what the document has.
	Rule string `json:"rule"`
	// Remedy is what to do.
	Remedy string `json:"remedy"`
	// Warning is true if the document is valid all the same.
	Warning bool `json:"warning"`
}

// maxProblems bounds the problems of one document that are returned.
const maxProblems = 100

// Verdict is what Check found in a document.
type Verdict struct {
	// Problems are in the order of the document, at most 100; More is how many others
	// there are.
	Problems []Problem
	More     int
	// Records and Messages are the numbers of records and of their messages.
	Records  int
	Messages int64

	invalid bool
}

// Valid reports whether a receiver must take the document.
func (v *Verdict) Valid() bool { return !v.invalid }

// checker is the state of Check.
type checker struct {
	Verdict
	doc      *document
	policy   publishedPolicy
	next     int // the first of children that may still come
	had      [5]int
	lastLine int
}

// Check holds an aggregate report against RFC 9990: the schema of its appendix A, and what
// its text says beyond. Records are checked one by one. The error is that of r; a text that
// is no XML has a problem.
func Check(r io.Reader) (Verdict, error) {
	doc, err := newDocument(r)
	c := &checker{doc: doc}
	if err == nil {
		err = c.check()
	}
	c.xml()
	switch {
	case errors.Is(err, tolerantxml.ErrNotXML), errors.Is(err, tolerantxml.ErrDoctype), errors.Is(err, tolerantxml.ErrTooDeep),
		errors.Is(err, tolerantxml.ErrCutOff), errors.Is(err, errNoReport):
		c.wrong(doc.in.Line(), "", err.Error(), "write a document as in RFC 9990 appendix B")
		err = nil
	}
	slices.SortStableFunc(c.Problems, func(a, b Problem) int { return a.Line - b.Line })
	return c.Verdict, err
}

// wrong notes a problem.
func (c *checker) wrong(line int, element, rule, remedy string) {
	c.add(Problem{Line: line, Element: element, Rule: rule, Remedy: remedy})
}

// odd notes a problem of a valid document.
func (c *checker) odd(line int, element, rule, remedy string) {
	c.add(Problem{Line: line, Element: element, Rule: rule, Remedy: remedy, Warning: true})
}

func (c *checker) add(p Problem) {
	c.invalid = c.invalid || !p.Warning
	if len(c.Problems) >= maxProblems {
		c.More++
		return
	}
	c.Problems = append(c.Problems, p)
}

// xml notes what is not well-formed.
func (c *checker) xml() {
	for _, d := range c.doc.deviations() {
		switch d.Name {
		case tolerantxml.Encoding:
			c.wrong(d.Line, d.Element, d.Text, "write UTF-8")
		case tolerantxml.LongText:
			c.odd(d.Line, d.Element, d.Text, "write less")
		default:
			c.wrong(d.Line, d.Element, "not well-formed XML: "+d.Text, remedies[d.Name])
		}
	}
}

// remedies are those of faults of the XML.
var remedies = map[string]string{
	tolerantxml.Declaration: `begin with <?xml version="1.0" encoding="UTF-8"?>`,
	tolerantxml.Unescaped:   "write &lt; for <, and &amp; for &",
	tolerantxml.HTMLEntity:  "write the character itself, in UTF-8",
	tolerantxml.Control:     "replace characters that XML does not allow",
	tolerantxml.Unclosed:    "write the end tag",
	tolerantxml.Unopened:    "take the end tag out",
	tolerantxml.Attribute:   "write each attribute once, with its value in quotes",
	tolerantxml.Prefix:      "declare the prefix by xmlns",
	tolerantxml.Outside:     "write nothing before and behind the document",
	tolerantxml.NotVersion1: "write XML 1.0",
}

// check reads the document behind its root's start tag.
func (c *checker) check() error {
	root := c.doc.root
	if len(c.doc.above) > 0 || root.Name != "feedback" {
		c.wrong(root.Line, "feedback", "RFC 9990 section 3.1.1.1: the root element is feedback", "write nothing around it, in lower case")
	}
	if root.Space != Namespace {
		c.wrong(root.Line, "feedback", "RFC 9990 section 3.1.1.1: its namespace is "+Namespace+has(root.Space), `write <feedback xmlns="`+Namespace+`">`)
	}
	c.attributes(&node{name: "feedback", line: root.Line, attributes: root.Attributes}, false)
	for {
		n, err := c.doc.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		c.lastLine = n.line
		c.child(n)
	}
	for i, s := range children {
		if c.had[i] < s.least {
			c.wrong(c.lastLine, s.name, fmt.Sprintf("RFC 9990 section %s: %s is missing", s.section, s.name), "write it; without a record there is no report")
		}
	}
	if c.doc.stray {
		c.wrong(root.Line, "feedback", "text stands between its elements", "take it out")
	}
	if c.doc.cut > 0 {
		c.odd(c.lastLine, "", fmt.Sprintf("an element has more than %d elements inside; the others were not checked", maxNodes), "")
	}
	return nil
}

// has returns what was found instead.
func has(found string) string {
	if found == "" {
		return ", and it has none"
	}
	return ", not " + foreign.Word(found, 80)
}

// child checks a child of the root.
func (c *checker) child(n *node) {
	at := slices.IndexFunc(children, func(s *schema) bool { return s.name == n.name })
	if at < 0 || n.space != c.doc.root.Space {
		c.unknown(n, "feedback", `put it inside of "extension"`)
		return
	}
	s := children[at]
	switch {
	case c.had[at] > 0 && s.most == 1:
		c.wrong(n.line, n.name, "RFC 9990 section 3.1.1.2: "+n.name+" stands there once", "leave the second out")
	case at < c.next:
		c.wrong(n.line, n.name, "RFC 9990 section 3.1.1.2: "+n.name+" stands before "+children[c.next].name, "keep the order version, report_metadata, policy_published, extension, record")
	default:
		c.next = at
	}
	c.had[at]++
	c.element(n, s, c.doc.root.Space)
	switch n.name {
	case "version":
		c.version(n)
	case "report_metadata":
		c.metadata(n)
	case "policy_published":
		c.published(n)
	case "record":
		c.Records++
		c.record(n)
	}
}

// unknown notes an element that is not in the schema.
func (c *checker) unknown(n *node, in, remedy string) {
	if known, ok := former[n.name]; ok {
		remedy = known
	}
	c.wrong(n.line, foreign.Line(n.name, 60), "RFC 9990 appendix A: "+in+" has no element "+foreign.Word(n.name, 60), remedy)
}

// element checks an element and what is inside against the schema.
func (c *checker) element(n *node, s *schema, space string) {
	c.attributes(n, s.lang)
	if s.inside == nil {
		c.value(n, s)
		return
	}
	if n.text != "" {
		c.wrong(n.line, n.name, "RFC 9990 appendix A: "+n.name+" has elements, and no text", "take the text out")
	}
	count, last := make([]int, len(s.inside)), 0
	others, disordered := false, false
	for _, k := range n.kids {
		at := slices.IndexFunc(s.inside, func(i *schema) bool { return i.name == k.name })
		if at < 0 || k.space != space {
			others = true
			c.other(k, s, space)
			continue
		}
		i := s.inside[at]
		if count[at]++; i.most == 1 && count[at] > 1 {
			c.wrong(k.line, k.name, fmt.Sprintf("RFC 9990 section %s: %s stands there once", i.section, k.name), "leave the second out")
		}
		if s.ordered && !disordered && (at < last || others && s.anyBehind) {
			disordered = true
			c.wrong(k.line, k.name, fmt.Sprintf("RFC 9990 appendix A: %s stands before what follows it in the schema", k.name), "write in the order "+order(s))
		}
		last = max(last, at)
		c.element(k, i, space)
	}
	for at, i := range s.inside {
		if count[at] < i.least {
			c.wrong(n.line, i.name, fmt.Sprintf("RFC 9990 section %s: %s lacks %s", i.section, n.name, i.name), "write it")
		}
	}
}

// other checks an element that the schema does not name. Extensions must have a namespace
// of their own (RFC 9990 section 5).
func (c *checker) other(k *node, s *schema, space string) {
	switch {
	case !s.anyBehind:
		c.unknown(k, s.name, "leave it out")
	case k.space == "" || k.space == space:
		c.unknown(k, s.name, "give an extension a namespace of its own, by a URI (RFC 9990 section 5)")
	}
}

func order(s *schema) string {
	var all []string
	for _, i := range s.inside {
		all = append(all, i.name)
	}
	return strings.Join(all, ", ")
}

// language is the form of xs:language.
var language = regexp.MustCompile(`^[a-zA-Z]{1,8}(-[a-zA-Z0-9]{1,8})*$`)

// attributes checks the attributes of an element. Those of the schema's own namespace may
// stand everywhere.
func (c *checker) attributes(n *node, lang bool) {
	for _, a := range n.attributes {
		switch {
		case a.Space == "http://www.w3.org/2001/XMLSchema-instance":
		case !lang || a.Name != "lang" || a.Space != "":
			c.wrong(n.line, n.name, fmt.Sprintf("RFC 9990 appendix A: %s has no attribute %s", n.name, foreign.Word(a.Name, 60)), "leave it out")
		case !language.MatchString(strings.TrimSpace(a.Value)):
			c.wrong(n.line, n.name, "lang is no language"+has(a.Value), "write one such as en")
		}
	}
}

var (
	integerForm = regexp.MustCompile(`^[+-]?[0-9]+$`)
	decimalForm = regexp.MustCompile(`^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)$`)
)

// value checks the value of an element.
func (c *checker) value(n *node, s *schema) {
	rule := fmt.Sprintf("RFC 9990 section %s: ", s.section)
	switch {
	case len(n.kids) > 0:
		c.wrong(n.line, n.name, "RFC 9990 appendix A: "+n.name+" has a text, and no elements", "take the elements out")
	case s.words != nil && !slices.Contains(s.words, n.raw):
		c.wrong(n.line, n.name, rule+n.name+" is one of "+strings.Join(s.words, ", ")+has(n.raw), wordRemedy(n, s))
	case s.value == integerValue && !integerForm.MatchString(n.text):
		c.wrong(n.line, n.name, rule+n.name+" is a whole number"+has(n.text), "write digits alone")
	case s.value == decimalValue && !decimalForm.MatchString(n.text):
		c.wrong(n.line, n.name, rule+n.name+" is a number"+has(n.text), "write 1.0")
	}
}

// wordRemedy returns the word that was meant, or says to choose.
func wordRemedy(n *node, s *schema) string {
	lower := strings.ToLower(n.text)
	switch {
	case slices.Contains(s.words, lower):
		return "write " + lower
	case n.text == "" && s.least == 0:
		return "leave the element out"
	case n.name == "scope" && lower == "helo":
		return "write mfrom; with a null sender the domain is that of HELO"
	case n.name == "type" && (lower == "forwarded" || lower == "sampled_out"):
		return "write other, with a comment"
	}
	return "write one of them"
}
