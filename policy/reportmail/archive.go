package reportmail

import (
	"archive/zip"
	"bufio"
	"bytes"
	"cmp"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/postvet/postvet/policy/foreign"
)

// unpack reads a gzip file or a zip archive, and has what is inside read on.
func (w *walk) unpack(r *bufio.Reader, name string, packs int, inside func(*bufio.Reader, int) error) error {
	if packs++; packs > maxPacks {
		return ErrNested
	}
	if packs == 2 {
		w.note(DoublePacked, "an archive is inside of an archive")
	}
	packed := &limited{r: r, left: MaxPacked, err: ErrPackedTooLarge}
	begin, _ := r.Peek(2)
	if string(begin) == "PK" {
		return w.zip(packed, name, packs, inside)
	}
	defer w.at("gzip")()
	z, err := newGunzip(w, packed)
	if err != nil {
		return fmt.Errorf("the gzip file is damaged: %w", err)
	}
	return inside(bufio.NewReaderSize(&limited{r: z, left: MaxUnpacked, err: ErrTooLarge}, peekSize), packs)
}

var errGzipCutOff = errors.New("the gzip file is cut off")

// gunzip reads a gzip file, with all its members (RFC 1952 section 2.2), and notes what
// else is behind it.
type gunzip struct {
	w  *walk
	in *bufio.Reader
	z  *gzip.Reader
}

func newGunzip(w *walk, r io.Reader) (*gunzip, error) {
	in := bufio.NewReader(r)
	z, err := gzip.NewReader(in)
	if err != nil {
		return nil, err
	}
	z.Multistream(false)
	return &gunzip{w, in, z}, nil
}

func (g *gunzip) Read(p []byte) (int, error) {
	n, err := g.z.Read(p)
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return n, errGzipCutOff
	case !errors.Is(err, io.EOF):
		return n, err
	}
	next, err := g.in.Peek(2)
	switch {
	case err != nil && !errors.Is(err, io.EOF):
		return n, err
	case len(next) == 0:
		return n, io.EOF
	case !bytes.Equal(next, []byte{0x1f, 0x8b}):
		g.w.note(BehindGzip, "something stands behind the end of the gzip file; it is not read")
		return n, io.EOF
	}
	if err := g.z.Reset(g.in); err != nil {
		return n, err
	}
	g.z.Multistream(false)
	return n, nil
}

// brokenMember is the error for a file of a zip archive that cannot be read, and may be a
// report.
type brokenMember struct {
	name  string
	cause error
}

func (b *brokenMember) Error() string {
	return fmt.Sprintf("%s in the zip archive cannot be read: %s", foreign.Word(path.Base(b.name), 100), foreign.Line(b.cause.Error(), 100))
}

func (b *brokenMember) Unwrap() error { return b.cause }

// zip reads the documents of a zip archive.
func (w *walk) zip(r io.Reader, name string, packs int, inside func(*bufio.Reader, int) error) error {
	whole, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	archive, err := zip.NewReader(bytes.NewReader(whole), int64(len(whole)))
	if err != nil {
		return fmt.Errorf("the zip archive is damaged: %w", err)
	}
	read, others := 0, 0
	var broken *brokenMember // the first; those behind it are read all the same
	for _, f := range archive.File {
		if strings.HasSuffix(f.Name, "/") {
			continue
		}
		if read+others >= maxMembers {
			return ErrTooManyMembers // a deviation would be overlooked: reports may be left out
		}
		ok, err := w.member(f, packs, inside)
		var b *brokenMember
		switch {
		case errors.As(err, &b):
			broken = cmp.Or(broken, b)
		case err != nil:
			return err
		}
		if !ok {
			others++
			continue
		}
		if read++; read == 2 {
			w.note(SeveralMembers, "the zip archive has several documents")
		}
	}
	if broken != nil {
		return broken
	}
	if read == 0 {
		w.pass("a zip archive without a document")
	} else if others > 0 {
		w.note(OtherMembers, "the zip archive has other files too")
	}
	return nil
}

// member reads one member. It reports false for a file that is no document.
func (w *walk) member(f *zip.File, packs int, inside func(*bufio.Reader, int) error) (bool, error) {
	defer w.at("zip member " + foreign.Word(path.Base(f.Name), 100))()
	unpacked, err := f.Open()
	if err != nil {
		w.note(BrokenMember, "a file of the zip archive cannot be opened: %s", foreign.Line(err.Error(), 100))
		return false, &brokenMember{f.Name, err}
	}
	defer unpacked.Close()
	r := bufio.NewReaderSize(&limited{r: unpacked, left: MaxUnpacked, err: ErrTooLarge}, peekSize)
	begin, err := peek(r)
	if err != nil {
		w.note(BrokenMember, "a file of the zip archive cannot be read: %s", foreign.Line(err.Error(), 100))
		return false, &brokenMember{f.Name, err}
	}
	switch sniff(begin) {
	case isOther, isHTML:
		if !strings.EqualFold(path.Ext(f.Name), ".xml") {
			return false, nil
		}
		return true, w.emit(&Document{Kind: XML, Name: f.Name, Body: r})
	case isXML:
		return true, w.emit(&Document{Kind: XML, Name: f.Name, Body: r})
	case isJSON:
		return true, w.emit(&Document{Kind: JSON, Name: f.Name, Body: w.withoutMark(r)})
	}
	return true, inside(r, packs)
}
