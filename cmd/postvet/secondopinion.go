package main

import (
	"bytes"
	"context"

	"github.com/postvet/postvet/policy"
	"github.com/postvet/postvet/policy/dkim"
)

// maxSecondOpinion bounds the message that is kept for a second opinion: it is
// wanted whole.
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

// secondOpinion has the signatures of a message verified once more.
func secondOpinion(ctx context.Context, mail *limitedBuffer, r policy.Resolver, ours []dkim.Result) []dkim.Opinion {
	if mail.Len() > maxSecondOpinion {
		return []dkim.Opinion{{Result: dkim.PermError, Reason: "the message is larger than 64 MB"}}
	}
	return dkim.SecondOpinion(ctx, mail, r, ours)
}

// opinions writes a second opinion for a person.
func (p *page) opinions(list []dkim.Opinion) {
	for _, o := range list {
		agrees := "agrees with ours"
		if !o.Agrees {
			agrees = "differs from ours"
		}
		p.line("second", string(o.Result), "go-msgauth", orNone(o.Domain, "no domain"), agrees, o.Reason)
	}
}
