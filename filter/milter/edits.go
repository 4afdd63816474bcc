package milter

import (
	"encoding/binary"
	"slices"
	"strings"

	gomilter "github.com/emersion/go-milter"
)

// edit sends the changes of a verdict in an order that is safe with both MTAs. After a
// deletion Postfix renumbers the fields of a name and Sendmail does not. Both count an
// inserted field as the first. Therefore the changes come before the deletions, these before the insertions, and
// the highest occurrence comes first. An error of the socket shows at the next read.
func (c *Conn) edit(mod *gomilter.Modifier, v Verdict) {
	for _, f := range v.Change {
		if f.Occurrence >= 1 && ValidName(f.Name) && strings.TrimSpace(f.Value) != "" {
			c.emit(fieldPacket(gomilter.ActChangeHeader, f.Occurrence, f.Name, fieldValue(f.Value, c.agreed.exactHeader())))
		}
	}
	for _, r := range deletions(v.Remove) {
		c.emit(fieldPacket(gomilter.ActChangeHeader, r.Occurrence, r.Name, ""))
	}
	for _, f := range v.Append {
		// Sendmail has its own Date and Message-ID ready before it asks us, shows them to no
		// milter, and puts them in at delivery unless a field is added this way.
		c.emit(fieldPacket(gomilter.ActAddHeader, -1, f.Name, fieldValue(f.Value, c.agreed.exactHeader())))
	}
	for _, f := range v.Insert {
		// Index 0 is above the MTA's own Received.
		c.emit(fieldPacket(gomilter.ActInsertHeader, 0, f.Name, fieldValue(f.Value, c.agreed.exactHeader())))
	}
	// The new recipient is added first, so that the message always has one.
	for _, r := range v.Add {
		_ = mod.AddRecipient(r)
	}
	for _, r := range v.Delete {
		_ = mod.DeleteRecipient(r)
	}
	if v.Quarantine != "" {
		_ = mod.Quarantine(reasonText(v.Quarantine))
	}
}

// deletions returns the fields to delete in their order. It drops invalid references,
// with which an MTA might add a field, and repeated ones, which would delete another
// field.
func deletions(refs []FieldRef) []FieldRef {
	var out []FieldRef
	known := map[FieldRef]bool{}
	for _, r := range refs {
		key := FieldRef{strings.ToLower(r.Name), r.Occurrence}
		if r.Occurrence < 1 || !ValidName(r.Name) || known[key] {
			continue
		}
		known[key] = true
		out = append(out, r)
	}
	slices.SortStableFunc(out, func(a, b FieldRef) int { return b.Occurrence - a.Occurrence })
	return out
}

// fieldPacket returns the packet that changes or inserts a field. A packet that adds one
// has no index (-1).
func fieldPacket(code gomilter.ModifyActCode, index int, name, value string) []byte {
	n := 1 + len(name) + 1 + len(value) + 1
	if index >= 0 {
		n += 4
	}
	p := make([]byte, 0, 4+n)
	p = append(binary.BigEndian.AppendUint32(p, uint32(n)), byte(code))
	if index >= 0 {
		p = binary.BigEndian.AppendUint32(p, uint32(index))
	}
	p = append(append(p, name...), 0)
	return append(append(p, value...), 0)
}

// ValidName reports whether s is the name of a field (RFC 5322 section 2.2).
func ValidName(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] <= ' ' || s[i] > '~' || s[i] == ':' {
			return false
		}
	}
	return s != ""
}

// fieldValue returns a field's value for the protocol. Folds are LF and white space, and
// no other character ends a line. With exact, the value begins with the space after the
// colon; without it, the MTA adds the space.
func fieldValue(v string, exact bool) string {
	v = strings.TrimRight(strings.ReplaceAll(v, "\r\n", "\n"), "\r\n")
	var b strings.Builder
	b.Grow(len(v) + 1)
	if exact && (v == "" || v[0] != ' ' && v[0] != '\t' && v[0] != '\n') {
		b.WriteByte(' ')
	}
	if !exact {
		v = strings.TrimPrefix(v, " ")
	}
	for i := 0; i < len(v); i++ {
		switch c := v[i]; {
		case c == 0 || c == '\r':
			b.WriteByte(' ')
		case c == '\n' && v[i+1] != ' ' && v[i+1] != '\t':
			b.WriteString("\n ")
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}
