package counts

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// FieldNames returns the names of all fields.
func FieldNames() []string { return slices.Clone(fields[:]) }

// MarshalText implements [encoding.TextMarshaler].
func (k Kind) MarshalText() ([]byte, error) {
	if k >= Kinds {
		return nil, fmt.Errorf("counts: %d is no kind", uint8(k))
	}
	return []byte(k.String()), nil
}

// UnmarshalText implements [encoding.TextUnmarshaler].
func (k *Kind) UnmarshalText(b []byte) error {
	i := slices.Index(kinds[:], string(b))
	if i < 0 {
		return fmt.Errorf("%q is no kind of name; write one of %s", b, strings.Join(kinds[:], ", "))
	}
	*k = Kind(i)
	return nil
}

// MarshalText implements [encoding.TextMarshaler].
func (f Field) MarshalText() ([]byte, error) {
	if f >= Fields {
		return nil, fmt.Errorf("counts: %d is no field", uint8(f))
	}
	return []byte(f.String()), nil
}

// UnmarshalText implements [encoding.TextUnmarshaler].
func (f *Field) UnmarshalText(b []byte) error {
	i := slices.Index(fields[:], string(b))
	if i < 0 {
		return fmt.Errorf("%q is no number that is counted; write one of %s", b, strings.Join(fields[:], ", "))
	}
	*f = Field(i)
	return nil
}

// MarshalJSON implements [json.Marshaler]: an object with a key for each field, in order.
func (s Sums) MarshalJSON() ([]byte, error) {
	b := []byte{'{'}
	for f, n := range s {
		if f > 0 {
			b = append(b, ',')
		}
		b = fmt.Appendf(b, "%q:%d", Field(f), n)
	}
	return append(b, '}'), nil
}

// UnmarshalJSON implements [json.Unmarshaler]. Fields that are not known are left out.
func (s *Sums) UnmarshalJSON(b []byte) error {
	all := map[string]int64{}
	if err := json.Unmarshal(b, &all); err != nil {
		return err
	}
	for f := range Fields {
		s[f] = all[f.String()]
	}
	return nil
}
