package config

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/postgres"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
	"github.com/postvet/postvet/policy/addrlist"
)

// Journal is what is kept of messages, and for how long.
type Journal struct {
	// Directory is where; "" to keep nothing.
	Directory string
	Privacy   rows.Level
	// Keep is how long mail that was not plainly accepted is kept, KeepAccepted all
	// other.
	Keep, KeepAccepted time.Duration
	// KeepCounts is how long counts of domains and clients are kept.
	KeepCounts time.Duration
	MaxSize    Size
	MinFree    int // percent of the file system
	Memory     Size
	Exempt     JournalExempt
	// Ignore are the recipients whose mail is not kept.
	Ignore List
	// ClientAfter is the time after which addresses of clients become networks; 0 for
	// never.
	ClientAfter time.Duration
	Sync        JournalSync
	// Postgres is the DSN of a database for several nodes, see package postgres; "" for
	// none. Ship says what is sent there, and Node under which name, "" for the host's.
	// SpoolKeep is how long what was not sent yet is kept. AutoMigrate has the service make
	// and change the tables.
	Postgres    string
	Ship        JournalShip
	Node        string
	SpoolKeep   time.Duration
	AutoMigrate bool
}

// JournalSync says when what was written is safe from a loss of power.
type JournalSync string

// The values of journal.sync.
const (
	JournalSyncNormal JournalSync = "normal"
	JournalSyncFull   JournalSync = "full"
)

// JournalShip says which mail is sent to a database.
type JournalShip string

// The values of journal.ship.
const (
	JournalShipRest JournalShip = "rest"
	JournalShipAll  JournalShip = "all"
)

// JournalExempt says whether mail that is exempt is kept.
type JournalExempt string

// The values of journal.exempt.
const (
	JournalExemptCount JournalExempt = "count"
	JournalExemptKeep  JournalExempt = "keep"
)

const day = 24 * time.Hour

func (j *Journal) section() section {
	return section{name: "journal", comment: `What is kept of each message, for "postvet history" and "postvet explain":
what was found and decided, never subjects or bodies. postvet-journal(5) says
more. Mail does not wait for it: what the disk does not take is left out.`, keys: []key{
		{
			name: "directory", value: text(&j.Directory, "", checkJournalDirectory), restart: true, environment: true,
			comment: `Where it is kept, such as "/var/lib/postvet/journal": a directory of a local
disk that the service may write. Empty: nowhere. Needs a restart to change.`,
		},
		{
			name: "privacy", value: oneOf(&j.Privacy, rows.Hashed, rows.Off, rows.Counts, rows.Domains, rows.Addresses), restart: true, environment: true,
			comment: `What is kept of addresses. off: nothing is kept. counts: no message is kept,
but how many came of each domain and client. domains: also messages, with
domains alone. hashed: also keyed hashes of MAIL FROM, recipients and
Message-ID, by which a known address is found but none is listed. addresses:
all of them, and logins. Needs a restart to change.`,
		},
		{
			name: "keep", value: duration(&j.Keep, 30*day, day, 10*365*day),
			comment: `How long mail is kept that was refused, held, deferred, redirected, discarded,
or accepted only because it is monitored (24h to 87600h).`,
		},
		{
			name: "keep_accepted", value: duration(&j.KeepAccepted, 7*day, day, 10*365*day),
			comment: "How long all other mail is kept (24h to 87600h).",
		},
		{
			name: "keep_counts", value: duration(&j.KeepCounts, 2*365*day, day, 10*365*day),
			comment: `How long the numbers of a day are kept for "postvet top": how many messages
came of each domain, client, hint and rule (24h to 87600h). Those of an hour
are kept 15 days at most.`,
		},
		{
			name: "max_size", value: size(&j.MaxSize, 20<<30, 16<<20, 1<<50),
			comment: `How large the directory may become (16MB to 1048576GB). The oldest day of
accepted mail is removed first, the present day never.`,
		},
		{
			name: "min_free", value: integer(&j.MinFree, 5, 0, 90),
			comment: "How many percent of the file system stay free (0 to 90), by the same order.",
		},
		{
			name: "memory", value: size(&j.Memory, 16<<20, 1<<20, 1<<30), restart: true,
			comment: `How much may wait for the disk (1MB to 1GB). Beyond that, mail is left out,
accepted mail first, and counted. Needs a restart to change.`,
		},
		{
			name: "exempt", value: oneOf(&j.Exempt, JournalExemptCount, JournalExemptKeep),
			comment: `Mail that is not checked, such as that of your own users. count: it is only
counted in the metrics. keep: it is kept as accepted mail.`,
		},
		{
			name: "ignore", value: entries(&j.Ignore, addrlist.Names, 0),
			comment: `Domains of recipients whose mail is not kept, such as that of a works council.
A message is left out if one of its recipients is in such a domain.`,
		},
		{
			name: "client_after", value: duration(&j.ClientAfter, 0, 0, 10*365*day),
			comment: `How long after its end a day loses what names its clients (to 87600h): of
their addresses the network stays (/24 or /48), and their names of HELO and
reverse DNS are removed. 0s: never.`,
		},
		{
			name: "sync", value: oneOf(&j.Sync, JournalSyncNormal, JournalSyncFull), restart: true,
			comment: `What a loss of power may cost. normal: what was written in the last minute.
full: in the last second; each write waits for the disk. Neither damages a
file. Needs a restart to change.`,
		},
		{
			name: "postgres", value: text(&j.Postgres, "", checkPostgres), restart: true, environment: true,
			comment: `A PostgreSQL database, 13 or newer, to which several machines send what their
journals have: "file:/etc/postvet/journal.dsn", a file that only the service
reads and that may have a password, or the DSN itself without one, such as
"host=/run/postgresql dbname=postvet" or
"postgres://postvet@db.example.org/postvet". Over a network, the server's
certificate must be valid for its name. First run "postvet journal migrate".
While the database is away, nothing is lost and mail does not notice it.
Needs a restart to change.`,
		},
		{
			name: "ship", value: oneOf(&j.Ship, JournalShipRest, JournalShipAll), restart: true,
			comment: `What is sent there. rest: the mail that keep is about, and the counts of all
mail. all: also all other mail. Needs a restart to change.`,
		},
		{
			name: "node", value: text(&j.Node, "", checkNode), restart: true,
			comment: `The name of this machine there, which no other has. Empty: the host's name.
With another name, it goes on two minutes later and keeps what it has sent.
Needs a restart to change.`,
		},
		{
			name: "spool_keep", value: duration(&j.SpoolKeep, 3*day, day, 10*365*day),
			comment: `How long mail is kept that was not sent there yet, if that is longer than
keep or keep_accepted (24h to 87600h). max_size and min_free hold all the
same.`,
		},
		{
			name: "auto_migrate", value: truth(&j.AutoMigrate, false), restart: true,
			comment: `Whether the service makes and changes the tables there by itself, instead of
"postvet journal migrate". Needs a restart to change.`,
		},
	}}
}

