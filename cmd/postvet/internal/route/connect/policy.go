package connect

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"mime"
	"net/netip"
	"time"

	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/mtasts"
)

// PolicyFile is a policy as the web server has it.
type PolicyFile struct {
	Text string
	// Plain reports that its type is text/plain, as RFC 8461 section 3.2 demands.
	Plain bool
	Type  string
}

// Policy fetches the policy of a domain from the addresses of its policy host. The error
// says in words why a sender gets none.
func (c *Client) Policy(ctx context.Context, domain string, addrs []netip.Addr) (PolicyFile, error) {
	body, kind, err := c.Fetch(ctx, mtasts.PolicyURL(domain), addrs, mtasts.MaxPolicy)
	var elsewhere *Redirected
	switch {
	case errors.As(err, &elsewhere):
		return PolicyFile{}, fmt.Errorf("%w, which senders do not follow (RFC 8461 section 3.3)", err)
	case err != nil:
		return PolicyFile{}, err
	}
	plain, _, err := mime.ParseMediaType(kind)
	return PolicyFile{Text: string(body), Plain: err == nil && plain == "text/plain", Type: foreign.Line(kind, 100)}, nil
}

// VerifyName checks certificates by the trusted authorities, as MTA-STS demands (RFC 8461
// section 4.2). The error says in words what is wrong.
func (c *Client) VerifyName(chain []*x509.Certificate, host string, now time.Time) error {
	if len(chain) == 0 {
		return errors.New("it has no certificate")
	}
	between := x509.NewCertPool()
	for _, cert := range chain[1:min(len(chain), 20)] {
		between.AddCert(cert)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{Roots: c.Roots, Intermediates: between, CurrentTime: now, DNSName: host})
	var name x509.HostnameError
	var authority x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &name):
		return errors.New("its certificate is not for " + host)
	case errors.As(err, &authority):
		return errors.New("its certificate is of an authority that nobody trusts, or the authority's certificate is not sent")
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired && now.After(chain[0].NotAfter):
		return errors.New("its certificate has expired on " + chain[0].NotAfter.UTC().Format(time.DateOnly))
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired && now.Before(chain[0].NotBefore):
		return errors.New("its certificate is not valid before " + chain[0].NotBefore.UTC().Format(time.DateOnly))
	}
	return errors.New("its certificate is not valid: " + foreign.Line(err.Error(), 100))
}
