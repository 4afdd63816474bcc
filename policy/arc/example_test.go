package arc_test

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/policy/arc"
	"github.com/postvet/postvet/policy/arc/arctest"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/message"
)

// keys is a resolver that returns one key record for every name.
type keys struct{ record string }

func (k keys) Lookup(context.Context, string, dnscache.Type) *dnscache.Answer {
	return &dnscache.Answer{Outcome: dnscache.Found, TXT: []string{k.record}}
}

// A mailing list adds its tag to the Subject, which breaks the author's signature,
// and seals the results of its own checks.
func Example() {
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	dns := keys{"v=DKIM1; k=ed25519; p=" + base64.StdEncoding.EncodeToString(key.Public().(ed25519.PublicKey))}
	list := arctest.Sealer{
		Domain: "list.example", Selector: "s", Key: key,
		Results: "mx.list.example; dkim=pass header.d=example.org; dmarc=pass header.from=example.org",
	}
	sealed, err := list.Seal([]byte("From: joe@example.org\r\nTo: gardeners@list.example\r\nSubject: [gardeners] Roses\r\n\r\nThey bloom.\r\n"))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, mail := range []string{string(sealed), strings.Replace(string(sealed), "Roses", "Tulips", 1)} {
		r := message.NewReader(strings.NewReader(mail))
		header, err := r.Header()
		if err != nil {
			fmt.Println(err)
			return
		}
		// At the end of the header:
		var bodies dkim.Bodies
		v := arc.NewVerifier(header, &bodies, dkim.Options{})
		// While the body arrives:
		found := v.LookupKeys(context.Background(), dns)
		if _, err := r.WriteTo(&bodies); err != nil {
			fmt.Println(err)
			return
		}
		bodies.Close()
		// At the end of the message:
		chain := v.Finish(found)
		fmt.Printf("%s %q\n", chain.Status, chain.Reason)
		for _, s := range chain.Sealers {
			if s.Recorded != nil {
				fmt.Println(s.Domain, "saw DMARC", s.Recorded.DMARC, "for", s.Recorded.From)
			}
		}
	}
	// Output:
	// pass ""
	// list.example saw DMARC pass for example.org
	// fail "ARC-Message-Signature 1: signature does not match: a signed header field was changed"
}
