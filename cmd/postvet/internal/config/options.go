package config

import (
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/postvet/postvet/filter"
	"github.com/postvet/postvet/filter/milter"
	"github.com/postvet/postvet/policy"
	"github.com/postvet/postvet/policy/addrlist"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/rules"
)

// least returns 1ns for "0s", which the other packages would take for their default.
func least(d time.Duration) time.Duration { return max(d, 1) }

// CheckerOptions returns the options of a policy.Checker. It looks up with r and
// takes the time from now. authservID is that of EffectiveAuthservID.
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
		Judgement:      c.judges() || c.shadow != nil && c.shadow.judges(),
		ForwardedTo:    c.Trust.ForwardedRecipients.Set,
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

// judges reports whether decisions rest on evidence that costs lookups.
func (c *Config) judges() bool {
	return c.Policy.OnReject == rules.RejectJudge || slices.ContainsFunc(c.RuleList(), func(r rules.Rule) bool { return r.If != nil && r.If.Uses("judgement") })
}

// Rules returns the rules that turn results into a verdict.
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
		SPFHelo:           c.Policy.SPFHelo,
		DMARC:             c.Policy.DMARC,
		OnReject:          c.Policy.OnReject,
		Quarantine:        c.Policy.Quarantine,
		OnTempError:       c.Policy.OnTempError,
		OnAmbiguousAuthor: c.Policy.OnAmbiguousAuthor,
		SenderDomain:      c.Policy.SenderDomain,
		OnFault:           c.Policy.OnFault,
		OnKeyError:        c.Sign.OnKeyError,
		HelpURL:           c.Policy.HelpURL,
		Custom:            c.RuleList(),
		OnDegraded:        c.Policy.OnDegraded,
		Trust: rules.Trust{
			Forwarders:   c.Trust.Forwarders.Set,
			Sealers:      c.Trust.Sealers.Set,
			MailingLists: c.Policy.MailingLists,
			Authors:      c.authors(),
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
		Reports: rules.Reports{
			Inbox:          addrlist.NewMailboxes(c.Report.Inbox...),
			RequirePass:    c.Report.RequirePass,
			ConsumeBounces: c.Report.Send != ReportSendOff && c.Report.Bounce == ReportBounceConsume,
		},
	}
}

// ServerOptions returns the options of the milter server. Its DrainTimeout is the
// highest allowed one. The caller ends a stop earlier, by the active DrainTimeout.
func (c *Config) ServerOptions(log *zap.Logger) filter.Options {
	return filter.Options{
		Logger: log,
		Milter: milter.Options{
			MaxConnections: c.Limits.Connections,
			ReadTimeout:    c.Limits.IdleTimeout,
			VerdictTimeout: c.Limits.VerdictTimeout,
			DrainTimeout:   maxDrainTimeout,
			AnswerEnvelope: c.AnswerEnvelope,
		},
		MaxRecipients: c.Limits.Recipients,
	}
}
