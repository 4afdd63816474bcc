package redaction

import (
	"mime"
	"net/mail"
	"slices"
	"strings"
	"time"

	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/message"
)

// Options say what is told beside the fields that always are.
type Options struct {
	// Subject has the Subject told. Addresses in it are replaced.
	Subject bool
	// Paths are the addresses of the envelope, whose local parts are looked for in other
	// places.
	Paths []string
}

// Bounds on what is told of a header.
const (
	maxFields    = 200
	maxHeader    = 32 << 10 // octets
	maxMailboxes = 20       // of a field
	maxKnown     = 50
)

// Header returns the fields of a header that may be told, written anew, and how many are
// left out.
func (k Key) Header(h message.Header, o Options) (told message.Header, left int) {
	w := writer{Key: k, known: knownLocals(h, o.Paths)}
	size := 0
	for _, f := range h {
		value := ""
		if write := forms[strings.ToLower(f.Name)]; write != nil && len(told) < maxFields && (o.Subject || !f.Is("Subject")) {
			value = write(&w, f)
		}
		if value == "" {
			left++
			continue
		}
		folded := message.NewField(f.Name, message.Fold(len(f.Name)+1, value))
		if size += len(folded.Raw); size > maxHeader {
			left++
			continue
		}
		told = append(told, folded)
	}
	return told, left
}

// writer writes the values of fields.
type writer struct {
	Key
	// known are local parts of the message's addresses, in lower case.
	known []string
}

// form returns the value of a field as it may be told; "" if it may not.
type form func(w *writer, f message.Field) string

// forms has how each field is told, by its name in lower case.
var forms = map[string]form{
	"from": (*writer).addresses, "sender": (*writer).addresses, "reply-to": (*writer).addresses, "author": (*writer).addresses,
	"to": (*writer).addresses, "cc": (*writer).addresses, "resent-from": (*writer).addresses, "resent-sender": (*writer).addresses,
	"resent-to": (*writer).addresses, "resent-cc": (*writer).addresses, "return-path": (*writer).path,
	"received": (*writer).received, "dkim-signature": (*writer).signature, "arc-message-signature": (*writer).signature, "arc-seal": (*writer).signature,
	"authentication-results": (*writer).results, "arc-authentication-results": (*writer).recorded,
	"message-id": (*writer).messageID, "resent-message-id": (*writer).messageID, "date": (*writer).date, "resent-date": (*writer).date,
	"mime-version": (*writer).word, "content-type": (*writer).contentType, "content-transfer-encoding": (*writer).word,
	"list-id": (*writer).listID, "precedence": (*writer).word, "auto-submitted": (*writer).word,
	"user-agent": (*writer).text, "x-mailer": (*writer).text, "subject": (*writer).subject,
}

// addressFields are those whose local parts are looked for in Message-IDs.
var addressFields = []string{"From", "Sender", "Reply-To", "To", "Cc"}

// knownLocals returns the local parts of a message's addresses that are long enough to be
// told from other words.
func knownLocals(h message.Header, paths []string) []string {
	const least = 3
	var all []string
	add := func(local string) {
		if local = strings.ToLower(strings.Trim(local, `"`)); len(local) >= least && len(all) < maxKnown && !slices.Contains(all, local) {
			all = append(all, local)
		}
	}
	for _, p := range paths[:min(len(paths), maxKnown)] {
		local, _ := message.SplitPath(p)
		add(local)
	}
	for _, f := range h {
		if len(all) < maxKnown && slices.ContainsFunc(addressFields, f.Is) {
			for _, m := range mailboxes(f.Value()) {
				add(m.Local)
			}
		}
	}
	return all
}

// mailboxes returns the addresses of a field, as far as they can be read.
func mailboxes(value string) []message.Mailbox {
	return message.ParseAuthor(message.Header{message.NewField("From", value)}).Mailboxes
}

// addresses tells the addresses of a field without the names of people.
func (w *writer) addresses(f message.Field) string {
	var all []string
	for _, m := range mailboxes(f.Value()) {
		if len(all) == maxMailboxes {
			break
		}
		if m.Local != "" && m.Domain != "" {
			all = append(all, "<"+w.address(m.Local, m.Domain)+">")
		}
	}
	return strings.Join(all, ", ")
}

