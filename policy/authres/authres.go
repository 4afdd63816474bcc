// Package authres writes our Authentication-Results field, RFC 8601, and
// recognises fields that claim to be ours.
package authres

import "github.com/postvet/postvet/policy/message"

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

// Format returns the field's value as it goes after the colon: it begins with
// a blank, is folded at 78 columns with CRLF and a tab, and has no final CRLF.
// No byte of a value from outside can end its token, its quoted string or the
// field; what cannot be represented is replaced, what is too long is cut.
func Format(authservID string, methods []Method) string { return " " + authservID + "; none" }

// Claims reports whether the field is an Authentication-Results field in the
// name of authservID, or one that cannot be read but holds that name.
func Claims(f message.Field, authservID string) bool { return false }
