package policy_test

import (
	"context"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/policy/addrlist"
	"github.com/postvet/postvet/policy/condition"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/iprev"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/mx"
	"github.com/postvet/postvet/policy/spf"
)

// namesOnly is a DNS in which nothing but one name in the client's reverse zone
// stands, and that leads back.
type namesOnly struct {
	client netip.Addr
	name   string
}

func (n namesOnly) Lookup(_ context.Context, _ string, t dnscache.Type) *dnscache.Answer {
	switch t {
	case dnscache.PTR:
		return &dnscache.Answer{Outcome: dnscache.Found, Names: []string{n.name}}
	case dnscache.A:
		return &dnscache.Answer{Outcome: dnscache.Found, Addrs: []netip.Addr{n.client}}
	}
	return &dnscache.Answer{Outcome: dnscache.NoData}
}

// domainReaders are all that read a domain name from outside. Each returns it as
// it understands it, "" for what it takes for no domain.
var domainReaders = map[string]func(ctx context.Context, name string) string{
	"message": func(_ context.Context, name string) string {
		domain, _ := message.NormalizeDomain(name)
		return domain
	},
	"From": func(_ context.Context, name string) string {
		return message.ParseAuthor(message.Header{message.NewField("From", " a@"+name)}).Domain
	},
	"MAIL FROM": func(ctx context.Context, name string) string {
		return spf.Check(ctx, namesOnly{}, spf.Query{IP: netip.MustParseAddr("192.0.2.1"), Sender: "a@" + name}, spf.Options{}).Domain
	},
	"HELO": func(ctx context.Context, name string) string {
		return spf.Check(ctx, namesOnly{}, spf.Query{Identity: spf.HELO, IP: netip.MustParseAddr("192.0.2.1"), Helo: name}, spf.Options{}).Domain
	},
	"d=": func(_ context.Context, name string) string {
		s, _ := dkim.ParseSignature(message.NewField("DKIM-Signature", " v=1; a=rsa-sha256; b=AA==; s=s; d="+name))
		return s.Domain
	},
	"s=": func(_ context.Context, name string) string {
		s, _ := dkim.ParseSignature(message.NewField("DKIM-Signature", " v=1; a=rsa-sha256; b=AA==; d=example.org; s="+name))
		return s.Selector
	},
	"d= of a seal": func(_ context.Context, name string) string {
		s, _ := dkim.ParseSeal(message.NewField("ARC-Seal", " i=1; a=rsa-sha256; b=AA==; s=s; d="+name))
		return s.Domain
	},
	"dmarc": func(ctx context.Context, name string) string {
		return dmarc.Discover(ctx, namesOnly{}, name, dmarc.Options{}).OrganizationalDomain
	},
	"dmarc by PSL": func(ctx context.Context, name string) string {
		w := dmarc.Discover(ctx, namesOnly{}, name, dmarc.Options{Discovery: dmarc.PSL})
		if w.Trouble != "" {
			return ""
		}
		return w.Domain
	},
	"mx": func(ctx context.Context, name string) string {
		return mx.Check(ctx, namesOnly{}, name).Domain
	},
	"iprev": func(ctx context.Context, name string) string {
		client := netip.MustParseAddr("192.0.2.1")
		return iprev.Check(ctx, namesOnly{client, name}, client).Name
	},
	"list": func(_ context.Context, name string) string {
		domain, _ := message.NormalizeDomain(name)
		if l, err := addrlist.New(addrlist.Names, name); err != nil || !l.Name(domain) {
			return ""
		}
		return domain
	},
	"rule": func(_ context.Context, name string) string {
		key, _ := condition.KeyNamed("from")
		if _, problem, _ := condition.NewTest(key, []string{name}, condition.Lists{}); problem != "" {
			return ""
		}
		domain, _ := message.NormalizeDomain(name)
		return domain
	},
}

// A name that is a domain to one reader is the same domain to all others, unless its
// standard has a narrower syntax.
func TestDomainNames(t *testing.T) {
	t.Parallel()
	label63 := strings.Repeat("a", 63)
	name253 := strings.Repeat(strings.Repeat("a", 49)+".", 5) + "abc"
	dkimNames := []string{"d=", "s=", "d= of a seal"}
	for _, tt := range []struct {
		name, want string
		// other readers take it for no domain.
		other []string
	}{
		{name: "example.org", want: "example.org"},
		{name: "eXample.ORG", want: "example.org"},
		{name: "_under_score.example.org", want: "_under_score.example.org"},
		{name: "r3---sn.-a-.example", want: "r3---sn.-a-.example"},
		{name: "ab--cd.example", want: "ab--cd.example"},
		{name: label63 + ".example", want: label63 + ".example"},
		{name: label63 + "a.example"},
		{name: name253, want: name253},
		{name: name253 + "d"},
		{name: "a..example"},
		{name: ".example"},
		{name: "a/b.example"},
		{name: "a!b.example"},
		{name: "a*b.example"},
		{name: "xn--bcher-kva.example", want: "xn--bcher-kva.example"},
		// A mail client would show this as example.org.
		{name: "xn--example-.org", want: "xn--example-.org", other: []string{"From"}},
		// Octets in the DNS are no U-labels.
		{name: "bücher.example", want: "xn--bcher-kva.example", other: []string{"iprev"}},
		{name: "Bücher.r3---sn.Example", want: "xn--bcher-kva.r3---sn.example", other: []string{"iprev"}},
		{name: "_x.bücher.example", want: "_x.xn--bcher-kva.example", other: []string{"iprev"}},
		{name: "bücher。example", want: "xn--bcher-kva.example", other: []string{"iprev"}},
		{name: "straße.example", want: "xn--strae-oqa.example", other: []string{"iprev"}},
		{name: "i❤.ws", want: "xn--i-7iq.ws", other: []string{"iprev"}},
		{name: "אa.example"},
		{name: "b\xfccher.example"},
		// RFC 6376 section 3.5: no dot ends a name of a tag.
		{name: "example.org.", want: "example.org", other: dkimNames},
		{name: "bücher.example。", want: "xn--bcher-kva.example", other: append([]string{"iprev"}, dkimNames...)},
		// RFC 6376 section 3.5: a signer's domain has two labels.
		{name: "localhost", want: "localhost", other: []string{"d=", "d= of a seal"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			want, got := map[string]string{}, map[string]string{}
			for reader, read := range domainReaders {
				want[reader], got[reader] = tt.want, read(t.Context(), tt.name)
			}
			for _, reader := range tt.other {
				want[reader] = ""
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%q (-want +got):\n%s", tt.name, diff)
			}
		})
	}
}
