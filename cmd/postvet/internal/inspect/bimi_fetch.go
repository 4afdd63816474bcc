package inspect

import (
	"context"
	"errors"
	"net/netip"
	"net/url"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/lookups"
	"github.com/postvet/postvet/cmd/postvet/internal/route"
	"github.com/postvet/postvet/cmd/postvet/internal/route/connect"
	"github.com/postvet/postvet/policy/bimi"
)

// Fetcher fetches files over HTTPS.
type Fetcher interface {
	// Fetch returns the octets of a file and its type. More than most octets are an
	// error.
	Fetch(ctx context.Context, url string, addrs []netip.Addr, most int) (body []byte, kind string, err error)
}

// fetch fetches the logo and its certificate, and says what is wrong with them. It
// connects to no address that the Internet cannot reach.
func (b *Brand) fetch(ctx context.Context, l *lookups.Lookups, f Fetcher, now time.Time, domains ...string) {
	if f == nil || b.State != BrandPublished {
		return
	}
	b.Fetched = true
	if b.Location != "" {
		b.file(ctx, l, f, "the logo", b.Location, bimi.MaxIndicator, bimi.CheckIndicator)
	}
	if b.Evidence == "" {
		return
	}
	b.file(ctx, l, f, "the certificate for the logo", b.Evidence, bimi.MaxEvidence, func(body []byte) error {
		ends, err := bimi.CheckEvidence(body, now, domains...)
		if err == nil && ends.Sub(now) < 30*24*time.Hour {
			b.Findings.Warning("the certificate for the logo ends on "+ends.UTC().Format(time.DateOnly), "have the authority issue the next one")
		}
		return err
	})
}

// file fetches one file and checks it.
func (b *Brand) file(ctx context.Context, l *lookups.Lookups, f Fetcher, what, location string, most int, check func([]byte) error) {
	u, err := url.Parse(location)
	if err != nil || u.Port() != "" && u.Port() != "443" {
		b.Findings.Note(what+" was not fetched, as it stands at another port than 443", "")
		return
	}
	host, ok := normalize(u.Hostname())
	if !ok {
		b.Findings.Error(what+" cannot be fetched: "+u.Hostname()+" is no host", "")
		return
	}
	answer := l.Addresses(ctx, host)
	addrs := route.Reachable(answer.Addrs)
	switch {
	case len(answer.Addrs) == 0 && !answer.Outcome.Known():
		b.Findings.DNSFailure(lookups.Failure("the address", host, answer))
		return
	case len(addrs) == 0:
		b.Findings.Error(what+" cannot be fetched: "+host+" has no address that the Internet can reach", "publish an address (A or AAAA) of "+host+".")
		return
	}
	body, _, err := f.Fetch(ctx, u.String(), addrs, most)
	var elsewhere *connect.Redirected
	if errors.As(err, &elsewhere) {
		b.Findings.Note(what+" was not fetched: "+err.Error(), "name the place where it stands, as not all receivers follow")
		return
	}
	if err != nil {
		b.Findings.Error(what+" cannot be fetched: "+err.Error(), "")
		return
	}
	if err := check(body); err != nil {
		b.Findings.Error(what+" at "+location+" is not shown: "+err.Error(), "")
		return
	}
	b.Findings.OK(what + " is sound")
}
