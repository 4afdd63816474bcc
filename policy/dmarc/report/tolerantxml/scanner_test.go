package tolerantxml_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/policy/dmarc/report/tolerantxml"
)

// read returns a document as one line: "<name" for a start with its namespace in braces,
// ">" for an end, and the text between.
func read(r io.Reader) (string, []string, error) {
	s := tolerantxml.New(r)
	var b strings.Builder
	for {
		t, err := s.Next()
		if err != nil {
			var names []string
			for _, d := range s.Deviations() {
				names = append(names, d.Name)
			}
			slices.Sort(names)
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return b.String(), names, err
		}
		switch t.Kind {
		case tolerantxml.Start:
			b.WriteString("<" + t.Name)
			if t.Space != "" {
				b.WriteString("{" + t.Space + "}")
			}
			for _, a := range t.Attributes {
				b.WriteString(" " + a.Name + "=" + a.Value)
			}
			b.WriteString("|")
		case tolerantxml.End:
			b.WriteString(">")
		case tolerantxml.Text:
			b.WriteString(t.Text)
		}
	}
}

func TestWellFormed(t *testing.T) {
	t.Parallel()
	utf16LE := []byte{0xff, 0xfe}
	for _, u := range utf16.Encode([]rune("<?xml version=\"1.0\" encoding=\"utf-16\"?><a>\u00fc</a>")) {
		utf16LE = append(utf16LE, byte(u), byte(u>>8))
	}
	for _, tc := range []struct{ name, text, want string }{
		{"plain", "<a><b>x</b></a>", "<a|<b|x>>"},
		{"empty element", "<a><b/><c x='1' /></a>", "<a|<b|><c x=1|>>"},
		{"default namespace", `<a xmlns="urn:x"><b/></a>`, "<a{urn:x}|<b{urn:x}|>>"},
		{"namespace undone", `<a xmlns="urn:x"><b xmlns=""/><c/></a>`, "<a{urn:x}|<b|><c{urn:x}|>>"},
		{"prefix", `<d:a xmlns:d="urn:x" d:l="1"><b/></d:a>`, "<a{urn:x} l=1|<b|>>"},
		{"references", "<a>&lt;&#65;&#x42;&amp;&gt;&apos;&quot;</a>", `<a|<AB&>'">`},
		{"CDATA", "<a>x<![CDATA[<&]]]]>y</a>", "<a|x<&]]y>"},
		{"comments and instructions", "<?xml version='1.0' encoding='UTF-8' standalone='yes'?>\n<!-- - --><a><!--x--><?p q?>y</a><!---->\n", "<a|y>"},
		{"byte order mark", "\xef\xbb\xbf<a/>", "<a|>"},
		{"line ends", "<a>x\r\ny\rz</a>", "<a|x\ny\nz>"},
		{"windows-1252", "<?xml version=\"1.0\" encoding=\"windows-1252\"?><a>\xfc\x80</a>", "<a|\u00fc\u20ac>"},
		{"UTF-16", string(utf16LE), "<a|\u00fc>"},
	} {
		got, notes, err := read(strings.NewReader(tc.text))
		if got != tc.want || err != nil || len(notes) > 0 {
			t.Errorf("%s: %q %q %v, want %q", tc.name, got, notes, err, tc.want)
		}
	}
}

func TestRepairs(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, text, want, notes string }{
		{"address in brackets", "<a><e>Ann <ann@x.example></e></a>", "<a|<e|Ann <ann@x.example>>>", "unescaped"},
		{"bare ampersand", "<a>A & B &co; &</a>", "<a|A & B &co; &>", "unescaped"},
		{"entity of HTML", "<a>&uuml;&nbsp;</a>", "<a|\u00fc\u00a0>", "html-entity"},
		{"control characters", "<a>x\x00\x1by&#0;&#x1b;z</a>", "<a|xyz>", "control"},
		{"end tag missing", "<a><b>x<c>y</c></a>", "<a|<b|x<c|y>>>", "unclosed"},
		{"root not closed", "<a><b>x</b>\n", "<a|<b|x>\n>", "unclosed"},
		{"end tag too many", "<a>x</b></a>", "<a|x>", "unopened"},
		{"end tag in capitals", "<a><b>x</B></a>", "<a|<b|x>>", "unclosed"},
		{"declaration without its end", "<?xml version=\"1.0\" encoding=\"UTF-8\"><a/>", "<a|>", "xml-declaration"},
		{"declaration with a quote too many", "<?xml version=\"1.0\"?\"><a/>", "<a|>", "xml-declaration"},
		{"declaration behind an empty line", "\n<?xml version=\"1.0\"?><a/>", "<a|>", "xml-declaration"},
		{"XML 1.1", "<?xml version=\"1.1\"?><a/>", "<a|>", "xml-version"},
		{"no such encoding", "<?xml version=\"1.0\" encoding=\"nonsense\"?><a>\xc3\xbc</a>", "<a|\u00fc>", "encoding"},
		{"encoding that lies", "<?xml version=\"1.0\" encoding=\"UTF-8\"?><a>\xfcber</a>", "<a|\u00fcber>", "encoding"},
		{"UTF-16 that is none", "<?xml version=\"1.0\" encoding=\"utf-16\"?><a>x</a>", "<a|x>", "encoding"},
		{"prefix without declaration", "<x:a>y</x:a>", "<a|y>", "prefix"},
		{"attribute without quotes", "<a b=1>x</a>", "<a b=1|x>", "attribute"},
		{"attribute twice", "<a b='1' b='2'/>", "<a b=1 b=2|>", "attribute"},
		{"text around", "x<a/>y", "<a|>", "outside"},
		{"two documents", "<a/><b/>", "<a|>", "outside"},
		{"section end in text", "<a>x]]>y</a>", "<a|x]]>y>", "unescaped"},
	} {
		got, notes, err := read(strings.NewReader(tc.text))
		if got != tc.want || err != nil || strings.Join(notes, " ") != tc.notes {
			t.Errorf("%s: %q %q %v, want %q %q", tc.name, got, notes, err, tc.want, tc.notes)
		}
		if xml.Unmarshal([]byte(tc.text), new(struct{})) == nil && tc.notes != "outside" && tc.notes != "attribute" && tc.notes != "prefix" && tc.notes != "xml-declaration" {
			t.Errorf("%s: encoding/xml finds nothing wrong", tc.name)
		}
	}
}

