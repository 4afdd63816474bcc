package sqlite

import (
	"fmt"
	"strings"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/counts"
)

// stateName is the file of all that outlives a day.
const stateName = "state.db"

// stateID marks it as ours, for file(1).
const stateID = 0x50765331 // "PvS1"

// migrations are the steps from each version of the state file to the next one. Its
// user_version is the number of those that were done. A step that was published never
// changes: new tables and columns come with a new step.
var migrations = []string{createCounts(), createRecords, createPatterns}

// createCounts returns the statements for the tables of counts. Hours are never changed by
// a service whose clock is right once they are there; a day is the sum of its hours. The
// table recent has the hours that are not over, in a form of package counts.
func createCounts() string {
	var b strings.Builder
	var defined, names []string
	for f := range counts.Fields {
		names, defined = append(names, f.String()), append(defined, f.String()+" INTEGER NOT NULL")
	}
	for _, table := range []string{"hour", "day"} {
		fmt.Fprintf(&b, "CREATE TABLE %s (at INTEGER NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL, %s, PRIMARY KEY (at, kind, name)) WITHOUT ROWID;\n",
			table, strings.Join(defined, ", "))
		for _, f := range rankedFields {
			fmt.Fprintf(&b, "CREATE INDEX %[1]s_%[2]s ON %[1]s (at, kind, %[2]s DESC) WHERE %[2]s > 0;\n", table, f)
		}
		fmt.Fprintf(&b, "CREATE TABLE %s_facts (at INTEGER NOT NULL, org TEXT NOT NULL, dmarc TEXT NOT NULL, action TEXT NOT NULL, would TEXT NOT NULL, "+
			"override TEXT NOT NULL, hint TEXT NOT NULL, rule TEXT NOT NULL, n INTEGER NOT NULL, PRIMARY KEY (at, org, dmarc, action, would, override, hint, rule)) WITHOUT ROWID;\n", table)
		fmt.Fprintf(&b, "CREATE VIEW %[1]ss AS SELECT strftime('%%Y-%%m-%%dT%%H:%%MZ', at, 'unixepoch') AS time, kind, name, %[2]s FROM %[1]s;\n", table, strings.Join(names, ", "))
	}
	// length is "hour" or "day". seq grows with each change of a period, for readers that copy.
	b.WriteString(`CREATE TABLE period (length TEXT NOT NULL, at INTEGER NOT NULL, n INTEGER NOT NULL, missing INTEGER NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (length, at)) WITHOUT ROWID;
CREATE TABLE recent (id INTEGER PRIMARY KEY, at INTEGER NOT NULL, octets BLOB NOT NULL);
`)
	return b.String()
}

// rankedFields are those by which names are ranked with an index.
var rankedFields = []counts.Field{counts.Failed, counts.Rejected, counts.Spared, counts.Forwarded, counts.Broken}
