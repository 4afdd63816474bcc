package dkim

import (
	"context"
	"io"

	msgauth "github.com/emersion/go-msgauth/dkim"

	"github.com/postvet/postvet/dnscache"
)

// Opinion is what another implementation of DKIM, go-msgauth, says about a
// signature. It decides nothing: it is for an administrator who doubts ours.
type Opinion struct {
	Domain string `json:"domain"`
	Result Status `json:"result"` // Pass, Fail, PermError or TempError
	Reason string `json:"reason"`
	// Agrees tells that both let the signature pass, or neither.
	Agrees bool `json:"agrees"`
}

// SecondOpinion has go-msgauth verify a message with CRLF line ends, which it
// holds in memory, asking the same resolver, and compares with what we found, ours,
// in the order of the signatures. go-msgauth judges expiry by the clock of now,
// fails every l= and knows no t=s, so that it can differ where nothing is wrong.
// Signatures below those that we verify have no second opinion: it would hash the
// body for each of thousands. The list is never nil.
func SecondOpinion(ctx context.Context, mail io.Reader, r Resolver, ours []Result) []Opinion {
	list := []Opinion{}
	verified := len(ours)
	for verified > 0 && ours[verified-1].Failure == FailureLimit {
		verified--
	}
	verifications, err := msgauth.VerifyWithOptions(mail, &msgauth.VerifyOptions{
		MaxVerifications: max(1, verified),
		LookupTXT: func(name string) ([]string, error) {
			a := r.Lookup(ctx, name, dnscache.TXT)
			if a.Outcome != dnscache.Found {
				return nil, noTXT{a.Outcome}
			}
			return a.TXT, nil
		},
	})
	for i, v := range verifications {
		o := Opinion{Domain: v.Domain, Result: Pass}
		if v.Err != nil {
			o.Reason = v.Err.Error()
		}
		switch {
		case v.Err == nil:
		case msgauth.IsTempFail(v.Err):
			o.Result = TempError
		case msgauth.IsPermFail(v.Err):
			o.Result = PermError
		default:
			o.Result = Fail
		}
		o.Agrees = i < len(ours) && (ours[i].Status == Pass) == (v.Err == nil)
		list = append(list, o)
	}
	if err != nil && len(list) == 0 {
		list = append(list, Opinion{Result: PermError, Reason: err.Error(), Agrees: len(ours) == 0})
	}
	return list
}

// noTXT is an answer without text. It is a net.Error, by which go-msgauth tells
// trouble from absence.
type noTXT struct{ outcome dnscache.Outcome }

func (e noTXT) Error() string   { return e.outcome.String() }
func (e noTXT) Timeout() bool   { return e.outcome == dnscache.Timeout }
func (e noTXT) Temporary() bool { return e.outcome.Temporary() }
