package trial

import (
	"bytes"
	"context"
	"fmt"
	"io"

	"github.com/postvet/postvet/cmd/postvet/internal/mailbox"
	"github.com/postvet/postvet/policy"
	"github.com/postvet/postvet/policy/dkim"
)

// maxSecondOpinion bounds the message that is kept for a second opinion, which
// needs it whole.
const maxSecondOpinion = 64 << 20

// limitedBuffer keeps one octet more than is allowed, and drops the rest.
type limitedBuffer struct{ bytes.Buffer }

func (b *limitedBuffer) Write(p []byte) (int, error) {
	if room := maxSecondOpinion + 1 - b.Len(); len(p) > room {
		_, _ = b.Buffer.Write(p[:room])
		return len(p), nil
	}
	return b.Buffer.Write(p)
}

// copied is a body that is also written to a buffer.
type copied struct {
	body io.WriterTo
	to   *limitedBuffer
}

func (c copied) WriteTo(w io.Writer) (int64, error) { return c.body.WriteTo(io.MultiWriter(w, c.to)) }

// copyOf keeps the header of a message, and its body when that is written.
func (b *limitedBuffer) copyOf(m *mailbox.Message) io.WriterTo {
	for _, f := range m.Header {
		_, _ = io.WriteString(b, f.Raw)
	}
	_, _ = io.WriteString(b, "\r\n")
	return copied{m, b}
}

// opinions has the signatures of the message verified once more.
func (b *limitedBuffer) opinions(ctx context.Context, r policy.Resolver, ours []dkim.Result) []dkim.Opinion {
	if b.Len() > maxSecondOpinion {
		return []dkim.Opinion{{Result: dkim.PermError, Reason: fmt.Sprintf("the message is larger than %d MB", maxSecondOpinion>>20)}}
	}
	return dkim.SecondOpinion(ctx, b, r, ours)
}
