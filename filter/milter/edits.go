package milter

import (
	"encoding/binary"
	"slices"
	"strings"

	gomilter "github.com/emersion/go-milter"
)

// edit sends the changes of a verdict, in the order in which they are safe on
// both MTAs. After a deletion Postfix numbers the fields of a name anew and
// Sendmail does not, and both count an inserted field first. So the deletions
// come before the insertions, the highest occurrence first. An error of the
// socket shows at the next read.
func (c *Conn) edit(mod *gomilter.Modifier, v Verdict) {
	for _, r := range deletions(v.Remove) {
		c.emit(fieldPacket(gomilter.ActChangeHeader, r.Occurrence, r.Name, ""))
	}
	for _, f := range v.Insert {
		// Index 0 is above the MTA's own Received.
		c.emit(fieldPacket(gomilter.ActInsertHeader, 0, f.Name, fieldValue(f.Value, c.agreed.exactHeader())))
	}
	// The new recipient is there before the others go: a message without
	// recipients is none.
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

// deletions returns the fields to delete, each once, in the order to do so. An
// occurrence that does not exist would add a field, and the same one twice would
// delete another.
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

// fieldPacket changes or inserts a field: its index, name and value.
func fieldPacket(code gomilter.ModifyActCode, index int, name, value string) []byte {
	n := 1 + 4 + len(name) + 1 + len(value) + 1
	p := make([]byte, 0, 4+n)
	p = append(binary.BigEndian.AppendUint32(p, uint32(n)), byte(code))
	p = append(append(binary.BigEndian.AppendUint32(p, uint32(index)), name...), 0)
	return append(append(p, value...), 0)
}

// ValidName reports whether a field's name is one of RFC 5322 section 2.2.
func ValidName(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] <= ' ' || s[i] > '~' || s[i] == ':' {
			return false
		}
	}
	return s != ""
}

// fieldValue makes a field's value fit for the protocol: folds as LF and white
// space, nothing else that ends a line, and the blank after the colon where it
// is ours to give.
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
