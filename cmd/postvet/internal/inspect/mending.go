package inspect

import "github.com/postvet/postvet/cmd/postvet/internal/finding"

// mending is the findings about one record that one new record puts right.
type mending struct{ indexes []int }

// add adds a finding that the new record puts right.
func (m *mending) add(list *finding.List, severity finding.Severity, text string) {
	m.indexes = append(m.indexes, len(*list))
	*list = append(*list, finding.Finding{Severity: severity, Text: text})
}

// settle sets the fix of these findings, which is the same for all of them.
func (m *mending) settle(list finding.List, fix finding.Fix) {
	for _, i := range m.indexes {
		list[i].Fix, list[i].Changes = fix.Text, fix.Changes
	}
}
