package dkim

import (
	"bytes"
	"crypto"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	msgauth "github.com/emersion/go-msgauth/dkim"
	"github.com/google/go-cmp/cmp"
)

// signOptions configure a signature. Domain, Selector and Key are required.
type signOptions struct {
	// Domain and Selector are d= and s=, in A-labels or U-labels.
	Domain, Selector string
	// Identity is i=; none if empty.
	Identity string
	// Key is an RSA or Ed25519 key. RFC 8301 section 3.2: RSA keys should have
	// at least 2048 bits, and verifiers reject those below 1024.
	Key crypto.Signer
	// HeaderForm and BodyForm are c=. The zero values are simple.
	HeaderForm, BodyForm Canonicalization
	// SignedFields is h=, the names of the fields to sign. A name that stands
	// there more often than in the header is oversigned: nobody can add another
	// such field. The default is the list of RFC 6376 section 5.4.1. From is
	// named at least twice.
	SignedFields []string
	// Expires is x=; none if zero.
	Expires time.Time
}

// defaultFields are the fields of RFC 6376 section 5.4.1 that a mail client shows
// or acts on. Most of those that may stand only once are oversigned.
const defaultFields = "From:From:Sender:Reply-To:Subject:Subject:Date:Date:To:To:Cc:Cc:Message-ID:Message-ID:" +
	"In-Reply-To:References:MIME-Version:Content-Type:Content-Type:Content-Transfer-Encoding:" +
	"List-Id:List-Unsubscribe:List-Unsubscribe-Post"

var errName = errors.New("dkim: not a domain name")

// signMail reads a message with CRLF line ends from r and writes it to w with a
// DKIM-Signature field on top. It holds the message in memory.
func signMail(w io.Writer, r io.Reader, o signOptions) error {
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
		fields = strings.Split(defaultFields, ":")
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

func TestSign(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		opt  signOptions
		want string // h=, or the error
	}{
		{"5.4 From is oversigned", signOptions{Domain: "Example.ORG", Selector: "ed", Key: edKey(), SignedFields: []string{"Subject"}}, "From:From:Subject"},
		{"5.4 From as asked", signOptions{Domain: "example.org", Selector: "ed", Key: edKey(), SignedFields: []string{"From", "To", "From", "From"}}, "From:To:From:From"},
		{"5.4.1 default", signOptions{Domain: "example.org", Selector: "ed", Key: edKey(), Expires: time.Now().Add(time.Hour), Identity: "@example.org"}, defaultFields},
		{"domain", signOptions{Domain: "exa mple", Selector: "ed", Key: edKey()}, `dkim: signing: domain "exa mple": dkim: not a domain name`},
		{"selector", signOptions{Domain: "example.org", Key: edKey()}, `dkim: signing: selector "": dkim: not a domain name`},
		{"key", signOptions{Domain: "example.org", Selector: "ed"}, "dkim: signing: dkim: no signer specified"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			if err := signMail(&out, strings.NewReader(plain), tt.opt); err != nil {
				if d := cmp.Diff(tt.want, err.Error()); d != "" {
					t.Errorf("error (-want +got):\n%s", d)
				}
				return
			}
			h, _ := splitMessage(out.String())
			s, err := ParseSignature(h[0])
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(strings.Split(strings.ToLower(tt.want), ":"), s.SignedFields); d != "" {
				t.Errorf("h= (-want +got):\n%s", d)
			}
			if got := verify(zoneMap(oracleZone()), out.String(), Options{}); len(got) != 1 || got[0].Status != Pass {
				t.Errorf("verified as %+v", got)
			}
			if got := verify(zoneMap(oracleZone()), "From: evil@example.com\r\n"+out.String(), Options{}); (got[0].Status == Pass) != (strings.Count(tt.want, "From") < 2) {
				t.Errorf("with another From: %+v", got)
			}
		})
	}
}
