package arc

import (
	"errors"
	"fmt"
	"strings"

	"github.com/postvet/postvet/policy/authres"
	"github.com/postvet/postvet/policy/message"
)

// ErrNoResults is the error of a message that nobody of ours checked when it arrived.
var ErrNoResults = errors.New("arc: no Authentication-Results field")

// AtArrival returns what a host of ours found when the message arrived, by the
// Authentication-Results fields with our authserv-id, as the value of one such field. It
// also returns the status of the chain by them, "" if they do not say it. The caller knows
// that nobody else wrote them. The error wraps ErrNoResults or ErrResults.
func AtArrival(h message.Header, authservID string) (results string, chain Status, err error) {
	methods, fields, err := authres.Merge(h, authservID)
	switch {
	case err != nil:
		return "", "", fmt.Errorf("%w: %s", ErrResults, strings.TrimPrefix(err.Error(), "authres: "))
	case fields == 0:
		return "", "", fmt.Errorf("%w of %s", ErrNoResults, authservID)
	}
	for _, m := range methods {
		if m.Name != "arc" {
			continue
		}
		switch chain = Status(m.Result); chain {
		case None, Pass, Fail:
		default: // some write temperror or permerror
			chain = TempError
		}
		break
	}
	return authres.Format(authservID, methods), chain, nil
}
