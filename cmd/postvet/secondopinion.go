package main

import (
	"bytes"
	"context"
	"net"

	msgauth "github.com/emersion/go-msgauth/dkim"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/policy"
	"github.com/postvet/postvet/policy/dkim"
)

// maxSecondOpinion bounds the message that is kept for a second opinion:
// go-msgauth wants it whole.
const maxSecondOpinion = 64 << 20

// limitedBuffer keeps one octet more than may be, and drops the rest.
type limitedBuffer struct{ bytes.Buffer }

func (b *limitedBuffer) Write(p []byte) (int, error) {
	if room := maxSecondOpinion + 1 - b.Len(); len(p) > room {
		_, _ = b.Buffer.Write(p[:room])
		return len(p), nil
	}
	return b.Buffer.Write(p)
}

// opinion is what another implementation of DKIM, go-msgauth, says about a
// signature. It decides nothing: it is for an administrator who doubts ours.
type opinion struct {
	Domain string `json:"domain"`
	Result string `json:"result"` // pass, fail, permerror or temperror
	Reason string `json:"reason"`
	// Agrees tells that both let the signature pass, or neither.
	Agrees bool `json:"agrees"`
}

// secondOpinion has go-msgauth verify a message with CRLF line ends, asking the
// same resolver. It knows no l=, t=s and clock of ours, so that it can differ
// where nothing is wrong; the order is that of our results.
func secondOpinion(ctx context.Context, mail *limitedBuffer, r policy.Resolver, ours []dkim.Result) []opinion {
	list := []opinion{}
	if mail.Len() > maxSecondOpinion {
		return append(list, opinion{Result: "permerror", Reason: "the message is larger than 64 MB", Agrees: true})
	}
	verifications, err := msgauth.VerifyWithOptions(mail, &msgauth.VerifyOptions{
		MaxVerifications: max(1, len(ours)),
		LookupTXT: func(name string) ([]string, error) {
			a := r.Lookup(ctx, name, dnscache.TXT)
			if a.Outcome != dnscache.Found {
				return nil, &net.DNSError{
					Err: a.Outcome.String(), Name: name, IsNotFound: !a.Outcome.Temporary(), IsTemporary: a.Outcome.Temporary(),
				}
			}
			return a.TXT, nil
		},
	})
	for i, v := range verifications {
		o := opinion{Domain: v.Domain, Result: "pass"}
		if v.Err != nil {
			o.Reason = v.Err.Error()
		}
		switch {
		case v.Err == nil:
		case msgauth.IsTempFail(v.Err):
			o.Result = "temperror"
		case msgauth.IsPermFail(v.Err):
			o.Result = "permerror"
		default:
			o.Result = "fail"
		}
		o.Agrees = i < len(ours) && (ours[i].Status == dkim.Pass) == (v.Err == nil)
		list = append(list, o)
	}
	if err != nil && len(list) == 0 {
		list = append(list, opinion{Result: "permerror", Reason: err.Error(), Agrees: len(ours) == 0})
	}
	return list
}

// opinions writes a second opinion for a person.
func (p *page) opinions(list []opinion) {
	for _, o := range list {
		agrees := "agrees with ours"
		if !o.Agrees {
			agrees = "differs from ours"
		}
		p.line("second", o.Result, "go-msgauth", orNone(o.Domain, "no domain"), agrees, o.Reason)
	}
}
