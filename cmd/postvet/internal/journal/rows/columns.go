package rows

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
)

// Column is a column of a row in a store.
type Column int

// The columns, in the order of [Record]. A further one also needs one in package postgres. The manual page postvet-journal(5) explains them.
const (
	ColRef Column = iota
	ColQueue
	ColMessageID  // text; only if addresses are kept
	ColMessageKey // hash
	ColClient
	ColHelo
	ColRelay
	ColMailFrom // the domain, or the address; "<>" for the null sender
	ColMailFromKey
	ColRcpts
	ColRcpt     // domains or addresses, with blanks between
	ColRcptKeys // hashes, 8 octets each
	ColAuthor
	ColOrg
	ColSPF
	ColDKIM
	ColDMARC
	ColPolicy
	ColARC
	ColSignatures
	ColAction
	ColWould
	ColCode
	ColRule
	ColOverride
	ColHint
	ColShadow
	ColSize
	ColTook // microseconds
	ColGeneration
	ColFacts // binary
	Columns
)

// Kind is the type of a column's values.
type Kind uint8

// The kinds.
const (
	Text Kind = iota
	Integer
	Blob
)

// columns are the names and kinds of the columns.
var columns = [Columns]struct {
	name string
	kind Kind
}{
	ColRef: {"ref", Integer}, ColQueue: {"queue", Text}, ColMessageID: {"message_id", Text}, ColMessageKey: {"message_key", Integer},
	ColClient: {"client", Text}, ColHelo: {"helo", Text}, ColRelay: {"relay", Text},
	ColMailFrom: {"mail_from", Text}, ColMailFromKey: {"mail_from_key", Integer},
	ColRcpts: {"rcpts", Integer}, ColRcpt: {"rcpt", Text}, ColRcptKeys: {"rcpt_keys", Blob},
	ColAuthor: {"author", Text}, ColOrg: {"org", Text},
	ColSPF: {"spf", Text}, ColDKIM: {"dkim", Text}, ColDMARC: {"dmarc", Text}, ColPolicy: {"policy", Text}, ColARC: {"arc", Text},
	ColSignatures: {"signatures", Text},
	ColAction:     {"action", Text}, ColWould: {"would", Text}, ColCode: {"code", Text}, ColRule: {"rule", Text},
	ColOverride: {"override", Text}, ColHint: {"hint", Text}, ColShadow: {"shadow", Text},
	ColSize: {"size", Integer}, ColTook: {"took_us", Integer}, ColGeneration: {"generation", Integer}, ColFacts: {"facts", Blob},
}

// String returns the column's name.
func (c Column) String() string { return columns[c].name }

// Kind returns the type of the column's values.
func (c Column) Kind() Kind { return columns[c].kind }

// Value is the value of a column: Int of an integer, and otherwise Octets, which are empty
// for none.
type Value struct {
	Int    int64
	Octets []byte
}

// Record has the values of a row. All texts are harmless on a terminal.
type Record [Columns]Value

// Encoder encodes rows. It allocates nothing, and is for one goroutine.
type Encoder struct{ codec }

// Append appends a row to b, at most [MaxRow] octets. The octets hold whole addresses if
// the level needs them; [Batch] makes of them what is kept.
func (e *Encoder) Append(b []byte, r *Row, level Level) []byte {
	e.codec = codec{b: b, room: maxFacts, level: level}
	e.row(r)
	b, e.b = e.b, nil
	return b
}

func (e *Encoder) int(n int64) { e.b = binary.AppendVarint(e.b, n) }

// text appends a text of at most n octets.
func (e *Encoder) text(s string, n int) {
	s = foreign.Terminal(s, n)
	e.b = binary.AppendUvarint(e.b, uint64(len(s)))
	e.b = append(e.b, s...)
}

// open begins a value whose length is not known, and close ends it. It is at most 16383
// octets long.
func (e *Encoder) open() (at int) {
	e.b = append(e.b, 0, 0)
	return len(e.b)
}

func (e *Encoder) close(at int) {
	n := len(e.b) - at
	e.b[at-2], e.b[at-1] = byte(n)|0x80, byte(n>>7)
}

