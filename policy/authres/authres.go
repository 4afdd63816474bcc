// Package authres writes and reads the Authentication-Results field (RFC 8601),
// in which a mail server tells mail clients and filters behind it how it
// authenticated a message.
//
// [Format] writes the value of our field from our results. [Parse] reads the
// fields of others. [Claims] recognises fields in our name that came from
// outside, which must be removed (RFC 8601 section 5).
//
// Values from outside may hold any bytes: Format makes them harmless, and Parse
// rejects fields that readers could disagree about. Both are bounded in size.
package authres

// FieldName is the name of the field.
const FieldName = "Authentication-Results"

// Property is one ptype.property=value of a result (RFC 8601 section 2.3).
type Property struct {
	Type, Name string // "header", "d"
	Value      string // may come from outside and hold any bytes
}

// Method is the result of one authentication method.
type Method struct {
	Name, Result string // "dkim", "pass"
	Reason       string // may come from outside and hold any bytes; "" for none
	Properties   []Property
}