const remedyPostgres = `write one such as "host=/run/postgresql dbname=postvet" or "postgres://postvet@db.example.org/postvet", or "file:" and the path of a file that has one`

// checkPostgres accepts a DSN without a password, or "file:" and an absolute path.
func checkPostgres(s string) (normal, problem, remedy string) {
	if path, ok := strings.CutPrefix(s, postgres.FilePrefix); ok {
		path, problem, _ = checkPath(path, "file", "")
		return postgres.FilePrefix + path, problem, `write a path such as "file:/etc/postvet/journal.dsn"`
	}
	problem, remedy = postgresFault(postgres.CheckDSN(s))
	return s, problem, remedy
}

// postgresFault returns what is wrong with a DSN and what to do.
func postgresFault(err error) (problem, remedy string) {
	switch {
	case err == nil:
		return "", ""
	case errors.Is(err, postgres.ErrPassword):
		return err.Error(), `write the DSN into a file that only the service reads, and name it: "file:/etc/postvet/journal.dsn"`
	case errors.Is(err, postgres.ErrTLS):
		return err.Error(), "write sslmode=verify-full, or leave sslmode out; sslrootcert names the certificate of an authority of your own"
	}
	return err.Error(), remedyPostgres
}

// loadPostgres looks into the file of journal.postgres. If it cannot be read, the service
// will say so: mail does not depend on it.
func (c *Config) loadPostgres() error {
	const key = "journal.postgres"
	if !strings.HasPrefix(c.Journal.Postgres, postgres.FilePrefix) {
		return nil
	}
	err := postgres.CheckDSN(c.Journal.Postgres)
	if err == nil || errors.Is(err, postgres.ErrFile) {
		return nil
	}
	problem, remedy := postgresFault(err)
	return Errors{c.fault(key, "the file "+problem, remedy)}
}

// checkNode accepts a name as hosts have them.
func checkNode(s string) (normal, problem, remedy string) {
	remedy = `write a name such as "mx1.example.org"`
	if len(s) > 253 || strings.ContainsFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_.", r))
	}) {
		return "", cite(s) + " is no name of a node", remedy
	}
	return strings.ToLower(s), "", ""
}

// NodeName returns the name of this machine in a database of several nodes.
func (j *Journal) NodeName() (string, error) {
	if j.Node != "" {
		return j.Node, nil
	}
	host, err := os.Hostname()
	if err != nil {
		return "", fmt.Errorf("the name of this host is unknown (%w); set journal.node", err)
	}
	return strings.ToLower(host), nil
}

func (j *Journal) conflicts(x *conflicts) {
	if j.Postgres != "" && j.Directory == "" {
		x.noEffect("journal.postgres", "journal.directory", "set journal.directory, from which the rows are sent")
	}
}

// checkJournalDirectory accepts an absolute path of a directory, or none.
func checkJournalDirectory(s string) (normal, problem, remedy string) {
	return checkPath(s, "directory", "/var/lib/postvet/journal")
}

// Generation returns the configuration as the journal keeps it with the messages that it has
// decided about. Since is not set.
func (c *Config) Generation() rows.Generation {
	text := c.Shown()
	sum := sha256.Sum256([]byte(text))
	return rows.Generation{ID: int64(binary.BigEndian.Uint32(sum[:]) >> 1), Text: text}
}