func (e *Encoder) row(r *Row) {
	res, v := r.Results, r.Verdict
	e.cut, e.cutRcpts = r.Cut, r.CutRecipients
	org := orgOf(res)
	e.int(int64(r.Ref))
	e.text(r.Queue, 64)
	e.address(MessageID(r.MessageID))
	e.int(0)
	e.client(r)
	e.text(res.Client.Helo, 255)
	e.text(res.Client.Relay, 64)
	e.mailFrom(res)
	e.int(0)
	e.int(int64(max(r.Recipients, len(res.Recipients))))
	e.recipients(res)
	e.b = append(e.b, 0)
	e.text(res.Author.Domain, 255)
	e.text(org, 255)
	envelope, _ := res.EnvelopeSPF()
	e.text(string(envelope.Status), 16)
	e.text(dkimStatus(res), 16)
	e.text(string(res.DMARC.Status), 16)
	e.text(string(res.DMARC.Policy), 16)
	e.text(string(res.ARC.Status), 16)
	e.signatures(res)
	e.text(string(v.Action), 16)
	e.text(string(v.Would()), 16)
	e.text(v.Code, 16)
	e.text(v.Rule, 64)
	e.override(v)
	e.hint(v)
	e.shadow(r)
	e.int(res.Size)
	e.int(r.Took.Microseconds())
	e.int(r.Generation)
	at := e.open()
	sender := domainOf(res.MailFrom)
	if len(res.MailFrom) > 320 || !foreign.IsPrintable(res.MailFrom) {
		sender = "" // the column is another text
	}
	e.whole(res.Client.Helo, 255)
	e.whole(res.MailFrom, 320)
	e.known = knownTexts(res.Author.Domain, org, res.Client.Helo, sender)
	e.facts(r)
	e.close(at)
}

// knownTexts are those that facts may repeat and columns have.
func knownTexts(author, org, helo, sender string) (known [4]string) {
	known = [...]string{author, org, helo, sender}
	for i, s := range known {
		if len(s) > 255 || !foreign.IsPrintable(s) {
			known[i] = "" // the column differs
		}
	}
	return known
}

// orgOf returns the Organizational Domain of the author, or what is known that is next to
// it: the author's domain, or that of MAIL FROM.
func orgOf(res *result.Results) string {
	switch {
	case res.DMARC.OrganizationalDomain != "":
		return res.DMARC.OrganizationalDomain
	case res.Author.Domain != "":
		return res.Author.Domain
	}
	return domainOf(res.MailFrom)
}

// domainOf returns the domain of a path in A-labels, or as it is if it is none.
func domainOf(path string) string {
	_, domain := message.SplitPath(path)
	if name, ok := message.NormalizeDomain(domain); ok {
		return name
	}
	return domain
}

// client appends the address that was evaluated, or that of the host if it is not known.
func (e *Encoder) client(r *Row) {
	if r.Results.Client.IP != "" || !r.Host.IsValid() {
		e.text(r.Results.Client.IP, 64)
		return
	}
	at := e.open()
	e.b = r.Host.WithZone("").AppendTo(e.b)
	e.close(at)
}

// address appends an address, or what stands for one, if the level needs it.
func (e *Encoder) address(s string) {
	if e.level == Domains {
		s = ""
	}
	e.text(s, maxText)
}

func (e *Encoder) mailFrom(res *result.Results) {
	switch {
	case res.MailFrom == "":
		e.text("<>", 2)
	case e.level == Domains:
		e.text(domainOf(res.MailFrom), 255)
	default:
		e.text(res.MailFrom, 320)
	}
}

// maxRecipients bounds the recipients of a message that are kept.
const maxRecipients = 16

// recipients appends the recipients with blanks between. A recipient with a blank in it is
// left out.
func (e *Encoder) recipients(res *result.Results) {
	at := e.open()
	e.cutRcpts = e.cutRcpts || len(res.Recipients) > maxRecipients
	for _, to := range res.Recipients[:min(len(res.Recipients), maxRecipients)] {
		e.cutRcpts = e.cutRcpts || len(to) > 320 || !isHarmless(to)
		if e.level == Domains {
			to = domainOf(to)
		}
		to = foreign.Terminal(to, 320)
		if to == "" || strings.Contains(to, " ") || len(e.b)-at+len(to) > 2000 {
			e.cutRcpts = true
			continue
		}
		if len(e.b) > at {
			e.b = append(e.b, ' ')
		}
		e.b = append(e.b, to...)
	}
	e.close(at)
}

// dkimStatus returns the status of the best signature; "none" without one.
func dkimStatus(res *result.Results) string {
	best := "none"
	for i, d := range res.DKIM {
		status, _ := res.Counts(d)
		if status == "pass" {
			return "pass"
		}
		if i == 0 || status == "temperror" {
			best = string(status)
		}
	}
	return best
}

