package keys

import (
	"context"
	"errors"

	"github.com/postvet/postvet/cmd/postvet/internal/keys/stored"
	"github.com/postvet/postvet/policy/message"
)

// Table says where the keys of an address are. It is in memory.
type Table interface {
	Keys(address message.Mailbox) []stored.Key
}

// InTable returns the keys that a table names, which files reads.
func InTable(t Table, files *Files) Store { return tabled{t, files} }

type tabled struct {
	table Table
	files *Files
}

func (t tabled) Keys(ctx context.Context, address message.Mailbox) ([]*Key, error) {
	var found []*Key
	var errs []error
	for _, p := range t.table.Keys(address) {
		key, err := t.files.Key(ctx, p)
		errs = append(errs, err)
		if key != nil {
			k := *key
			k.Set = p.Set
			found = append(found, &k)
		}
	}
	return found, errors.Join(errs...)
}
