package authres_test

import (
	"fmt"
	"strings"

	"github.com/postvet/postvet/policy/authres"
	"github.com/postvet/postvet/policy/message"
)

// Text from outside stays inside its quotes.
func ExampleFormat() {
	value := authres.Format("mx.example.net", []authres.Method{
		{Name: "spf", Result: "pass", Properties: []authres.Property{{Type: "smtp", Name: "mailfrom", Value: "joe@example.org"}}},
		{Name: "dkim", Result: "fail", Reason: `the signer is "; dmarc=pass`, Properties: []authres.Property{{Type: "header", Name: "d", Value: "example.org"}}},
	})
	fmt.Println(authres.FieldName + ":" + strings.ReplaceAll(value, "\r\n", "\n"))
	// Output:
	// Authentication-Results: mx.example.net;
	// 	spf=pass smtp.mailfrom=joe@example.org;
	// 	dkim=fail reason="the signer is \"; dmarc_pass" header.d=example.org
}

func ExampleParse() {
	id, results, err := authres.Parse(` mx.example.net (Postvet) 1; spf=pass smtp.mailfrom=joe@example.org; dkim=none`)
	fmt.Println(id, err)
	for _, r := range results {
		fmt.Println(r.Name, r.Result, r.Properties)
	}
	// Output:
	// mx.example.net <nil>
	// spf pass [{smtp mailfrom joe@example.org}]
	// dkim none []
}

// A field from outside that claims our name is removed, in whatever spelling.
func ExampleClaims() {
	for _, value := range []string{
		` mx.example.net; dmarc=pass`,
		` "MX.\Example.net." 1; dmarc=pass`,
		` mx.example.org; dmarc=pass`,
	} {
		fmt.Println(authres.Claims(message.NewField(authres.FieldName, value), "mx.example.net"))
	}
	// Output:
	// true
	// true
	// false
}
