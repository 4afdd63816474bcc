package dkim_test

import (
	"context"
	"fmt"
	"strings"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/message"
)

// texts is a resolver of TXT records.
type texts map[string]string

func (d texts) Lookup(_ context.Context, name string, t dnscache.Type) *dnscache.Answer {
	txt, ok := d[name]
	switch {
	case !ok:
		return &dnscache.Answer{Outcome: dnscache.NXDomain}
	case t != dnscache.TXT:
		return &dnscache.Answer{Outcome: dnscache.NoData}
	}
	return &dnscache.Answer{Outcome: dnscache.Found, TXT: []string{txt}}
}

// The message and the key of RFC 8463 appendix A.
func Example() {
	const mail = `DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;
 d=football.example.com; i=@football.example.com;
 q=dns/txt; s=brisbane; t=1528637909; h=from : to :
 subject : date : message-id : from : subject : date;
 bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
 b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus
 Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==
From: Joe SixPack <joe@football.example.com>
To: Suzie Q <suzie@shopping.example.net>
Subject: Is dinner ready?
Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)
Message-ID: <20030712040037.46341.5F8J@football.example.com>

Hi.

We lost the game.  Are you hungry yet?

Joe.
`
	dns := texts{"brisbane._domainkey.football.example.com": "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="}
	for _, mail := range []string{mail, strings.Replace(mail, "dinner", "lunch", 1), strings.Replace(mail, "lost", "won", 1)} {
		r := message.NewReader(strings.NewReader(mail))
		header, err := r.Header()
		if err != nil {
			fmt.Println(err)
			return
		}
		// At the end of the header:
		var bodies dkim.Bodies
		v := dkim.NewVerifier(header, &bodies, dkim.Options{})
		// While the body arrives:
		keys := v.LookupKeys(context.Background(), dns)
		if _, err := r.WriteTo(&bodies); err != nil {
			fmt.Println(err)
			return
		}
		bodies.Close()
		// At the end of the message:
		for _, r := range v.Finish(keys) {
			fmt.Printf("%s: %s %q\n", r.Domain, r.Status, r.Reason)
		}
	}
	// Output:
	// football.example.com: pass ""
	// football.example.com: fail "signature does not match: a signed header field was changed"
	// football.example.com: fail "body hash does not match: the body was changed after signing"
}
