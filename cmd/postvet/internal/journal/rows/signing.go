package rows

import (
	"strings"

	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/sign"
)

// signing keeps who signed a message of our users, or why nobody did.
func (c *codec) signing(res *result.Results) {
	has := res.Signing != nil
	if c.bits(&has); !has {
		return
	}
	if c.reading {
		res.Signing = &result.Signing{}
	}
	s := res.Signing
	detail := s.Detail
	if c.level != Addresses && (s.Reason == sign.LoginMismatch || strings.Contains(detail, "@")) { // never while reading
		detail = "" // it cites a login or the author's address
	}
	text(c, &s.Domain, maxText)
	text(c, &s.Selector, 64)
	text(c, &s.Reason, 64)
	text(c, &detail, maxText)
	text(c, &s.Origin, 16)
	if c.reading {
		s.Detail = detail
	}
}

// moreSigning keeps what a message that we may sign has beside its first signature.
func (c *codec) moreSigning(s *result.Signing) {
	if s == nil {
		return
	}
	has := s.DryRun != nil
	c.bits(&s.KeyFault, &has)
	texts(c, &s.Also, 4)
	text(c, &s.Without, maxText)
	if !has {
		return
	}
	if c.reading {
		s.DryRun = &result.DryRun{}
	}
	text(c, &s.DryRun.Outcome, 16)
	text(c, &s.DryRun.Detail, maxText)
}

// sealing keeps whether we sealed the message.
func (c *codec) sealing(res *result.Results) {
	has := res.Sealing != nil
	if c.bits(&has); !has {
		return
	}
	if c.reading {
		res.Sealing = &result.Sealing{}
	}
	s := res.Sealing
	c.bits(&s.HandedOn)
	text(c, &s.Reason, 32)
	text(c, &s.Detail, maxText)
	text(c, &s.Domain, maxText)
	text(c, &s.Selector, 64)
	number(c, &s.Instance)
	text(c, &s.Chain, 16)
}
