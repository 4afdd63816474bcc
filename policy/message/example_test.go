package message_test

import (
	"fmt"

	"github.com/postvet/postvet/policy/message"
)

// The author domain of a message is the domain in its From field, provided that
// all mail clients read the same one.
func ExampleParseAuthor() {
	author := message.ParseAuthor(message.Header{
		message.NewField("From", ` "Joe, of Sales" <joe@Bücher.example>`),
		message.NewField("Subject", " Offer"),
	})
	fmt.Println(author.Domain)

	for _, from := range []string{
		` joe@bank.example, eve@evil.example`,
		` "joe@bank.example" <eve@evil.example`,
		` MAILER-DAEMON`,
	} {
		author = message.ParseAuthor(message.Header{message.NewField("From", from)})
		fmt.Println(author.Ambiguous(), author.Problem)
	}

	// Output:
	// xn--bcher-kva.example
	// true addresses of several domains
	// true angle brackets that do not match
	// true an address without a domain
}
