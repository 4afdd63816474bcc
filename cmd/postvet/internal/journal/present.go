package journal

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/spf"
)

// DNSTime bounds the lookups for the stories of one question.
const DNSTime = 5 * time.Second

// Present is what the DNS says of a record today.
type Present struct {
	// Text is the record; "" if there is none, or if Failure says why it is not known.
	Text    string `json:"text,omitempty"`
	Failure string `json:"failure,omitempty"`
	// Name is where the DMARC record stands that governs today.
	Name string `json:"name,omitempty"`
	// SPF is the result that the client would get today; "" if it is not known.
	SPF spf.Status `json:"spf,omitempty"`
	// Problem says what is wrong with the record.
	Problem string `json:"problem,omitempty"`
}

// AskDNS asks the DNS what the records of stories say today. Lookups that do not end before
// ctx does have failed, and are told as failures.
func AskDNS(ctx context.Context, all []Story, r dkim.Resolver, o dmarc.Options) {
	for i := range all {
		all[i].askDNS(ctx, r, o)
	}
}

func (s *Story) askDNS(ctx context.Context, r dkim.Resolver, o dmarc.Options) {
	var group sync.WaitGroup
	for i := range s.Evidence {
		e := &s.Evidence[i]
		group.Go(func() {
			switch e.Standard {
			case rows.SPF:
				e.Now = presentSPF(ctx, r, s.Row.Results, e.Place)
			case rows.DMARC:
				e.Now = presentDMARC(ctx, r, s.Row.Results, o)
			default:
				e.Now = presentKey(ctx, r, e.Place)
			}
			e.Now.Text = rows.RecordText(e.Now.Text)
		})
	}
	group.Wait()
	s.tellEvidence()
}

// presentSPF evaluates the client again. A local part that is not kept makes the result
// unknown if it matters.
func presentSPF(ctx context.Context, r dkim.Resolver, res *result.Results, p rows.Place) *Present {
	then, _ := spfOf(res, p)
	q := spf.Query{Identity: then.Identity, Helo: res.Client.Helo}
	q.IP, _ = netip.ParseAddr(res.Client.IP)
	if !q.IP.IsValid() {
		return &Present{Failure: "the client's address is not known"}
	}
	if then.Identity == spf.MailFrom {
		q.Sender = res.MailFrom
	}
	now := spf.Check(ctx, r, q, spf.Options{})
	out := &Present{Text: now.Record}
	switch {
	case now.Status == spf.TempError && now.Record == "":
		out.Failure = now.Reason
	case now.Status == spf.PermError:
		out.Problem = now.Reason
	}
	if !(then.LocalPart || now.LocalPart) && now.Status != spf.TempError {
		out.SPF = now.Status
	}
	return out
}

func presentDMARC(ctx context.Context, r dkim.Resolver, res *result.Results, o dmarc.Options) *Present {
	unknown := func(string) dmarc.Organization { return dmarc.Organization{} }
	now := dmarc.LookupAuthor(ctx, r, res.DMARC.AuthorDomain, o).Evaluate(dmarc.Identifier{}, nil, unknown)
	out := &Present{Text: now.Record}
	switch {
	case now.RecordDomain != "":
		out.Name = rows.Place{Standard: rows.DMARC, Domain: now.RecordDomain}.Name()
	case now.Status == dmarc.TempError:
		out.Failure = now.Reason
	}
	return out
}

func presentKey(ctx context.Context, r dkim.Resolver, p rows.Place) *Present {
	ref := dkim.KeyRef{Selector: p.Selector, Domain: p.Domain}
	keys := dkim.LookupKeys(ctx, r, ref)
	_, err := keys.Get(ref)
	out := &Present{Text: keys.Record(ref)}
	if err != nil && !keys.Missing(ref) {
		out.Failure = err.Error()
	}
	return out
}
