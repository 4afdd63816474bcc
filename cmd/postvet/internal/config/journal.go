package config

import (
	"crypto/sha256"
	"encoding/binary"
	"strings"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
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
}

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
			name: "directory", value: text(&j.Directory, "", checkJournalDirectory), restart: true,
			comment: `Where it is kept, such as "/var/lib/postvet/journal": a directory of a local
disk that the service may write. Empty: nowhere. Needs a restart to change.`,
		},
		{
			name: "privacy", value: oneOf(&j.Privacy, rows.Hashed, rows.Off, rows.Counts, rows.Domains, rows.Addresses), restart: true,
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
are kept 35 days at most.`,
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
	}}
}

// checkJournalDirectory accepts an absolute path of a directory, or none.
func checkJournalDirectory(s string) (normal, problem, remedy string) {
	return checkPath(s, "directory", "/var/lib/postvet/journal")
}

// Generation returns the configuration as the journal keeps it beside the messages that it
// has decided about. Since is not set.
func (c *Config) Generation() rows.Generation {
	var text strings.Builder
	_ = c.Write(&text) // a Builder never fails
	sum := sha256.Sum256([]byte(text.String()))
	return rows.Generation{ID: int64(binary.BigEndian.Uint32(sum[:]) >> 1), Text: text.String()}
}
