package authres

import (
	"fmt"

	"github.com/postvet/postvet/policy/message"
)

// Merge returns the results of all Authentication-Results fields of a header that have
// our authserv-id, from the top down, and how many such fields there are (RFC 8617
// section 5.1 has a sealer record them as one). Behind 100 results it stops. The caller
// knows that nobody outside wrote them, see [Claims]. The error says why a field that
// claims to be ours cannot be read.
func Merge(h message.Header, authservID string) (methods []Method, fields int, err error) {
	name := comparableID(writtenID(authservID))
	for _, f := range h {
		if !Claims(f, authservID) {
			continue
		}
		id, found, err := Parse(f.Value())
		if err != nil {
			return nil, fields, err
		}
		if comparableID(id) != name {
			return nil, fields, fmt.Errorf("%w: readers may differ about its id", ErrSyntax)
		}
		fields++
		if methods = append(methods, found...); len(methods) >= maxReadMethods {
			return methods[:maxReadMethods], fields, nil
		}
	}
	return methods, fields, nil
}