func TestUnreadable(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	for _, tc := range []struct {
		name string
		r    io.Reader
		want error
		text string
	}{
		{"empty", strings.NewReader(" \n"), tolerantxml.ErrNotXML, "it is not XML; it has no element"},
		{"a word", strings.NewReader("unused\x1b"), tolerantxml.ErrNotXML, `it is not XML; it begins with "unused\x1b"`},
		{"DOCTYPE", strings.NewReader(`<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "x">]><a>&b;</a>`), tolerantxml.ErrDoctype, ""},
		{"doctype inside", strings.NewReader("<a><!doctype b></a>"), tolerantxml.ErrDoctype, ""},
		{"cut off", strings.NewReader("<a><b>x"), tolerantxml.ErrCutOff, ""},
		{"too deep", strings.NewReader(strings.Repeat("<a>", 1000)), tolerantxml.ErrTooDeep, ""},
		{"broken reader", io.MultiReader(strings.NewReader("<a><b>"), failing{broken}), broken, ""},
	} {
		_, _, err := read(tc.r)
		if !errors.Is(err, tc.want) || tc.text != "" && err.Error() != tc.text {
			t.Errorf("%s: %v, want %v", tc.name, err, tc.want)
		}
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// TestBounds: whatever is too long is cut, and the rest is read on.
func TestBounds(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 100<<10)
	for _, tc := range []struct{ name, text, want string }{
		{"text", "<a><b>" + long + "</b><c>y</c></a>", "long-text"},
		{"white space", "<a><b>x</b>" + strings.Repeat("\n    ", 2000) + "</a>", ""},
		{"name", "<a><" + long + ">z</" + long + "></a>", "long-text unescaped unopened"},
		{"attribute", "<a b='" + long + "'/>", ""},
		{"attributes", "<a " + strings.Repeat("b='1' ", 1000) + "/>", "attribute markup"},
		{"namespaces", "<a " + strings.Repeat("xmlns:b='1' ", 1000) + "/>", "markup"},
		{"instruction", "<?p " + long + "?><a/>", ""},
	} {
		got, notes, err := read(strings.NewReader(tc.text))
		if err != nil || strings.Join(notes, " ") != tc.want || len(got) > 3*tolerantxml.MaxText {
			t.Errorf("%s: %d octets, %q, %v", tc.name, len(got), notes, err)
		}
	}
}

// FuzzScanner holds the scanner against encoding/xml: a document without a note is one
// that encoding/xml reads, as the same.
func FuzzScanner(f *testing.F) {
	for _, s := range []string{
		"<a><b>x</b></a>", "<a>A & B</a>", `<d:a xmlns:d="urn:x" d:l="1"><b/></d:a>`, "<a>&uuml;&#0;</a>", "<a b=1>x</a>", "x<a/>y",
		"<?xml version=\"1.0\" encoding=\"UTF-8\"?><a>\xfcber</a>", "<a><!DOCTYPE b></a>", "<a>x<![CDATA[<&]]></a>", "\xff\xfe<\x00a\x00/\x00>\x00", "<?xml version='1.0'?\"><a/>",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, document []byte) {
		got, notes, err := read(bytes.NewReader(document))
		if err != nil || len(notes) > 0 || bytes.Contains(document, []byte("encoding")) || bytes.HasPrefix(document, []byte("\xff\xfe")) || bytes.HasPrefix(document, []byte("\xfe\xff")) || bytes.IndexByte(document, 0) >= 0 {
			return
		}
		want, err := standard(document)
		if err != nil {
			t.Fatalf("encoding/xml: %v; read without a note as %q", err, got)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Fatalf("encoding/xml reads it otherwise (-want +got):\n%s", d)
		}
	})
}

// standard is read by encoding/xml.
func standard(document []byte) (string, error) {
	d := xml.NewDecoder(bytes.NewReader(document))
	var b strings.Builder
	depth := 0
	for {
		t, err := d.Token()
		if errors.Is(err, io.EOF) {
			return b.String(), nil
		}
		if err != nil {
			return "", err
		}
		switch t := t.(type) {
		case xml.StartElement:
			depth++
			b.WriteString("<" + t.Name.Local)
			if t.Name.Space != "" {
				b.WriteString("{" + t.Name.Space + "}")
			}
			for _, a := range t.Attr {
				if a.Name.Space != "xmlns" && a.Name != (xml.Name{Local: "xmlns"}) {
					value := strings.NewReplacer("\n", " ", "\t", " ").Replace(a.Value)
					b.WriteString(" " + a.Name.Local + "=" + value)
				}
			}
			b.WriteString("|")
		case xml.EndElement:
			depth--
			b.WriteString(">")
		case xml.CharData:
			if depth > 0 {
				b.Write(t)
			}
		}
	}
}
