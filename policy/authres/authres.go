// Package authres writes our Authentication-Results field, RFC 8601, reads
// those of others, and recognises fields that claim to be ours.
package authres

// FieldName is the name of the field.
const FieldName = "Authentication-Results"

// Property is one ptype.property=value of a result, RFC 8601 section 2.3.
type Property struct {
	Type, Name string // "header", "d"
	Value      string // from outside; any bytes
}

// Method is one method's result.
type Method struct {
	Name, Result string // "dkim", "pass": ours
	Reason       string // from outside; any bytes; "" for none
	Properties   []Property
}