// signatures appends "pass example.org/selector" of each signature, with commas between. The
// author's domain is left out, as in "pass /selector".
func (e *Encoder) signatures(res *result.Results) {
	at := e.open()
	for i, d := range res.DKIM[:min(len(res.DKIM), maxSignatures)] {
		if len(e.b)-at > 600 {
			break
		}
		if i > 0 {
			e.b = append(e.b, ", "...)
		}
		status, _ := res.Counts(d)
		e.b = append(e.b, status...)
		e.b = append(e.b, ' ')
		if d.Domain != res.Author.Domain {
			e.b = append(e.b, foreign.Terminal(d.Domain, 255)...)
		}
		e.b = append(e.b, '/')
		e.b = append(e.b, foreign.Terminal(d.Selector, 64)...)
	}
	e.close(at)
}

func (e *Encoder) override(v *result.Verdict) {
	if len(v.Overrides) == 0 {
		e.b = append(e.b, 0)
		return
	}
	at := e.open()
	o := v.Overrides[len(v.Overrides)-1]
	e.b = append(e.b, o.Reason...)
	e.b = append(e.b, ' ')
	e.b = append(e.b, foreign.Terminal(o.By, 80)...)
	e.close(at)
}

func (e *Encoder) hint(v *result.Verdict) {
	if len(v.Hints) == 0 {
		e.b = append(e.b, 0)
		return
	}
	e.text(string(v.Hints[0].Word), 32)
}

// shadow appends "reject partners-only" if the shadow policy differs.
func (e *Encoder) shadow(r *Row) {
	if r.ShadowAction == "" {
		e.b = append(e.b, 0)
		return
	}
	at := e.open()
	e.b = append(e.b, r.ShadowAction...)
	e.b = append(e.b, ' ')
	e.b = append(e.b, foreign.Terminal(r.ShadowRule, 64)...)
	e.close(at)
}

// ReadRecord sets rec to the record at the beginning of encoded rows, whose octets it shares,
// and returns the rest. It has whole addresses, and no hashes.
func ReadRecord(b []byte, rec *Record) (rest []byte, err error) {
	c := codec{b: b, reading: true}
	for i := range rec {
		if Column(i).Kind() == Integer {
			number(&c, &rec[i].Int)
			continue
		}
		rec[i].Octets = c.octets(c.readUint())
	}
	if c.bad {
		return nil, ErrRow
	}
	return c.b, nil
}

// NoLocalPart begins an address of which the domain alone is kept.
const NoLocalPart = "?@"

// SomeUser stands for the name of a login that is not kept.
const SomeUser = "?"

// Row returns the row of a record as it was read from a store.
func (rec *Record) Row() (*Row, error) {
	str := func(c Column) string { return string(rec[c].Octets) }
	r := &Row{
		Ref: result.Reference(rec[ColRef].Int), Queue: str(ColQueue), MessageID: str(ColMessageID), Recipients: int(rec[ColRcpts].Int),
		Took: time.Duration(rec[ColTook].Int) * time.Microsecond, Generation: rec[ColGeneration].Int,
		Results: &result.Results{}, Verdict: &result.Verdict{},
	}
	res, v := r.Results, r.Verdict
	res.Reference, res.Arrived = r.Ref, r.Ref.Time()
	res.Client.IP, res.Client.Helo, res.Client.Relay = str(ColClient), str(ColHelo), str(ColRelay)
	r.Host, _ = netip.ParseAddr(res.Client.IP)
	if from := str(ColMailFrom); from != "<>" {
		res.MailFrom = from
		if !strings.Contains(from, "@") {
			res.MailFrom = NoLocalPart + from
		}
	}
	res.Recipients = strings.Fields(str(ColRcpt))
	for i, to := range res.Recipients {
		if !strings.Contains(to, "@") {
			res.Recipients[i] = NoLocalPart + to
		}
	}
	res.Author.Domain = str(ColAuthor)
	res.Size = rec[ColSize].Int
	v.Action, v.Code, v.Rule = result.Action(str(ColAction)), str(ColCode), str(ColRule)
	action, rule, _ := strings.Cut(str(ColShadow), " ")
	r.ShadowAction, r.ShadowRule = result.Action(action), rule
	c := codec{b: appendUnpacked(make([]byte, 0, 2*len(rec[ColFacts].Octets)), rec[ColFacts].Octets), reading: true, level: Addresses}
	c.known = knownTexts(res.Author.Domain, str(ColOrg), res.Client.Helo, strings.TrimPrefix(domainOf(res.MailFrom), "?@"))
	c.facts(r)
	if c.bad {
		return nil, ErrRow
	}
	r.Monitored = v.Monitored
	for _, l := range []*[]result.Override{&v.Overrides, &v.Refused} {
		*l = slices.Clip(*l)
	}
	return r, nil
}
