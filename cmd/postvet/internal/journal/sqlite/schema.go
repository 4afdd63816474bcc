package sqlite

import (
	"fmt"
	"strings"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
)

// version is the version of the schema, in user_version of each file. Files of older
// versions are read, newer ones are set aside.
const version = 1

// applicationID marks the files as ours, for file(1).
const applicationID = 0x50764a31 // "PvJ1"

// pageSizes are the sizes of the pages of a class. Rows of accepted mail fill one page after
// the other; with larger pages less is left over in each. Each row of the rest changes a
// page of each index, and all of it is written.
var pageSizes = [rows.Classes]int{rows.Accepted: 8192, rows.Rest: 4096}

// types are the SQL types of the columns.
var types = map[rows.Kind]string{rows.Text: "TEXT", rows.Integer: "INTEGER", rows.Blob: "BLOB"}

// createTables returns the statements for the tables of a new file. The view has the time
// of each message, which is a part of its reference (1735689600 is 2025-01-01).
func createTables() string {
	var names, defined []string
	for c := range rows.Columns {
		definition := c.String() + " " + types[c.Kind()]
		if c == rows.ColRef {
			definition += " PRIMARY KEY"
		}
		names, defined = append(names, c.String()), append(defined, definition)
	}
	return fmt.Sprintf(`BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS message (%s);
CREATE TABLE IF NOT EXISTS generation (id INTEGER PRIMARY KEY, since TEXT NOT NULL, text TEXT NOT NULL);
CREATE VIEW IF NOT EXISTS mail AS SELECT strftime('%%Y-%%m-%%dT%%H:%%M:%%fZ', (ref >> 20) / 1000.0 + 1735689600, 'unixepoch') AS at, %s FROM message;
PRAGMA application_id = %d;
PRAGMA user_version = %d;
COMMIT;`, strings.Join(defined, ", "), strings.Join(names, ", "), applicationID, version)
}

// createLate has the statements for the tables that [Spool] needs: the identity of a
// file, and the rows that came with a lower reference than one before them.
const createLate = `CREATE TABLE IF NOT EXISTS late (seq INTEGER PRIMARY KEY, ref INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS identity (id INTEGER PRIMARY KEY);
INSERT INTO identity SELECT abs(random() >> 1) WHERE NOT EXISTS (SELECT 1 FROM identity);`

// indexes are the columns that are indexed, of accepted mail when its day is over. Rows
// with the same value are in the order of time.
var indexes = [rows.Classes][]rows.Column{
	rows.Accepted: {rows.ColQueue, rows.ColOrg, rows.ColMessageKey},
	rows.Rest:     {rows.ColQueue, rows.ColOrg, rows.ColClient, rows.ColMessageKey, rows.ColMailFromKey},
}

// createIndexes returns the statements for the indexes of a class.
func createIndexes(c rows.Class) []string {
	var all []string
	for _, column := range indexes[c] {
		all = append(all, fmt.Sprintf("CREATE INDEX IF NOT EXISTS message_%s ON message (%s) WHERE %s IS NOT NULL", column, column, column))
	}
	return all
}

// insertRow is the statement for a row. A row that is there stays.
func insertRow() string {
	names := make([]string, rows.Columns)
	for c := range rows.Columns {
		names[c] = c.String()
	}
	return fmt.Sprintf("INSERT OR IGNORE INTO message (%s) VALUES (?%s)", strings.Join(names, ", "), strings.Repeat(", ?", len(names)-1))
}
