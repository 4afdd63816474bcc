package message

// Mailbox is one address of the From field.
type Mailbox struct {
	// Name is the display name, unquoted, encoded words left as they are.
	Name string
	// Local and Domain are the parts of the addr-spec; Domain is in lower case
	// and in A-labels (RFC 8616 section 4), empty if the address has none.
	Local, Domain string
}

// Author is what a message's From fields say about who wrote it.
type Author struct {
	// Domain is the Author Domain (RFC 9989 section 3.2.2) in lower-case
	// A-labels. It is empty whenever Problem is set: what is ambiguous is never
	// aligned with anything.
	Domain string
	// Mailboxes are the addresses that could be read, at most 100.
	Mailboxes []Mailbox
	// Problem says, in words for a person, why there is no single Author
	// Domain; "" if there is one.
	Problem string
}

// ParseAuthor reads the From fields of a header by RFC 5322 section 3.4,
// strictly where mail clients disagree.
func ParseAuthor(h Header) Author {
	return Author{Problem: "no From field"}
}
