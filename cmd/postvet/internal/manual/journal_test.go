package manual

import (
	"strings"
	"testing"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/counts"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/postgres"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
)

// TestJournalPage: the page explains every column of the journal, and no other.
func TestJournalPage(t *testing.T) {
	t.Parallel()
	page := string(Edition{}.journal().Text)
	for c := range rows.Columns {
		if journalColumns[c] == "" || !strings.Contains(page, strings.ReplaceAll(c.String(), "-", `\-`)+" (") {
			t.Errorf("postvet-journal(5) does not explain the column %s", c)
		}
	}
	if len(journalColumns) != int(rows.Columns) {
		t.Errorf("%d columns are explained, there are %d", len(journalColumns), rows.Columns)
	}
	for f := range counts.Fields {
		if journalFields[f] == "" || !strings.Contains(page, f.String()+" (integer)") {
			t.Errorf("postvet-journal(5) does not explain the number %s", f)
		}
	}
}

// TestRemoval: the page has the statements that remove a node as they are run on a database.
func TestRemoval(t *testing.T) {
	t.Parallel()
	blanks := func(s string) string { return strings.Join(strings.Fields(s), " ") }
	page := strings.ReplaceAll(string(Edition{}.journal().Text), `\(aq`, "'")
	if want := blanks(postgres.Removal("NODE")); !strings.Contains(blanks(page), want) {
		t.Errorf("the page lacks\n%s", want)
	}
}
