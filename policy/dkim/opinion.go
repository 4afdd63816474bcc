package dkim

import (
	"context"
	"io"

	msgauth "github.com/emersion/go-msgauth/dkim"

	"github.com/postvet/postvet/dnscache"
)

// Opinion is the result of another DKIM implementation, go-msgauth, for a
// signature. It is for an administrator who doubts our result, and decides nothing.
type Opinion struct {
	Domain string `json:"domain"`
	Result Status `json:"result"` // Pass, Fail, PermError or TempError
	Reason string `json:"reason"`
	// Agrees reports whether the signature passes for both or for neither.
	Agrees bool `json:"agrees"`
}

// SecondOpinion verifies a message with go-msgauth and compares the outcome with
// ours, the results of [Verifier.Finish]. Lines of the message end in CRLF. The
// list is in the order of the signatures and never nil.
//
// A difference does not always mean an error: go-msgauth uses the current time for
// expiry, fails every signature with l=, and ignores t=s. go-msgauth holds the
// message in memory and hashes the body for each signature, so signatures below the
// last one that we verified get no opinion, and none gets one below the fiftieth.
func SecondOpinion(ctx context.Context, mail io.Reader, r Resolver, ours []Result) []Opinion {
	list := []Opinion{}
	verified := len(ours)
	for verified > 0 && ours[verified-1].Failure == FailureLimit {
		verified--
	}
	verifications, err := msgauth.VerifyWithOptions(mail, &msgauth.VerifyOptions{
		MaxVerifications: min(max(1, verified), 50),
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

// noTXT is the error for an answer without text. It is a net.Error, because
// go-msgauth tells a DNS failure from a missing key by that type.
type noTXT struct{ outcome dnscache.Outcome }

func (e noTXT) Error() string   { return e.outcome.String() }
func (e noTXT) Timeout() bool   { return e.outcome == dnscache.Timeout }
func (e noTXT) Temporary() bool { return e.outcome.Temporary() }
