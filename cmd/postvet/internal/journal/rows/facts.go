package rows

import (
	"strings"
	"time"

	"github.com/postvet/postvet/policy/arc"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/spf"
)

// factsVersion is the version of the encoded facts. It changes only if older values get
// another meaning. New values come last.
const factsVersion = 1

// facts writes or reads everything about a row that has no column of its own: what
// Replay of package rules and package explain need. Values that columns have are set before
// it reads.
func (c *codec) facts(r *Row) {
	version := factsVersion
	if number(c, &version); version != factsVersion {
		c.bad = true
		return
	}
	res, v := r.Results, r.Verdict
	c.setLocal(res)
	c.client(res)
	c.spf(res)
	c.dkim(res)
	c.arc(&res.ARC)
	c.dmarc(&res.DMARC)
	c.message(res)
	c.organizations(res)
	c.verdict(r, v)
	texts(c, &r.Faults, 4)
	c.moreSigning(res.Signing)
	c.sealing(res)
	c.circumstances(r)
	c.evidence(r)
}

func (c *codec) client(res *result.Results) {
	cl := &res.Client
	c.bits(&cl.Inside, &res.MailFromUnknown, &res.RecipientsIncomplete, &res.List.Post, &res.List.Bulk, &res.ExemptUndecided,
		&res.ClaimsIncomplete, &res.DNS.Degraded, &res.Author.Absent)
	fact(c, &cl.Listener, 64)
	fact(c, &cl.TLS, 16)
	fact(c, &cl.Socket, 128)
	text(c, &cl.RelayHelo, 128)
	number(c, &cl.Hops)
	text(c, &cl.Hidden, maxText)
	text(c, &res.IPRev.Status, 16)
	text(c, &res.IPRev.Reason, maxText)
	text(c, &res.IPRev.Name, maxText)
	fact(c, &cl.PTR, maxText)
}

// spf keeps the explanation of the domain's owner only if it names no mailbox, unless
// addresses are kept.
func (c *codec) spf(res *result.Results) {
	list(c, &res.SPF, 2, func(c *codec, s *spf.Result) {
		c.bits(&s.LocalPart)
		text(c, &s.Identity, 16)
		fact(c, &s.Domain, maxText)
		text(c, &s.Status, 16)
		text(c, &s.Mechanism, maxText)
		c.cutText(&s.Explanation, maxText, c.local)
		c.cutText(&s.Reason, maxText, c.localAt)
		number(c, &s.Lookups)
		number(c, &s.Voids)
	})
}

// maxSignatures bounds the signatures of a message that are kept.
const maxSignatures = 8

func (c *codec) dkim(res *result.Results) {
	text(c, &res.PartialBody, 16)
	c.cut = c.cut || len(res.DKIM) > maxSignatures
	list(c, &res.DKIM, maxSignatures, func(c *codec, d *dkim.Result) {
		c.bits(&d.Testing, &d.Partial)
		fact(c, &d.Domain, maxText)
		fact(c, &d.Selector, 64)
		fact(c, &d.Algorithm, 32)
		text(c, &d.Status, 16)
		text(c, &d.Reason, maxText)
		text(c, &d.Failure, 64)
		number(c, &d.KeyBits)
		identity := d.Identity
		if !c.reading && c.level != Addresses {
			_, domain := message.SplitPath(identity)
			identity = domain
		}
		fact(c, &identity, maxText)
		if c.reading {
			d.Identity = identity
			if identity != "" && !strings.Contains(identity, "@") {
				d.Identity = "@" + identity
			}
		}
		text(c, &d.Signature, 16)
		number(c, &d.BodyLength)
		texts(c, &d.Changed, 10)
	})
}

func (c *codec) arc(a *arc.Result) {
	c.bits(&a.Partial)
	text(c, &a.Status, 16)
	text(c, &a.Reason, maxText)
	number(c, &a.Instances)
	number(c, &a.OldestPass)
	list(c, &a.Sealers, 50, func(c *codec, s *arc.Sealer) {
		number(c, &s.Instance)
		fact(c, &s.Domain, maxText)
		text(c, &s.Selector, 64)
		has := s.Recorded != nil
		if c.bits(&has); !has {
			return
		}
		if c.reading {
			s.Recorded = &arc.Recorded{}
		}
		fact(c, &s.Recorded.DMARC, 32)
		fact(c, &s.Recorded.From, maxText)
		fact(c, &s.Recorded.SPF, maxText)
		c.cut = c.cut || len(s.Recorded.DKIM) > 10
		list(c, &s.Recorded.DKIM, 10, func(c *codec, s *string) { fact(c, s, maxText) })
		text(c, &s.Recorded.RemoteIP, 64)
		text(c, &s.Recorded.Problem, maxText)
	})
}

