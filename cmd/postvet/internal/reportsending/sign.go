package reportsending

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"

	msgauth "github.com/emersion/go-msgauth/dkim"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/policy"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/message"
)

// Signer signs reports. Those who get them must be able to tell them from forged ones: a
// report has to pass DMARC (RFC 9990 section 3.5).
type Signer struct {
	// Keys has the keys, as for the mail of users.
	Keys policy.SigningKeys
	DNS  dmarc.Resolver
	// Domain is d=, and Selector that of the only key to use; "" for any.
	Domain, Selector string
}

// ErrNoKey is the error if no key can sign.
var ErrNoKey = errors.New("reports: no key can sign the report")

// signedFields are the fields of a report that are signed, each once more than it stands
// there, so that nobody can add another.
var signedFields = func() (list []string) {
	for _, name := range []string{"From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type", "Auto-Submitted"} {
		list = append(list, name, name)
	}
	return list
}()

// Sign returns a message with a signature on top of it by each set of keys that the DNS
// shows. The message below is as it was.
func (s *Signer) Sign(ctx context.Context, data []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, lookupTime)
	defer cancel()
	keys, why := s.keys(ctx)
	if len(keys) == 0 {
		return nil, errors.Join(ErrNoKey, why)
	}
	signed := data
	for _, k := range keys {
		var out bytes.Buffer
		err := msgauth.Sign(&out, bytes.NewReader(data), &msgauth.SignOptions{
			Domain: k.Domain, Selector: k.Selector, Signer: k.Signer, HeaderKeys: signedFields,
			HeaderCanonicalization: msgauth.CanonicalizationRelaxed, BodyCanonicalization: msgauth.CanonicalizationRelaxed,
		})
		if err != nil {
			return nil, fmt.Errorf("reports: the report could not be signed: %w", err)
		}
		field := out.Bytes()[:out.Len()-len(data)]
		signed = append(bytes.Clone(field), signed...)
	}
	return signed, nil
}

// maxKeys bounds the keys whose records are looked up.
const maxKeys = 8

// keys returns the keys that sign: the first of each set that the DNS shows, and an Ed25519
// key beside. The error says what is wrong with the others.
func (s *Signer) keys(ctx context.Context) ([]policy.SigningKey, error) {
	found, err := s.Keys.SigningKeys(ctx, message.Mailbox{Domain: s.Domain})
	why := []error{err}
	var chosen, second []policy.SigningKey
	sets := map[int]bool{}
	for _, k := range found[:min(len(found), maxKeys)] {
		_, ed := k.Signer.Public().(ed25519.PublicKey)
		if s.Selector != "" && k.Selector != s.Selector || sets[k.Set] && !ed || ed && len(second) > 0 {
			continue
		}
		a := s.DNS.Lookup(ctx, dkim.KeyName(k.Selector, k.Domain), dnscache.TXT)
		if reason, detail := k.Judge(a, s.Keys); reason != "" {
			why = append(why, errors.New(detail))
			continue
		}
		if ed {
			second = append(second, k)
			continue
		}
		sets[k.Set] = true
		chosen = append(chosen, k)
	}
	if s.Selector != "" && len(chosen) == 0 {
		chosen = second
		second = nil
	}
	if len(chosen) == 0 {
		return nil, errors.Join(why...)
	}
	return append(chosen, second...), nil
}
