package domainhistory

import (
	"context"
	"net/netip"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/inspect"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/dmarc"
)

// ObservedTime and observedRows bound what is read of a journal for one domain.
const (
	ObservedTime = 30 * 24 * time.Hour
	observedRows = 20_000
)

// Observe adds what a journal has of mail of a domain.
func Observe(ctx context.Context, o *inspect.Observed, r rows.Reader, domain string, now time.Time) error {
	q := rows.Query{Domain: domain, Since: now.Add(-ObservedTime), Limit: rows.MaxLimit}
	source := inspect.ObservedSource{Source: inspect.Journal, Since: q.Since.UTC().Truncate(time.Second), Complete: true}
	for n := 0; n < observedRows; {
		page, err := r.Find(ctx, q)
		if err != nil {
			return err
		}
		for _, row := range page.Rows {
			observeRow(o, row, domain)
		}
		source.Complete = source.Complete && page.Complete && len(page.Unread) == 0
		if n += len(page.Rows); page.Next == 0 || !page.Complete {
			break
		}
		q.Before = page.Next
		source.Complete = source.Complete && n < observedRows
	}
	o.Sources = append(o.Sources, source)
	return nil
}

// observeRow adds one message. The row may be of a name below the domain.
func observeRow(o *inspect.Observed, row *rows.Row, domain string) {
	res, at := row.Results, row.Ref.Time()
	if s := res.Signing; s != nil && s.Domain == domain && s.Selector != "" && s.DryRun == nil {
		o.Mail.Signed++
		o.Signature(inspect.Journal, s.Selector, at)
	}
	for _, d := range res.DKIM {
		if d.Domain == domain && d.Status == dkim.Pass {
			o.Signature(inspect.Journal, d.Selector, at)
		}
	}
	if res.Exempt != "" || res.Author.Domain != domain {
		return
	}
	if res.DMARC.Status == dmarc.Fail {
		o.Mail.Failed++
	}
	if res.DMARC.Status != dmarc.Pass {
		return
	}
	o.Mail.Genuine++
	if res.Client.TLS != "" {
		o.Mail.TLS++
	} else {
		o.Mail.Clear++
	}
	if res.DMARC.DKIMAligned {
		o.Mail.DKIM++
	}
	if !res.DMARC.SPFAligned {
		return
	}
	o.Mail.SPF++
	if res.DMARC.DKIMAligned {
		o.Mail.Both++
	}
	if ip, err := netip.ParseAddr(res.Client.IP); err == nil {
		o.Host(inspect.Journal, ip, res.Client.Helo, 1)
	}
}