func (w *writer) path(f message.Field) string {
	path := strings.TrimSpace(f.Value())
	if path == "<>" || path == "" {
		return path
	}
	local, domain := message.SplitPath(path)
	if domain == "" {
		return ""
	}
	return "<" + w.address(local, domain) + ">"
}

// signatureTags are the tags of signatures that are told. Tag z has copies of fields.
var signatureTags = []string{"v", "i", "a", "c", "cv", "d", "s", "q", "t", "x", "l", "h", "bh", "b", "r"}

// signature tells a signature of DKIM or ARC. In DKIM i= has an address.
func (w *writer) signature(f message.Field) string {
	tags, err := dkim.ParseTags(f.Value())
	if err != nil {
		return ""
	}
	var all []string
	for _, t := range tags {
		value := strings.Join(strings.Fields(t.Value), "")
		if !slices.Contains(signatureTags, t.Name) || !printable(value) {
			continue
		}
		if t.Name == "i" && strings.Contains(value, "@") {
			value = w.Path(value)
		} else if strings.Contains(value, "@") {
			continue
		}
		all = append(all, t.Name+"="+value)
	}
	return strings.Join(all, "; ")
}

// date tells a date without its comments.
func (w *writer) date(f message.Field) string { return plainDate(f.Value()) }

// plainDate returns a date without its comments; "" if it is none that a field can have.
func plainDate(s string) string {
	at, err := mail.ParseDate(strings.TrimSpace(s))
	if err != nil || at.Year() < 1900 || at.Year() > 9999 {
		return ""
	}
	return at.Format(time.RFC1123Z)
}

// maxWord bounds a word.
const maxWord = 80

// word tells a field that is one word.
func (w *writer) word(f message.Field) string {
	value := strings.TrimSpace(f.Value())
	if len(value) > maxWord || !isToken(value) {
		return ""
	}
	return value
}

func (w *writer) text(f message.Field) string {
	const most = 200
	return strings.TrimSpace(foreign.Cut(w.Text(strings.Join(strings.Fields(f.Value()), " ")), most))
}

// contentType tells the type, and of its parameters those that say how the text is
// written: names of files and boundaries stay.
func (w *writer) contentType(f message.Field) string {
	kind, params, err := mime.ParseMediaType(strings.TrimSpace(f.Value()))
	if kind == "" || err != nil || len(kind) > maxWord || !isToken(kind) {
		return ""
	}
	for _, name := range []string{"charset", "format", "delsp", "protocol", "micalg", "report-type"} {
		if v := params[name]; len(v) <= maxWord && isToken(v) {
			kind += "; " + name + "=\"" + v + "\""
		}
	}
	return kind
}

// listID tells the identifier of a list without its name.
func (w *writer) listID(f message.Field) string {
	id := message.ListMarks(message.Header{f}).ID
	if id == "" || !isToken(id) {
		return ""
	}
	return "<" + w.Text(id) + ">"
}

// messageID tells a Message-ID, so that the sender finds the message in its logs. Its left
// side is replaced if it has an address in it, or a local part of one.
func (w *writer) messageID(f message.Field) string {
	const most = 500
	id := strings.TrimSpace(f.Value())
	inner, ok := strings.CutPrefix(id, "<")
	inner, closed := strings.CutSuffix(inner, ">")
	at := strings.LastIndexByte(inner, '@')
	if !ok || !closed || at < 0 || len(id) > most || !printable(inner) || strings.ContainsAny(inner, " <>(),;\\") {
		return ""
	}
	left, right := inner[:at], inner[at+1:]
	if w.personal(left) {
		left = w.Local(left)
	}
	if strings.Contains(right, "\"") {
		return ""
	}
	return "<" + left + "@" + right + ">"
}

// personal reports whether the left side of a Message-ID says whose message it is.
func (w *writer) personal(left string) bool {
	low := strings.ToLower(left)
	return holdsAddress(low) || slices.ContainsFunc(w.known, func(local string) bool { return strings.Contains(low, local) })
}

// subject tells the Subject, decoded.
func (w *writer) subject(f message.Field) string {
	return w.Text(message.DecodeWords(strings.Join(strings.Fields(f.Value()), " ")))
}

// printable reports whether a text is printable ASCII.
func printable(s string) bool {
	return s != "" && strings.IndexFunc(s, func(r rune) bool { return r < ' ' || r > '~' }) < 0
}
