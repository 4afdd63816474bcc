package policy_test

import (
	"strings"
	"testing"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/policy/addrlist"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/rules"
)

// TestTrust are the goldens of what an administrator may set beside DMARC: each
// key at its work, where it refuses to, and what somebody might try with it.
func TestTrust(t *testing.T) { runGoldens(t, "testdata/trust/*.txtar") }

// readTrust reads an envelope's lines about the keys of trust and local policy.
func (g *golden) readTrust(t *testing.T, key, value string) bool {
	t.Helper()
	trust, local := &g.rules.Trust, &g.rules.Local
	switch key {
	case "dmarc":
		g.rules.DMARC = rules.DMARC(value)
	case "exempt-name":
		g.exempt.Names = members(t, value)
	case "forwarders":
		trust.Forwarders = members(t, value)
	case "sealers":
		trust.Sealers = members(t, value)
	case "mailing-lists":
		trust.MailingLists = rules.MailingLists(value)
	case "author-override":
		domain, asked, _ := strings.Cut(value, " ")
		if trust.Authors == nil {
			trust.Authors = map[string]rules.AuthorOverride{}
		}
		trust.Authors[domain] = rules.AuthorOverride{Policy: dmarc.Policy(asked)}
	case "spf-fail":
		local.SPFFail = rules.Demand(value)
	case "spf-softfail":
		local.SPFSoftfail = rules.Demand(value)
	case "spf-permerror":
		local.SPFPermError = rules.Demand(value)
	case "own-domains":
		local.OwnDomains = members(t, value)
	case "on-own-domain":
		local.OnOwnDomain = rules.Demand(value)
	case "signing-domains":
		local.SigningDomains = members(t, value)
	case "on-unsigned":
		local.OnUnsigned = rules.Demand(value)
	case "on-degraded":
		g.rules.OnDegraded = rules.Degraded(value)
	case "dns-is-down":
		g.trouble = true
	default:
		return false
	}
	return true
}

// members makes a list of the entries in a line.
func members(t *testing.T, line string) *addrlist.List {
	t.Helper()
	l, err := addrlist.New(addrlist.Addresses|addrlist.Names|addrlist.Signers, strings.Fields(line)...)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// health is a resolver that is said to be in trouble, or not.
type health struct {
	*dnscache.Resolver
	bad bool
}

func (h health) Degraded() bool { return h.bad }
