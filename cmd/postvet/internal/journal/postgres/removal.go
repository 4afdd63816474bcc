package postgres

import "strings"

// tablesOfNodes have rows of each node, by its id.
var tablesOfNodes = []string{"rest", "accepted", "hour", "hour_facts", "day", "day_facts", "period", "pattern", "counted", "shipped"}

// Removal returns the statements for psql that remove a node, and all that it has sent. A person
// runs them once the machine is gone for good.
func Removal(node string) string {
	name := "'" + strings.ReplaceAll(harmless(node), "'", "''") + "'"
	lines := []string{"BEGIN;"}
	for _, table := range tablesOfNodes {
		lines = append(lines, "DELETE FROM postvet."+table+" WHERE node = (SELECT id FROM postvet.node WHERE name = "+name+");")
	}
	return strings.Join(append(lines, "DELETE FROM postvet.node WHERE name = "+name+";", "COMMIT;"), "\n")
}
