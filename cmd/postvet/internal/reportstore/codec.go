package reportstore

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

	"github.com/postvet/postvet/policy/dmarc/report"
	"github.com/postvet/postvet/policy/reporting"
)

// The form in which a record is kept: the version of the form, its address, a set of
// flags, and its texts, each with its length before it. A list has its length before it.
// The form has neither the count nor anything that [reporting.Of] does not set.
const codecVersion = 1

// The flags.
const (
	flagDKIMAligned = 1 << iota
	flagSPFAligned
	flagEnvelopeFrom
)

var errCodec = errors.New("a record is damaged, or was written by a newer program")

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// AppendRecord appends a record in the form in which it is kept. Records that differ in
// their counts alone have one form.
func AppendRecord(b []byte, r *report.Record) []byte {
	source := r.Source.Unmap().WithZone("")
	flags := byte(0)
	if r.DKIMAligned {
		flags |= flagDKIMAligned
	}
	if r.SPFAligned {
		flags |= flagSPFAligned
	}
	if r.HasEnvelopeFrom {
		flags |= flagEnvelopeFrom
	}
	b = append(b, codecVersion, flags)
	b = appendText(b, string(source.AsSlice()))
	for _, s := range [...]string{string(r.Disposition), r.HeaderFrom, r.EnvelopeFrom, r.EnvelopeTo} {
		b = appendText(b, s)
	}
	b = binary.AppendUvarint(b, uint64(len(r.Reasons)))
	for i := range r.Reasons {
		b = appendText(appendText(b, string(r.Reasons[i].Type)), r.Reasons[i].Comment)
	}
	b = binary.AppendUvarint(b, uint64(len(r.DKIM)))
	for i := range r.DKIM {
		d := &r.DKIM[i]
		b = appendText(appendText(appendText(b, d.Domain), d.Selector), d.Result)
	}
	b = binary.AppendUvarint(b, uint64(len(r.SPF)))
	for i := range r.SPF {
		s := &r.SPF[i]
		b = appendText(appendText(appendText(b, s.Domain), s.Scope), s.Result)
	}
	return b
}

// keyOf returns the key of a record in its form.
func keyOf(form []byte) [16]byte {
	sum := sha256.Sum256(form)
	return [16]byte(sum[:16])
}

// reader reads a form.
type reader struct {
	left   string
	failed bool
}

func (r *reader) number() (n uint64) {
	for i := 0; i < len(r.left) && i < binary.MaxVarintLen32; i++ {
		b := r.left[i]
		n |= uint64(b&0x7f) << (7 * i)
		if b < 0x80 {
			r.left = r.left[i+1:]
			return n
		}
	}
	r.left, r.failed = "", true
	return 0
}

func (r *reader) text() string {
	n := r.number()
	if n > uint64(len(r.left)) {
		r.left, r.failed = "", true
		return ""
	}
	s := r.left[:n]
	r.left = r.left[n:]
	return s
}

// list calls one for each entry of a list. Each entry has an octet at least.
func (r *reader) list(one func()) {
	n := r.number()
	if n > uint64(len(r.left)) {
		r.failed = true
		return
	}
	for range n {
		one()
	}
}

// ParseRecord is the reverse of [AppendRecord]. The texts of the record are parts of the form.
func ParseRecord(form string) (*report.Record, error) {
	if len(form) < 2 || form[0] != codecVersion {
		return nil, errCodec
	}
	flags, in := form[1], &reader{left: form[2:]}
	r := &report.Record{
		DKIMAligned: flags&flagDKIMAligned != 0, SPFAligned: flags&flagSPFAligned != 0, HasEnvelopeFrom: flags&flagEnvelopeFrom != 0,
	}
	r.Source, _ = netip.AddrFromSlice([]byte(in.text()))
	r.Disposition = report.Disposition(in.text())
	r.HeaderFrom, r.EnvelopeFrom, r.EnvelopeTo = in.text(), in.text(), in.text()
	in.list(func() {
		r.Reasons = append(r.Reasons, report.Reason{Type: report.ReasonType(in.text()), Comment: in.text()})
	})
	in.list(func() {
		r.DKIM = append(r.DKIM, report.DKIM{Domain: in.text(), Selector: in.text(), Result: in.text()})
	})
	in.list(func() {
		r.SPF = append(r.SPF, report.SPF{Domain: in.text(), Scope: in.text(), Result: in.text()})
	})
	if in.failed || in.left != "" || !r.Source.IsValid() {
		return nil, errCodec
	}
	return r, nil
}

// AppendPolicy appends a text that two policies share if they are equal.
func AppendPolicy(b []byte, p *reporting.Policy) []byte {
	for _, s := range [...]string{p.Domain, p.Discovery, p.P, p.SP, p.NP, p.ADKIM, p.ASPF, p.FO, p.Testing} {
		b = appendText(b, s)
	}
	for _, s := range p.RUA {
		b = appendText(b, s)
	}
	return b
}

// policyID returns the number of a policy in that form. An attacker who makes two policies with one
// number has published both of them.
func policyID(form []byte) int64 {
	sum := sha256.Sum256(form)
	return int64(binary.BigEndian.Uint64(sum[:]) >> 1)
}

// kinds are the kinds of messages, in the order of their columns in report_subject.
var kinds = [...]reporting.Kind{reporting.Ordinary, reporting.Refused, reporting.NullSender, reporting.OfReport}

// kindIndex returns the place of a kind among kinds.
func kindIndex(k reporting.Kind) (int, error) {
	for i := range kinds {
		if kinds[i] == k {
			return i, nil
		}
	}
	return 0, fmt.Errorf("a message of the kind %q cannot be kept", k)
}
