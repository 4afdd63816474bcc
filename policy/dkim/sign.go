package dkim

import (
	"crypto"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	msgauth "github.com/emersion/go-msgauth/dkim"
)

// SignOptions say who signs and how. Domain, Selector and Key are required.
type SignOptions struct {
	// Domain and Selector are d= and s=, in A-labels or U-labels.
	Domain, Selector string
	// Identity is i=; none if empty.
	Identity string
	// Key is an RSA key of at least 2048 bits (RFC 8301 section 3.2: 1024 is
	// the least that verifiers take) or an Ed25519 key.
	Key crypto.Signer
	// HeaderForm and BodyForm are c=. The zero values are simple.
	HeaderForm, BodyForm Canonicalization
	// SignedFields is h=, the names of the fields to sign, each as often as it
	// is to be signed. Default: those that RFC 6376 section 5.4.1 advises.
	// From is always signed once more than it is there, so that none can be
	// added.
	SignedFields []string
	// Expires is x=; none if zero.
	Expires time.Time
}

// advisedFields are the fields of RFC 6376 section 5.4.1 that a reader sees or a
// mail client acts on. Those of which there must be one only are oversigned.
const advisedFields = "From:From:Sender:Reply-To:Subject:Subject:Date:Date:To:To:Cc:Cc:Message-ID:Message-ID:" +
	"In-Reply-To:References:MIME-Version:Content-Type:Content-Type:Content-Transfer-Encoding:" +
	"List-Id:List-Unsubscribe:List-Unsubscribe-Post"

var errName = errors.New("dkim: not a domain name")

// Sign reads a message with CRLF line ends from r and writes it to w, a
// DKIM-Signature field on top. The message is held in memory.
func Sign(w io.Writer, r io.Reader, o SignOptions) error {
	domain, ok := tagDomain(o.Domain)
	if !ok {
		return fmt.Errorf("dkim: signing: domain %q: %w", o.Domain, errName)
	}
	selector, ok := tagDomain(o.Selector)
	if !ok {
		return fmt.Errorf("dkim: signing: selector %q: %w", o.Selector, errName)
	}
	fields := o.SignedFields
	if fields == nil {
		fields = strings.Split(advisedFields, ":")
	}
	from := 0
	for _, f := range fields {
		if strings.EqualFold(f, "From") {
			from++
		}
	}
	for ; from < 2; from++ {
		fields = append([]string{"From"}, fields...)
	}
	err := msgauth.Sign(w, r, &msgauth.SignOptions{
		Domain:                 domain,
		Selector:               selector,
		Identifier:             o.Identity,
		Signer:                 o.Key,
		HeaderCanonicalization: msgauth.Canonicalization(o.HeaderForm.String()),
		BodyCanonicalization:   msgauth.Canonicalization(o.BodyForm.String()),
		HeaderKeys:             fields,
		Expiration:             o.Expires,
	})
	if err != nil {
		return fmt.Errorf("dkim: signing: %w", err)
	}
	return nil
}
