package rows

import (
	"time"

	"github.com/postvet/postvet/policy/result"
)

// Batch is a number of encoded rows that are to be kept. It can be read several times.
type Batch struct {
	// Level is that of the encoder.
	Level Level
	// Parts hold whole rows.
	Parts [][]byte
	// Key returns the secret for the hashes of a time.
	Key func(time.Time) (*Key, error)
}

// Each calls f with each row until f fails. The record is valid until f returns.
func (b *Batch) Each(f func(*Record) error) error {
	k := keyer{level: b.Level}
	var rec Record
	var month time.Month
	for _, rest := range b.Parts {
		for len(rest) > 0 {
			var err error
			if rest, err = ReadRecord(rest, &rec); err != nil {
				return err
			}
			if at := result.Reference(rec[ColRef].Int).Time(); at.Month() != month && b.Level != Domains {
				if k.key, err = b.Key(at); err != nil {
					return err
				}
				month = at.Month()
			}
			k.apply(&rec)
			if err := f(&rec); err != nil {
				return err
			}
		}
	}
	return nil
}