func (c *codec) dmarc(d *dmarc.Result) {
	unknown := d.Unknown != nil
	c.bits(&d.Testing, &d.SPFAligned, &d.DKIMAligned, &unknown)
	text(c, &d.Status, 16)
	fact(c, &d.AuthorDomain, maxText)
	fact(c, &d.OrganizationalDomain, maxText)
	fact(c, &d.RecordDomain, maxText)
	text(c, &d.Policy, 16)
	text(c, &d.PolicyTag, 8)
	text(c, &d.ADKIM, 8)
	text(c, &d.ASPF, 8)
	text(c, &d.Disposition, 16)
	text(c, &d.Suspected, 16)
	text(c, &d.Reason, maxText)
	if !unknown {
		return
	}
	if c.reading {
		d.Unknown = &dmarc.Unknown{}
	}
	c.bits(&d.Unknown.Bogus)
	var since int64
	if !d.Unknown.Since.IsZero() {
		since = d.Unknown.Since.Unix()
	}
	if number(c, &since); c.reading && since != 0 {
		d.Unknown.Since = unixTime(since)
	}
}

// message keeps what is known of the message itself. Of the Subject nothing is.
func (c *codec) message(res *result.Results) {
	user := res.User
	if !c.reading && user != "" && c.level != Addresses {
		user = SomeUser // that there was a login is a fact for rules
	}
	if fact(c, &user, maxText); c.reading {
		res.User = user
	}
	text(c, &res.Author.Problem, maxText)
	texts(c, &res.Author.Oddities, 4)
	c.mailboxes(&res.Author)
	list(c, &res.SenderDomains, 2, func(c *codec, d *result.SenderDomain) {
		text(c, &d.Identity, 16)
		fact(c, &d.Domain, maxText)
		text(c, &d.Status, 32)
		text(c, &d.Reason, maxText)
	})
	id := res.List.ID
	if i := strings.LastIndexByte(id, '@'); i >= 0 && !c.reading && c.level != Addresses {
		id, c.cut = id[i+1:], true // RFC 2919 has no mailbox there, some lists do
	}
	if fact(c, &id, maxText); c.reading {
		res.List.ID = id
	}
	text(c, &res.Exempt, 64)
	text(c, &res.Oversize, maxText)
	text(c, &res.Marks.Forward, 64)
	number(c, &res.Marks.Received)
	list(c, &res.Claims, 8, func(c *codec, f *result.FieldRef) {
		text(c, &f.Name, 64)
		number(c, &f.Occurrence)
	})
	texts(c, &res.Faults, 4)
	number(c, &res.DNS.Lookups)
	number(c, &res.DNS.Failed)
	number(c, &res.DNS.ResolverFailed)
	number(c, &res.DNS.HostFailed)
	wait := int64(1000 * res.DNS.WaitMS)
	if number(c, &wait); c.reading {
		res.DNS.WaitMS = float64(wait) / 1000
	}
	c.signing(res)
}

// mailboxes keeps the author's mailbox if addresses are kept, never its name.
func (c *codec) mailboxes(a *message.Author) {
	local := ""
	if !c.reading && c.level == Addresses {
		local = a.Address().Local
	}
	if text(c, &local, 64); c.reading && a.Domain != "" {
		a.Mailboxes = []message.Mailbox{{Local: local, Domain: a.Domain}}
	}
}

// organizations keeps the Organizational Domains that trust in a sealer may need.
func (c *codec) organizations(res *result.Results) {
	n := min(len(res.Organizations), dmarc.MaxOrganizations)
	number(c, &n)
	if c.reading {
		if n < 0 || n > dmarc.MaxOrganizations {
			c.bad = true
			return
		}
		for range n {
			var domain string
			var o dmarc.Organization
			text(c, &domain, maxText)
			text(c, &o.Domain, maxText)
			c.bits(&o.Late)
			if res.Organizations == nil {
				res.Organizations = map[string]dmarc.Organization{}
			}
			res.Organizations[domain] = o
		}
		return
	}
	for domain, o := range res.Organizations {
		if n--; n < 0 {
			return
		}
		text(c, &domain, maxText)
		text(c, &o.Domain, maxText)
		c.bits(&o.Late)
	}
}

// verdict keeps what the client was told. The other sentences can be found again, see
// [Row.Explain].
func (c *codec) verdict(r *Row, v *result.Verdict) {
	c.bits(&v.Monitored, &r.Early, &r.Undelivered)
	text(c, &v.Intended, 16)
	c.cutText(&v.Text, maxReply, c.localAt)
	n := 0
	if !c.reading && strings.HasPrefix(v.Text, v.Sentence) && withoutLocal(v.Text, c.localAt) == v.Text {
		n = len(v.Sentence)
	}
	if number(c, &n); c.reading {
		v.Sentence = v.Text
		if n > 0 && n < len(v.Text) {
			v.Sentence = v.Text[:n]
		}
	}
	list(c, &v.Overrides, 4, overrideCodec)
	list(c, &v.Refused, 4, overrideCodec)
	list(c, &v.Hints, 4, func(c *codec, h *result.Hint) { text(c, &h.Word, 32) })
	list(c, &v.Matched, 8, func(c *codec, m *result.RuleMatch) {
		c.bits(&m.Monitor)
		text(c, &m.Rule, 64)
		text(c, &m.Action, 16)
	})
	texts(c, &v.Faults, 4)
	text(c, &v.RedirectTo, maxText)
}

func overrideCodec(c *codec, o *result.Override) {
	text(c, &o.Reason, 32)
	text(c, &o.By, 64)
	text(c, &o.Text, maxText)
}

func unixTime(s int64) time.Time { return time.Unix(s, 0).UTC() }
