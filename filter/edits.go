package filter

import (
	"encoding/binary"
	"sort"
	"strings"

	"github.com/postvet/postvet/policy/result"

	"github.com/emersion/go-milter"

	"github.com/postvet/postvet/policy/message"
)

// edits are the changes to a header, in the order in which they are safe on
// both MTAs: after a deletion Postfix numbers the fields of a name anew and
// Sendmail does not, and both count an inserted field first. So the deletions
// come before the insertions, and of those the highest occurrence first.
type edits struct {
	remove []result.FieldRef
	insert []field
	faults []string
}

type field struct{ name, value string }

// headerEdits prepares what the verdict asks for. exact tells that values carry
// their own blank after the colon.
func headerEdits(v result.Verdict, exact bool) edits {
	var e edits
	seen := map[result.FieldRef]bool{}
	for _, r := range v.Remove {
		key := result.FieldRef{Name: strings.ToLower(r.Name), Occurrence: r.Occurrence}
		// An occurrence that does not exist would add a field, and the same
		// twice would remove another one.
		if r.Occurrence < 1 || !validName(r.Name) || seen[key] {
			continue
		}
		seen[key] = true
		e.remove = append(e.remove, r)
	}
	sort.SliceStable(e.remove, func(i, j int) bool { return e.remove[i].Occurrence > e.remove[j].Occurrence })
	for _, f := range v.Insert {
		if !validName(f.Name) {
			e.faults = append(e.faults, "a field without a proper name was not added")
			continue
		}
		e.insert = append(e.insert, field{f.Name, outgoing(f, exact)})
	}
	return e
}

// send puts the changes out; the last inserted field ends uppermost, above the
// MTA's own Received. An error of the socket shows at the next read.
func (e edits) send(w *wire) {
	for _, r := range e.remove {
		w.emit(fieldPacket(milter.ActChangeHeader, r.Occurrence, r.Name, ""))
	}
	for _, f := range e.insert {
		w.emit(fieldPacket(milter.ActInsertHeader, 0, f.name, f.value))
	}
}

// fieldPacket changes or inserts a field: its index, name and value.
func fieldPacket(code milter.ModifyActCode, index int, name, value string) []byte {
	n := 1 + 4 + len(name) + 1 + len(value) + 1
	p := make([]byte, 0, 4+n)
	p = append(binary.BigEndian.AppendUint32(p, uint32(n)), byte(code))
	p = append(append(binary.BigEndian.AppendUint32(p, uint32(index)), name...), 0)
	return append(append(p, value...), 0)
}

// validName reports whether a name is one of RFC 5322 section 2.2.
func validName(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] <= ' ' || s[i] > '~' || s[i] == ':' {
			return false
		}
	}
	return s != ""
}

// outgoing makes a field's value fit for the protocol: folds as LF and white
// space, nothing else that ends a line, and the blank after the colon where it
// is ours to give.
func outgoing(f message.Field, exact bool) string {
	v := strings.TrimRight(strings.ReplaceAll(f.Value(), "\r\n", "\n"), "\r\n")
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

// restoreBlank puts back what an MTA without HDR_LEADSPC eats: one blank after
// the colon, if there was one. A value that begins with a tab or a fold had
// most likely none.
func restoreBlank(value string) string {
	if value != "" && (value[0] == '\t' || value[0] == '\n' || value[0] == '\r') {
		return value
	}
	return " " + value
}
