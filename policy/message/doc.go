// Package message describes an e-mail message (RFC 5322) as the evaluators see
// it: the envelope, the header fields in order and with their exact bytes, and
// the author that the From field names.
//
// [Reader] splits a stored message into header and body. [ParseAuthor],
// [ParseReceived], [ListMarks] and [SplitPath] parse what senders wrote, and
// never fail: each result says what could not be read. [NormalizeDomain] gives
// domain names the one form in which all evaluators compare them. All parsers
// bound their input.
//
// The package uses no DNS and makes no decisions.
//
// # The author's domain
//
// Programs read a From field in different ways. One principle decides what a
// field means: every domain counts that some program could take for the domain
// of the author's address, and the author is ambiguous unless there is exactly
// one. A program may parse
//
//   - the field as it is, unfolded, or cut at a CR or LF, or at a "=?" that
//     begins no encoded word,
//   - before or after it decodes encoded words (RFC 2047), wherever they stand,
//   - each word in every character set that its name, or the lack of one,
//     allows,
//   - a domain with or without the characters that IDNA maps to nothing.
//
// An address in a display name or in a comment does not count if every program
// takes it for part of a name: in a field that follows the grammar, in a quoted
// string or comment on one line without a backslash, and in an encoded word
// whose text cannot end the name and that all programs decode alike, as its
// character set is known and its base64 is clean. Much honest mail has such
// names: "ann@other.example" <notify@service.example>.
//
// A field outside the grammar has no such places, because programs disagree
// where its names end. There, each "@" of each reading counts. If all are
// followed by the same domain, that is the author's domain, and the oddity is
// only noted (Author.Oddities).
package message
