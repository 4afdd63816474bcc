// Package arctest seals messages for tests as a mailing list or a forwarder does
// (RFC 8617 section 5.1). Only tests use it.
package arctest

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"

	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/message"
)

// Sealer is a hop that seals messages, with its key and the results it records.
type Sealer struct {
	Domain, Selector string
	Key              ed25519.PrivateKey
	// Results follow "i=N; " in the ARC-Authentication-Results field.
	Results string
	// Partial adds l= with the body's length to the message signature, so that
	// anybody can append to the body.
	Partial bool
}

// setFields are the fields of a set in the order in which a seal covers them.
var setFields = []string{"ARC-Authentication-Results", "ARC-Message-Signature", "ARC-Seal"}

// Seal returns a message with the next set of its chain on top. The message must
// have CRLF line ends, one From, To and Subject field, and a body that ends in
// exactly one line end.
func (s Sealer) Seal(msg []byte) ([]byte, error) {
	r := message.NewReader(bytes.NewReader(msg))
	header, err := r.Header()
	if err != nil {
		return nil, err
	}
	var body bytes.Buffer
	if _, err := r.WriteTo(&body); err != nil {
		return nil, err
	}
	n := header.Count("ARC-Seal") + 1
	results := message.NewField(setFields[0], fmt.Sprintf(" i=%d; %s", n, s.Results))
	signature := s.sign(header, body.Bytes(), n)
	var data []byte
	for below := 1; below < n; below++ {
		for _, name := range setFields {
			for _, f := range header {
				if f.Is(name) && strings.HasPrefix(f.Value(), fmt.Sprintf(" i=%d;", below)) {
					data = dkim.AppendField(data, dkim.Relaxed, f)
				}
			}
		}
	}
	data = dkim.AppendField(data, dkim.Relaxed, results)
	data = dkim.AppendField(data, dkim.Relaxed, signature)
	cv := "pass"
	if n == 1 {
		cv = "none"
	}
	seal := s.complete(data, setFields[2], fmt.Sprintf(" i=%d; a=ed25519-sha256; cv=%s; d=%s; s=%s; b=", n, cv, s.Domain, s.Selector))
	return append([]byte(seal.Raw+signature.Raw+results.Raw), msg...), nil
}

// sign returns the ARC-Message-Signature.
func (s Sealer) sign(header message.Header, body []byte, n int) message.Field {
	length := ""
	if s.Partial {
		length = fmt.Sprintf(" l=%d;", len(body))
	}
	sum := sha256.Sum256(body)
	var data []byte
	for _, name := range []string{"From", "To", "Subject"} {
		if i := slices.IndexFunc(header, func(f message.Field) bool { return f.Is(name) }); i >= 0 {
			data = dkim.AppendField(data, dkim.Relaxed, header[i])
		}
	}
	return s.complete(data, setFields[1], fmt.Sprintf(" i=%d; a=ed25519-sha256; c=relaxed/simple; d=%s; s=%s; h=from:to:subject;%s bh=%s; b=",
		n, s.Domain, s.Selector, length, base64.StdEncoding.EncodeToString(sum[:])))
}

// complete returns a field of the value and the signature over data and the field
// itself. The value ends in "b=".
func (s Sealer) complete(data []byte, name, value string) message.Field {
	data = dkim.AppendField(data, dkim.Relaxed, message.NewField(name, value))
	sum := sha256.Sum256(bytes.TrimSuffix(data, []byte("\r\n")))
	return message.NewField(name, value+base64.StdEncoding.EncodeToString(ed25519.Sign(s.Key, sum[:])))
}
