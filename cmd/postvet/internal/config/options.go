package config

import (
	"maps"
	"slices"
	"time"

	"github.com/postvet/postvet/policy/rules"

	"go.uber.org/zap"

	"github.com/postvet/postvet/filter"
	"github.com/postvet/postvet/filter/milter"
	"github.com/postvet/postvet/policy"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/dmarc"
)

// least makes "0s", which the rooms take for their default, the least there is.
func least(d time.Duration) time.Duration { return max(d, 1) }

// CheckerOptions are the settings of a policy.Checker, which asks r and takes
// the time from now. authservID is the name in force, never "".
func (c *Config) CheckerOptions(r policy.Resolver, authservID string, now func() time.Time) policy.Options {
	return policy.Options{
		Resolver:   r,
		AuthservID: authservID,
		Now:        now,
		Exempt: policy.Exempt{
			Addresses:     c.Exempt.Addresses.Set,
			Names:         c.Exempt.Names.Set,
			Authenticated: c.Exempt.Authenticated,
			Local:         c.Exempt.Local,
		},
		Relays:         c.Trust.Relays.Set,
		SenderDomain:   c.Policy.SenderDomain != rules.SenderDomainOff,
		SPFTimeout:     c.Limits.SPFTimeout,
		MessageTimeout: c.Limits.MessageTimeout,
		MaxHeaderBytes: int(c.Limits.HeaderBytes),
		MaxFields:      c.Limits.Fields,
		MaxBodyBytes:   int64(c.Limits.BodyBytes),
		MaxRecipients:  c.Limits.Recipients,
		DKIM: dkim.Options{
			Skew:          least(c.DKIM.ClockSkew),
			MaxSignatures: c.Limits.Signatures,
			MinRSABits:    c.DKIM.MinRSABits,
			MaxRSABits:    c.DKIM.MaxRSABits,
		},
		PartialBody: c.DKIM.PartialBody,
		DMARC:       dmarc.Options{Discovery: c.Policy.OrganizationalDomain},
	}
}

// Rules are the settings that turn results into a verdict.
func (c *Config) Rules(authservID string) rules.Rules {
	return rules.Rules{
		Mode: c.Mode,
		Modes: rules.Modes{
			MonitorListeners:  slices.Clone(c.Policy.MonitorListeners),
			MonitorDomains:    c.Policy.MonitorDomains.Set,
			EnforceDomains:    c.Policy.EnforceDomains.Set,
			MonitorRecipients: c.Policy.MonitorRecipients.Set,
		},
		AuthservID:        authservID,
		DMARC:             c.Policy.DMARC,
		Quarantine:        c.Policy.Quarantine,
		OnTempError:       c.Policy.OnTempError,
		OnAmbiguousAuthor: c.Policy.OnAmbiguousAuthor,
		SenderDomain:      c.Policy.SenderDomain,
		OnFault:           c.Policy.OnFault,
		HelpURL:           c.Policy.HelpURL,
		Custom:            c.RuleList(),
		OnDegraded:        c.Policy.OnDegraded,
		Trust: rules.Trust{
			Forwarders:   c.Trust.Forwarders.Set,
			Sealers:      c.Trust.Sealers.Set,
			MailingLists: c.Policy.MailingLists,
			Authors:      maps.Clone(c.AuthorOverrides),
		},
		Local: rules.Local{
			SPFFail:        c.Policy.SPFFail,
			SPFSoftfail:    c.Policy.SPFSoftfail,
			SPFPermError:   c.Policy.SPFPermError,
			SPFEarly:       c.Policy.SPFEarly,
			OwnDomains:     c.Policy.OwnDomains.Set,
			OnOwnDomain:    c.Policy.OnOwnDomain,
			SigningDomains: c.Policy.SigningDomains.Set,
			OnUnsigned:     c.Policy.OnUnsigned,
		},
	}
}

// ServerOptions are the limits of the milter server. How long a stop may take
// is the caller's business, who may have loaded another DrainTimeout since.
func (c *Config) ServerOptions(log *zap.Logger) filter.Options {
	return filter.Options{
		Logger: log,
		Milter: milter.Options{
			MaxConnections: c.Limits.Connections,
			ReadTimeout:    c.Limits.IdleTimeout,
			VerdictTimeout: c.Limits.VerdictTimeout,
			DrainTimeout:   maxDrainTimeout,
		},
		MaxRecipients: c.Limits.Recipients,
	}
}
