package reportmail

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"errors"
	"io"
	"mime/quotedprintable"
	"strings"
)

// decode takes the transfer encoding off (RFC 2045 section 6). What is no base64 though
// it is declared so stays, and base64 that is not declared is known by how an archive,
// XML or JSON begins in it.
func (w *walk) decode(in *bufio.Reader, declared string) (*bufio.Reader, error) {
	begin, err := peek(in)
	if err != nil {
		return nil, err
	}
	is := sniff(begin)
	switch declared = strings.ToLower(strings.TrimSpace(declared)); {
	case declared == "base64" && is != isOther && is != isHTML:
		w.note(Transfer, "base64 is declared, but it is not")
	case declared == "base64":
		return fromBase64(in), nil
	case declared == "quoted-printable":
		return bufio.NewReaderSize(quotedprintable.NewReader(in), peekSize), nil
	case is == isOther && looksLikeBase64(begin):
		w.note(Transfer, "base64 is not declared")
		return fromBase64(in), nil
	}
	return in, nil
}

// looksLikeBase64 reports whether a text is base64 of an archive, of XML or of JSON.
func looksLikeBase64(begin []byte) bool {
	text := bytes.TrimLeft(begin, " \t\r\n")
	for _, head := range []string{"H4sI", "UEsDB", "PD94bWw", "PGZlZWRiYWNr", "77u/PD94", "eyJ", "ewog", "ewo"} {
		if bytes.HasPrefix(text, []byte(head)) {
			line, _, _ := bytes.Cut(text, []byte("\n"))
			line = bytes.TrimRight(line, "\r ")
			return len(line) >= 16 && len(bytes.Trim(line, base64Letters+"=")) == 0
		}
	}
	return false
}

const base64Letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

// fromBase64 returns a reader of what stands in base64 (RFC 2045 section 6.8): other
// characters are passed over, and the first "=" ends it.
func fromBase64(in *bufio.Reader) *bufio.Reader {
	decoder := base64.NewDecoder(base64.RawStdEncoding, &letters{in: in})
	return bufio.NewReaderSize(wholeQuanta{decoder}, peekSize)
}

// letters reads the characters of base64 alone.
type letters struct {
	in    *bufio.Reader
	ended bool
}

func (l *letters) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) && !l.ended {
		if n > 0 && l.in.Buffered() == 0 {
			return n, nil
		}
		b, err := l.in.ReadByte()
		if errors.Is(err, io.EOF) {
			l.ended = true
			break
		}
		if err != nil {
			return n, err
		}
		switch {
		case b == '=':
			l.ended = true
		case strings.IndexByte(base64Letters, b) >= 0:
			p[n] = b
			n++
		}
	}
	if n == 0 && l.ended {
		return 0, io.EOF
	}
	return n, nil
}

// wholeQuanta ends where a last character stands alone, which encodes no octet.
type wholeQuanta struct{ r io.Reader }

func (w wholeQuanta) Read(p []byte) (int, error) {
	n, err := w.r.Read(p)
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, new(base64.CorruptInputError)) {
		err = io.EOF
	}
	return n, err
}
