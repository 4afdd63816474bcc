package reportmail_test

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/reportmail"
)

const (
	xmlText  = `<?xml version="1.0"?><feedback><report_metadata/></feedback>`
	jsonText = `{"organization-name":"x"}`
)

func gz(t testing.TB, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := io.WriteString(w, text); err != nil || w.Close() != nil {
		t.Fatal(err)
	}
	return b.String()
}

// zipped is a zip archive of files: name, text, name, text.
func zipped(t testing.TB, files ...string) string {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for i := 0; i < len(files); i += 2 {
		f, err := w.Create(files[i])
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(f, files[i+1]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func b64(text string) string {
	s := base64.StdEncoding.EncodeToString([]byte(text))
	var b strings.Builder
	for len(s) > 76 {
		b.WriteString(s[:76] + "\r\n")
		s = s[76:]
	}
	return b.String() + s + "\r\n"
}

// mail is a message with parts; each is the header of a part, an empty line and its body.
func mail(parts ...string) string {
	return "From: a@reporter.example\r\nSubject: Report Domain: example.com\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"=_b\"\r\n\r\npreamble\r\n--=_b\r\n" +
		strings.Join(parts, "\r\n--=_b\r\n") + "\r\n--=_b--\r\nepilogue\r\n"
}

// search returns what is found: kind, place and text of each document, and the names of
// deviations.
func search(r io.Reader) (found []string, notes string, err error) {
	list, err := reportmail.Read(r, func(d *reportmail.Document) error {
		b, err := io.ReadAll(d.Body)
		text := string(b)
		if text == xmlText || text == jsonText {
			text = "ok"
		}
		if err != nil {
			text = err.Error()
		}
		found = append(found, fmt.Sprintf("%s [%s] %s", d.Kind, d.Where, text))
		return nil
	})
	var names []string
	for _, d := range list {
		names = append(names, d.Name)
	}
	slices.Sort(names)
	return found, strings.Join(names, " "), err
}

func TestRead(t *testing.T) {
	t.Parallel()
	const plain = "Content-Type: text/plain\r\n\r\nThis is a report.\r\n"
	attached := func(kind, text string) string {
		return "Content-Type: " + kind + "; name=\"r!e!1!2.xml.gz\"\r\nContent-Transfer-Encoding: base64\r\n\r\n" + b64(text)
	}
	forwarded := "Content-Type: message/rfc822\r\n\r\n" + strings.ReplaceAll(mail(plain, attached("application/gzip", gz(t, xmlText))), "=_b", "=_inner")
	for _, tc := range []struct {
		name, input string
		want        []string
		notes       string
	}{
		{"XML", xmlText, []string{"xml [] ok"}, ""},
		{"XML of another kind", "<html/>", []string{"xml [] <html/>"}, ""},
		{"JSON", jsonText, []string{"json [] ok"}, ""},
		{"JSON with a byte order mark", "\xef\xbb\xbf" + jsonText, []string{"json [] ok"}, reportmail.ByteOrderMark},
		{"gzip", gz(t, xmlText), []string{"xml [gzip] ok"}, ""},
		{"gzip of JSON", gz(t, jsonText), []string{"json [gzip] ok"}, ""},
		{"gzip twice", gz(t, gz(t, xmlText)), []string{"xml [gzip, gzip] ok"}, reportmail.DoublePacked},
		{"gzip in two members", gz(t, xmlText[:20]) + gz(t, xmlText[20:]), []string{"xml [gzip] ok"}, ""},
		{"gzip with zeros behind", gz(t, xmlText) + strings.Repeat("\x00", 512), []string{"xml [gzip] ok"}, reportmail.BehindGzip},
		{"zip", zipped(t, "a.xml", xmlText), []string{"xml [zip member a.xml] ok"}, ""},
		{"zip with other files", zipped(t, "x/", "", "README", "hello", "x/a.xml", xmlText), []string{"xml [zip member a.xml] ok"}, reportmail.OtherMembers},
		{"zip with several", zipped(t, "a.xml", xmlText, "b.xml", xmlText, "c.json", jsonText), []string{"xml [zip member a.xml] ok", "xml [zip member b.xml] ok", "json [zip member c.json] ok"}, reportmail.SeveralMembers},
		{"zip with what is no XML", zipped(t, "a.xml", "unused"), []string{"xml [zip member a.xml] unused"}, ""},
		{"gzip in zip", zipped(t, "a.xml.gz", gz(t, xmlText)), []string{"xml [zip member a.xml.gz, gzip] ok"}, reportmail.DoublePacked},
		{"zip in gzip", gz(t, zipped(t, "a.xml", xmlText)), []string{"xml [gzip, zip member a.xml] ok"}, reportmail.DoublePacked},
		{"message in gzip", gz(t, mail(attached("application/gzip", gz(t, xmlText)))), []string{"xml [gzip, part 1, gzip] ok"}, ""},

		{"attachment", mail(plain, attached("application/gzip", gz(t, xmlText))), []string{"xml [part 2, gzip] ok"}, ""},
		{"zip named gzip", mail(plain, attached("application/gzip", zipped(t, "a.xml", xmlText))), []string{"xml [part 2, zip member a.xml] ok"}, reportmail.MediaType},
		{"gzip named zip", mail(plain, attached("application/zip", gz(t, xmlText))), []string{"xml [part 2, gzip] ok"}, reportmail.MediaType},
		{"octet-stream", mail(plain, attached("application/octet-stream", gz(t, xmlText))), []string{"xml [part 2, gzip] ok"}, reportmail.MediaType},
		{"TLS report", mail(plain, attached("application/tlsrpt+gzip", gz(t, jsonText))), []string{"json [part 2, gzip] ok"}, ""},
		{"not compressed", mail(plain, "Content-Type: text/xml\r\n\r\n"+xmlText), []string{"xml [part 2] ok"}, ""},
		{"base64 of text as octet-stream", mail(attached("application/octet-stream", xmlText)), []string{"xml [part 1] ok"}, ""},
		{"quoted-printable", mail("Content-Type: text/xml\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n" + strings.ReplaceAll(strings.ReplaceAll(xmlText, "=", "=3D"), "<fe", "=\r\n<fe")), []string{"xml [part 1] ok"}, ""},
		{"base64 not declared", mail("Content-Type: application/gzip\r\n\r\n" + b64(gz(t, xmlText))), []string{"xml [part 1, gzip] ok"}, reportmail.Transfer},
		{"base64 that is none", mail("Content-Type: text/xml\r\nContent-Transfer-Encoding: base64\r\n\r\n" + xmlText), []string{"xml [part 1] ok"}, reportmail.Transfer},
		{"base64 with rubbish", mail("Content-Type: application/gzip\r\nContent-Transfer-Encoding: BASE64 \r\n\r\n>" + strings.ReplaceAll(b64(gz(t, xmlText)), "\r\n", " \r\n!")), []string{"xml [part 1, gzip] ok"}, ""},
		{"ContentType", "From: a@b.example\r\nContentType: application/gzip\r\nContent-Transfer-Encoding: base64\r\n\r\n" + b64(gz(t, xmlText)), []string{"xml [gzip] ok"}, reportmail.HeaderName},
		{"no Content-Type", strings.Replace(mail(plain, attached("application/gzip", gz(t, xmlText))), "Content-Type: multipart/mixed; boundary=\"=_b\"\r\n\r\npreamble\r\n", "X: y\r\n\r\n", 1), []string{"xml [part 2, gzip] ok"}, reportmail.NoContentType},
		{"Content-Type with a fault", strings.Replace(mail(plain, attached("application/gzip", gz(t, xmlText))), "multipart/mixed;", "multipart/mixed; charset=a b;", 1), []string{"xml [part 2, gzip] ok"}, ""},
		{"the only body part", "From: a@b.example\r\nContent-Type: application/gzip\r\nContent-Transfer-Encoding: base64\r\n\r\n" + b64(gz(t, xmlText)), []string{"xml [gzip] ok"}, ""},
		{"report as the text", "From: a@b.example\r\n\r\n" + xmlText, []string{"xml [] ok"}, ""},
		{"header of a part with a fault", mail("Content-Type: text/plain\r\nthis is no field\r\n\r\nx", attached("application/gzip", gz(t, xmlText))), []string{"xml [part 2, gzip] ok"}, ""},
		{"no last boundary", strings.TrimSuffix(mail(plain, attached("application/gzip", gz(t, xmlText))), "\r\n--=_b--\r\nepilogue\r\n"), []string{"xml [part 2, gzip] ok"}, reportmail.NoBoundaryEnd},
		{"line ends of Unix", strings.ReplaceAll(mail(plain, attached("application/gzip", gz(t, xmlText))), "\r\n", "\n"), []string{"xml [part 2, gzip] ok"}, ""},
		{"forwarded", mail(plain, forwarded), []string{"xml [part 2, part 2, gzip] ok"}, reportmail.Forwarded},
		{"forwarded as a file", mail(plain, attached("application/octet-stream", strings.TrimPrefix(forwarded, "Content-Type: message/rfc822\r\n\r\n"))), []string{"xml [part 2, part 2, gzip] ok"}, reportmail.Forwarded + " " + reportmail.MediaType},
		{"two reports", mail(attached("application/gzip", gz(t, xmlText)), attached("application/zip", zipped(t, "b.xml", xmlText))), []string{"xml [part 1, gzip] ok", "xml [part 2, zip member b.xml] ok"}, ""},
		{"HTML beside it", mail("Content-Type: text/html\r\n\r\n<html><body>Report</body></html>", attached("application/gzip", gz(t, xmlText))), []string{"xml [part 2, gzip] ok"}, ""},
		{"attachment that is no report", mail(attached("application/gzip", gz(t, "unused"))), []string{"xml [part 1, gzip] unused"}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			found, notes, err := search(strings.NewReader(tc.input))
			if err != nil || !slices.Equal(found, tc.want) || notes != tc.notes {
				t.Errorf("%q %q %v, want %q %q", found, notes, err, tc.want, tc.notes)
			}
			// The pieces in which a text comes do not matter.
			if again, _, err := search(oneByOne{strings.NewReader(tc.input)}); err != nil || !slices.Equal(again, tc.want) {
				t.Errorf("octet by octet: %q %v", again, err)
			}
		})
	}
}

// oneByOne returns one octet at a time.
type oneByOne struct{ r io.Reader }

func (o oneByOne) Read(p []byte) (int, error) { return o.r.Read(p[:min(len(p), 1)]) }

// TestFeedback: a report about a message has its fields, and the header of the message.
func TestFeedback(t *testing.T) {
	t.Parallel()
	const (
		plain  = "Content-Type: text/plain\r\n\r\nThis is about a message.\r\n"
		fields = "Feedback-Type: auth-failure\r\nAuth-Failure: dmarc\r\n"
		sample = "Received: from x\r\n\tby y\r\nSubject: Reported\r\nFrom: b@example.com\r\n\r\n"
		body   = "<feedback>this is the body of a stranger</feedback>\r\n"
	)
	feedback := "Content-Type: message/feedback-report\r\n\r\n" + fields
	for _, tc := range []struct {
		name  string
		parts []string
		notes string
	}{
		{"message", []string{plain, feedback, "Content-Type: message/rfc822\r\n\r\n" + sample + body}, ""},
		{"header", []string{plain, feedback, "Content-Type: text/rfc822-headers\r\n\r\n" + sample}, ""},
		{"attachment", []string{plain, feedback, "Content-Type: application/octet-stream; name=x.eml\r\nContent-Transfer-Encoding: base64\r\n\r\n" + b64(sample+body)}, ""},
		{"base64", []string{plain, "Content-Type: message/feedback-report\r\nContent-Transfer-Encoding: base64\r\n\r\n" + b64(fields), "Content-Type: message/rfc822\r\n\r\n" + sample}, ""},
		{"as text", []string{plain, "Content-Type: text/plain\r\n\r\n" + fields, "Content-Type: text/rfc822-headers\r\n\r\n" + sample}, reportmail.MediaType},
	} {
		n := 0
		list, err := reportmail.Read(strings.NewReader(mail(tc.parts...)), func(d *reportmail.Document) error {
			n++
			text, err := io.ReadAll(d.Body)
			if d.Kind != reportmail.Feedback || err != nil || strings.TrimSpace(string(text)) != strings.TrimSpace(fields) || d.Intro != "This is about a message." || len(d.Sample) != 3 {
				t.Errorf("%s: %s %q %q %q %v", tc.name, d.Kind, d.Intro, text, d.Sample, err)
			}
			if d.Mail == nil || d.Mail.From != "a@reporter.example" || d.Mail.Subject != "Report Domain: example.com" {
				t.Errorf("%s: %+v", tc.name, d.Mail)
			}
			return nil
		})
		if n != 1 || err != nil || tc.notes == "" && len(list) > 0 || tc.notes != "" && !list.Has(tc.notes) {
			t.Errorf("%s: %d found, %v, %v", tc.name, n, list, err)
		}
	}
}

// zeros is a reader of n zeros.
func zeros(n int64) io.Reader { return io.LimitReader(zero{}, n) }

type zero struct{}

func (zero) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// TestBombs: what unpacks without bound ends at the limit, in bounded memory.
func TestBombs(t *testing.T) {
	var inside strings.Builder
	for i := range 50 {
		fmt.Fprintf(&inside, "Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n", i, i)
	}
	var member bytes.Buffer
	w := gzip.NewWriter(&member)
	if _, err := io.Copy(w, zeros(16<<20)); err != nil || w.Close() != nil {
		t.Fatal(err)
	}
	var bomb bytes.Buffer // 2 GB in 2 MB
	bomb.WriteString(gz(t, "<feedback>"))
	for range 128 {
		bomb.Write(member.Bytes())
	}
	var archive bytes.Buffer
	z := zip.NewWriter(&archive)
	f, err := z.Create("a.xml")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(f, io.MultiReader(strings.NewReader("<feedback>"), zeros(65<<20))); err != nil {
		t.Fatal(err)
	}
	if f, err = z.Create("b.xml"); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(f, xmlText); err != nil || z.Close() != nil {
		t.Fatal(err)
	}
	lying := bytes.ReplaceAll(archive.Bytes(), []byte{10, 0, 0x10, 4}, []byte{10, 0, 0, 0}) // its size, in the directory
	if bytes.Equal(lying, archive.Bytes()) {
		t.Fatal("the size of the member was not found")
	}
	for _, tc := range []struct {
		name  string
		input io.Reader
		want  error
	}{
		{"2 GB of zeros", bytes.NewReader(bomb.Bytes()), reportmail.ErrTooLarge},
		{"in a message", strings.NewReader(mail("Content-Type: application/gzip\r\nContent-Transfer-Encoding: base64\r\n\r\n" + b64(bomb.String()))), reportmail.ErrTooLarge},
		{"zip", bytes.NewReader(archive.Bytes()), reportmail.ErrTooLarge},
		{"zip that lies about its size", bytes.NewReader(lying), nil},
		{"gzip of gzip of zeros", strings.NewReader(gz(t, bomb.String())), reportmail.ErrTooLarge},
		{"archives in archives", strings.NewReader(gz(t, gz(t, gz(t, xmlText)))), reportmail.ErrNested},
		{"zip in zip in zip", strings.NewReader(zipped(t, "a.xml", zipped(t, "a.xml", zipped(t, "a.xml", xmlText)))), reportmail.ErrNested},
		{"zip of 20 MB", io.MultiReader(strings.NewReader("PK\x03\x04"), zeros(20<<20)), reportmail.ErrPackedTooLarge},
		{"message of 30 MB", io.MultiReader(strings.NewReader("Subject: x\r\n\r\n"), zeros(30<<20)), nil},
		{"parts in parts", strings.NewReader(inside.String()), reportmail.ErrTooDeep},
		{"messages in messages", strings.NewReader(strings.Repeat("Content-Type: message/rfc822\r\n\r\n", 50)), reportmail.ErrTooDeep},
		{"a thousand parts", strings.NewReader("Content-Type: multipart/mixed; boundary=b\r\n\r\n" + strings.Repeat("--b\r\n\r\nx\r\n", 1000)), reportmail.ErrTooManyParts},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		list, err := reportmail.Read(tc.input, func(d *reportmail.Document) error {
			_, err := io.Copy(io.Discard, d.Body)
			return err
		})
		if tc.name == "zip that lies about its size" && err == nil && list.Has(reportmail.BrokenMember) {
			err = errors.New("the member cannot be read")
		}
		runtime.ReadMemStats(&after)
		if tc.want != nil && !errors.Is(err, tc.want) || err == nil {
			t.Errorf("%s: %v, want %v", tc.name, err, tc.want)
		}
		if used := after.TotalAlloc - before.TotalAlloc; used > 50<<20 {
			t.Errorf("%s: %d MB were allocated", tc.name, used>>20)
		}
	}
	// A member of a zip archive that is too large does not hide the next one.
	found, _, err := search(bytes.NewReader(archive.Bytes()))
	if want := []string{"xml [zip member a.xml] " + reportmail.ErrTooLarge.Error(), "xml [zip member b.xml] ok"}; err != nil || !slices.Equal(found, want) {
		t.Errorf("%q %v", found, err)
	}
}

func TestNoReport(t *testing.T) {
	t.Parallel()
	for input, want := range map[string]string{
		"":                            "no report is in it, only an empty file",
		gz(t, ""):                     "no report is in it, only an empty file",
		strings.Repeat("\x00", 9<<20): `no report is in it, only what begins with "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"...`,
		"hello":                       `no report is in it, only what begins with "hello"`,
		"Subject: x\r\n\r\nhello":     `no report is in it, only what begins with "hello"`,
		mail("\r\nx", "\r\n<html>"):   `no report is in it, only what begins with "x", what begins with "<html>"`,
		zipped(t, "README", "x"):      "no report is in it, only a zip archive without a document",
		gz(t, xmlText)[:14]:           "",
		"PK\x03\x04":                  "the zip archive is damaged: zip: not a valid zip file",
		"\x1f\x8b\x00":                "the gzip file is damaged: unexpected EOF",
	} {
		if _, _, err := search(strings.NewReader(input)); err == nil && want != "" || err != nil && want != "" && err.Error() != want {
			t.Errorf("%.40q: %v, want %s", input, err, want)
		}
	}
	stop := errors.New("stop")
	if _, err := reportmail.Read(strings.NewReader(xmlText), func(*reportmail.Document) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("%v, want the error of the function", err)
	}
}

// TestCorpus finds a report in each message of the samples, if they are here.
func TestCorpus(t *testing.T) {
	t.Parallel()
	root := os.Getenv("POSTVET_CORPORA")
	if root == "" {
		t.Skip("POSTVET_CORPORA is not set")
	}
	files, err := filepath.Glob(filepath.Join(root, "dmarc", "reports", "*.eml"))
	if err != nil || len(files) < 10 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		found, notes, err := search(bytes.NewReader(b))
		if err != nil || len(found) != 1 {
			t.Errorf("%s: %q, %v", filepath.Base(file), found, err)
			continue
		}
		t.Logf("%s: %.60q %s", filepath.Base(file), found, notes)
	}
}

// FuzzRead: whatever comes is searched to its end, in bounds.
func FuzzRead(f *testing.F) {
	f.Add([]byte(mail("Content-Type: text/plain\r\n\r\nx", "Content-Type: application/gzip\r\nContent-Transfer-Encoding: base64\r\n\r\n"+b64(gz(f, xmlText)))))
	f.Add([]byte(mail("Content-Type: message/feedback-report\r\n\r\nFeedback-Type: x\r\n", "Content-Type: message/rfc822\r\n\r\n"+mail("\r\nx"))))
	f.Add([]byte(zipped(f, "a.xml", xmlText, "b", jsonText)))
	f.Add([]byte(gz(f, gz(f, xmlText))))
	f.Fuzz(func(t *testing.T, input []byte) {
		n := 0
		list, err := reportmail.Read(bytes.NewReader(input), func(d *reportmail.Document) error {
			if n++; n > 1000 {
				t.Fatal("too many documents")
			}
			size, _ := io.Copy(io.Discard, d.Body)
			if size > reportmail.MaxUnpacked || d.Kind == "" {
				t.Fatalf("%s of %d octets", d.Kind, size)
			}
			return nil
		})
		if err == nil && n == 0 {
			t.Fatal("neither a document nor an error")
		}
		for _, d := range list {
			if len(d.Text) > 300 || strings.ContainsFunc(d.Text, func(c rune) bool { return c < ' ' || c > '~' }) {
				t.Fatalf("%+v", d)
			}
		}
	})
}

// TestReadMessage: a message whose header was read is searched alike.
func TestReadMessage(t *testing.T) {
	t.Parallel()
	m := message.NewReader(strings.NewReader(mail("Content-Type: text/xml\r\n\r\n" + xmlText)))
	header, err := m.Header()
	if err != nil {
		t.Fatal(err)
	}
	body, err := m.Body()
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	if list, err := reportmail.ReadMessage(header, body, func(*reportmail.Document) error { n++; return nil }); n != 1 || err != nil || len(list) > 0 {
		t.Errorf("%d found, %v, %v", n, list, err)
	}
}
