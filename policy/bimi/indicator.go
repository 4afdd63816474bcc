package bimi

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
)

// MaxIndicator is how many octets a logo should have at most (section 2.4), and
// MaxEvidence how many of a certificate's file are read.
const (
	MaxIndicator = 32 << 10
	MaxEvidence  = 256 << 10
)

// maxElements bounds the elements of a logo that are read.
const maxElements = 20_000

// CheckIndicator says what is wrong with a logo, nil if nothing is: it must be SVG of the
// profile Tiny PS, which has neither scripts nor references to other files
// (draft-svg-tiny-ps-abrotman).
func CheckIndicator(file []byte) error {
	if len(file) > MaxIndicator {
		return fmt.Errorf("it has more than %d KB", MaxIndicator>>10)
	}
	d := xml.NewDecoder(bytes.NewReader(file))
	d.Strict = true
	root, title := false, false
	for n := 0; n < maxElements; n++ {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			switch {
			case !root:
				return errors.New("it has no svg element")
			case !title:
				return errors.New("it has no title element")
			}
			return nil
		}
		if err != nil {
			return errors.New("it is not well-formed XML")
		}
		if _, ok := token.(xml.Directive); ok {
			return errors.New("it has a document type or an entity, which are not allowed")
		}
		start, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		if !root {
			if err := checkRoot(start); err != nil {
				return err
			}
			root = true
			continue
		}
		title = title || start.Name.Local == "title"
		if err := checkElement(start); err != nil {
			return err
		}
	}
	return fmt.Errorf("it has more than %d elements", maxElements)
}

// checkRoot checks the first element.
func checkRoot(e xml.StartElement) error {
	attr := map[string]string{}
	for _, a := range e.Attr {
		attr[a.Name.Local] = a.Value
	}
	switch {
	case e.Name.Local != "svg" || e.Name.Space != "http://www.w3.org/2000/svg":
		return errors.New("it is no SVG")
	case attr["version"] != "1.2" || attr["baseProfile"] != "tiny-ps":
		return errors.New(`it is not of the profile version="1.2" baseProfile="tiny-ps"`)
	case attr["x"] != "" || attr["y"] != "":
		return errors.New("its svg element has x= or y=, which are not allowed")
	}
	return nil
}

// checkElement checks an element within the logo.
func checkElement(e xml.StartElement) error {
	switch strings.ToLower(e.Name.Local) {
	case "script", "image", "foreignobject", "animate", "animatemotion", "animatetransform", "animatecolor", "set", "video", "audio", "handler", "listener", "prefetch", "discard", "a":
		return fmt.Errorf("it has the element %s, which is not allowed", strings.ToLower(e.Name.Local))
	}
	for _, a := range e.Attr {
		if a.Name.Local == "href" && !strings.HasPrefix(a.Value, "#") {
			return errors.New("it refers to another file, which is not allowed")
		}
	}
	return nil
}
