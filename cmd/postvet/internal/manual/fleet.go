package manual

import (
	"strings"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/postgres"
)

// fleet writes the section about a database of several nodes.
func (e Edition) fleet(r *roff) {
	r.section("PostgreSQL")
	r.text(`journal.postgres has several machines, its nodes, send their journals to one PostgreSQL database, 13 or newer, in the encoding UTF8. Each node writes into its own files as before, and sends from there what it has written, about once a second. Neither mail nor the files wait for the database. "postvet history --fleet" and "postvet explain --fleet" search it, and "postvet top --fleet" counts what all nodes had.

Set up a role that owns the schema, and a file with the DSN that the service alone can read:

  createuser --pwprompt postvet
  createdb --owner=postvet --encoding=UTF8 --template=template0 postvet
  echo "postgres://postvet:PASSWORD@db.example.org/postvet" > /etc/postvet/journal.dsn
  chown root:postvet /etc/postvet/journal.dsn; chmod 640 /etc/postvet/journal.dsn
  postvet journal migrate

Over a network, the certificate of the server must be valid for its name (sslmode=verify-full, which needs not be written; sslrootcert=FILE names an authority of your own). Less is refused but for sockets and addresses of the machine itself. "postvet journal migrate" needs a direct connection, not one through PgBouncer; the service does not.`, "PP")
	r.text(`The schema postvet has:`, "PP")
	for _, t := range fleetTables {
		r.item(t[0])
		r.filled(t[1])
	}
	r.text(`Rows of each day are a partition, such as rest_20261129. One node, which has the lease "partitions", makes them a week ahead and removes those that are older than its journal.keep or keep_accepted; it also takes from days what names their clients when its journal.client_after is over.

A batch of rows is one transaction with the mark in "shipped", so that each row is there once, whenever a node, the server or the network fails. While the database cannot be used, the node tries again after one second to five minutes, and says in the log once that it fails and once that it works again; "postvet journal status" and postvet_journal_ship_lag_seconds show it meanwhile. What was not sent is kept for journal.spool_keep if that is longer than keep or keep_accepted; beyond that, and beyond max_size, it is removed and counted in postvet_journal_unshipped_rows_total. Afterwards the node sends refusals first and the newest day first, at most 20,000 messages a second.

If the tables are older than the program, the node waits for "postvet journal migrate", or does it if journal.auto_migrate is true; if they are newer, it waits to be updated.

A node that says nothing for five minutes is told on each page with numbers of all nodes, and "/fleet" of the web page says what it means: what the node had sent stays and is counted, a day that was not over as far as it was sent, and the rest is missing until it comes back. Nothing waits for it. A machine that takes the place of another under the same journal.node goes on at once if it has the files of journal.directory, and else two minutes after the other was heard of last; in the second case the counts of that day by the fleet are those of the new machine alone, so give it a name of its own, or change machines at midnight (UTC). The messages of both are found. A node whose machine is gone for good is removed, with all that it has sent, by these statements in psql:

`+removal+`
"postvet journal forget" removes messages of the node on which it runs also there. An address cannot be found with --fleet, as each node has keys of its own. DNS records and audit.log are not sent.`, "PP")
}

// removal are the statements that remove a node, in lines for 80 columns.
var removal = "  " + strings.NewReplacer("\n", "\n  ", "= (", "=\n    (").Replace(postgres.Removal("NODE")) + "\n"

// fleetTables are the tables of the schema postvet.
var fleetTables = [][2]string{
	{"rest, accepted", "the messages, with the columns of message, and day and node; client is of the type inet. Indexed are ref, queue and org, and in rest also client, message_key and mail_from_key."},
	{"mail", "a view of both, with class, node_name and at, the time of the verdict"},
	{"node", "the nodes: id, which rows name; name; version; seen, when it was last heard of; health, what it says of itself twice a minute, as JSON"},
	{"shipped, counted", "how far each file, and the counts, of a node were sent"},
	{"pattern", "what each node learned, as in state.db, with node; day is a date"},
	{"hour, day, hour_facts, day_facts, period", "the counts of hours and days, as in state.db, with node; at is a time. Those of an hour that is not over take the place of what was sent before, each ten seconds or, of many names, ten minutes; those of a day come when it is over"},
	{"generation", "the configurations that were in force"},
	{"lease", "which node does what only one must do"},
}
