package reportsending

import (
	"context"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/reports"
	"github.com/postvet/postvet/cmd/postvet/internal/reportstore"
	"github.com/postvet/postvet/policy/dmarc"
)

// Planned is what would become of a subject.
type Planned struct {
	Subject reports.Subject
	// Why says why there would be no report; Chosen if there would be.
	Why Why
	// At is when it would be sent first.
	At time.Time
	// Problem says why the addresses are not known now, or why there are none; "" if
	// there are.
	Problem string
	// Addresses are where it would go, and where not and why.
	Addresses []PlannedAddress
}

// PlannedAddress is what would become of the delivery to an address.
type PlannedAddress struct {
	Address string
	// State is New if it would be sent.
	State  reports.State
	Reason string
}

// Plan passes what would be sent about a day to yield until that returns false, and what
// would not and why. It changes nothing. The error is that of the store.
func (s *Sender) Plan(ctx context.Context, day reports.Day, yield func(*Planned) bool) error {
	subjects, err := s.o.Store.Subjects(ctx, reportstore.SubjectQuery{Day: day})
	if err != nil {
		return err
	}
	for i := range subjects {
		p := Planned{Subject: subjects[i], Why: s.choose(&subjects[i])}
		if p.Why == Chosen {
			p.At = s.o.Settings.place(&p.Subject, s.o.Node)
			if err := s.planAddresses(ctx, &p); err != nil {
				return err
			}
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if !yield(&p) {
			return nil
		}
	}
	return nil
}

// planAddresses asks for each address what an attempt would ask.
func (s *Sender) planAddresses(ctx context.Context, p *Planned) error {
	all := s.Destinations(ctx, p.Subject.Policy.Domain)
	if all.Unknown != "" || all.None != "" {
		p.Problem = all.None
		if all.Unknown != "" {
			p.Problem = "DNS failure: " + all.Unknown
		}
		return nil
	}
	for _, x := range all.List {
		a := PlannedAddress{Address: x.Address, State: reports.New}
		switch {
		case x.Consent == dmarc.ConsentUnknown:
			a.State, a.Reason = reports.Deferred, x.Reason
		case x.Consent == dmarc.ConsentAbsent:
			a.State, a.Reason = reports.Refused, x.Reason
		default:
			reason, is, err := s.suppressed(ctx, x.Address)
			if err != nil {
				return err
			}
			if is {
				a.State, a.Reason = reports.Suppressed, reason
			}
		}
		p.Addresses = append(p.Addresses, a)
	}
	return nil
}
