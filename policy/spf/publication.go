package spf

import (
	"errors"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/policy/foreign"
)

// publication is the SPF content of a domain's TXT records.
type publication struct {
	// records is the number of SPF records. The other fields are set if there
	// is exactly one.
	records int
	text    string
	record  *Record // nil if err is set
	err     error
}

// published returns the SPF record in an answer (RFC 7208 section 4.5). Each
// cached answer is parsed once.
func published(a *dnscache.Answer) *publication { return dnscache.Derive(a, readPublication) }

// readPublication selects and parses the SPF record.
func readPublication(a *dnscache.Answer) *publication {
	p := &publication{}
	for _, txt := range a.TXT {
		if isRecord(txt) {
			p.records++
			p.text = txt
		}
	}
	if p.records != 1 {
		p.text = ""
		return p
	}
	p.record, p.err = ParseRecord(p.text)
	return p
}

// record looks up the record of a domain. If it is absent or invalid it returns
// a verdict (RFC 7208 sections 4.4 to 4.6).
func (e *evaluation) record(domain string) (*Record, *verdict) {
	return e.recordIn(domain, e.lookup(domain, dnscache.TXT))
}

// recordIn returns the record in the answer to the lookup of a domain.
func (e *evaluation) recordIn(domain string, a *dnscache.Answer) (*Record, *verdict) {
	if a.Outcome.Temporary() {
		return nil, e.tempError(domain, dnscache.TXT, a)
	}
	if a.Outcome == dnscache.NXDomain {
		return nil, failed(None, foreign.Word(domain, maxCited)+" does not exist")
	}
	p := published(a)
	if !e.read { // the identity's own record comes first
		e.read, e.text = true, p.text
	}
	switch {
	case p.records == 0:
		return nil, failed(None, foreign.Word(domain, maxCited)+" publishes no SPF record")
	case p.records > 1:
		return nil, failed(PermError, foreign.Word(domain, maxCited)+" publishes more than one SPF record")
	case p.err != nil:
		return nil, failed(PermError, "the SPF record of "+foreign.Word(domain, maxCited)+" is wrong: "+problem(p.err))
	}
	return p.record, nil
}

// problem returns the text of a syntax error for a reason, without the package
// name.
func problem(err error) string {
	var s *SyntaxError
	if errors.As(err, &s) {
		return s.detail()
	}
	return err.Error()
}
