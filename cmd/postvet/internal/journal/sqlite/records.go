package sqlite

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io/fs"
	"time"

	"go.uber.org/zap"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
)

// createRecords is the statement for the table of DNS records. hash is that of the text;
// first and last are Unix seconds.
const createRecords = `CREATE TABLE record (name TEXT NOT NULL, standard TEXT NOT NULL, hash INTEGER NOT NULL,
	text TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL, PRIMARY KEY (name, standard, hash)) WITHOUT ROWID;
CREATE VIEW records AS SELECT name, standard, text, strftime('%Y-%m-%dT%H:%M:%SZ', first, 'unixepoch') AS since,
	strftime('%Y-%m-%dT%H:%M:%SZ', last, 'unixepoch') AS until FROM record;`

// keyOwner is the domain of a DKIM key (RFC 6376 section 3.6.2.1), what follows the first
// "._domainkey." of its name. createKeyIndex has the keys of one domain found among all records.
// It changes no table, so that an older version of the program goes on with the file.
const (
	keyOwner       = "substr(name, instr(name, '._domainkey.') + 12)"
	isKey          = "instr(name, '._domainkey.') > 0"
	createKeyIndex = "CREATE INDEX IF NOT EXISTS record_key ON record (" + keyOwner + ") WHERE " + isKey
)

// Bounds of the table. Senders invent records.
const (
	maxRecords      = 100_000
	maxRecordOctets = 48 << 20
)

// recordHash returns the hash of a text. Nobody can make two texts with the same one on
// purpose, so that no change of a record stays hidden.
func recordHash(text string) int64 {
	sum := sha256.Sum256([]byte(text))
	return int64(binary.BigEndian.Uint64(sum[:]))
}

// WriteRecords keeps DNS records, each text once.
func (s *Store) WriteRecords(all []rows.Published) error {
	return s.inState(func(st *state) error {
		for _, r := range all {
			err := st.exec(`INSERT INTO record VALUES (?, ?, ?, ?, ?, ?)
				ON CONFLICT DO UPDATE SET first = min(first, excluded.first), last = max(last, excluded.last)`,
				r.Name, string(r.Standard), recordHash(r.Text), r.Text, r.First.Unix(), r.Last.Unix())
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// trimRecords removes the records that no row needs any more, and those that are too many:
// first the ones that were met on one day alone, as those of names that somebody invents
// are.
func (s *Store) trimRecords() {
	all, err := files(s.opt.Dir)
	if err != nil {
		return // keep says so
	}
	oldest := s.opt.Now()
	if len(all) > 0 {
		oldest = all[len(all)-1].day
	}
	err = s.inState(func(st *state) error {
		if err := st.exec("DELETE FROM record WHERE last < ?", oldest.Add(-rows.RefreshRecords).Unix()); err != nil {
			return err
		}
		// The running sums begin with the records that stay.
		return st.exec(`DELETE FROM record WHERE (name, standard, hash) IN (SELECT name, standard, hash FROM (
			SELECT name, standard, hash, row_number() OVER w AS n, sum(length(name) + length(CAST(text AS BLOB)) + 32) OVER w AS octets FROM record
			WINDOW w AS (ORDER BY last - first >= 86400 DESC, last DESC, name, standard, hash ROWS UNBOUNDED PRECEDING))
			WHERE n > ? OR octets > ?)`, int64(maxRecords), int64(maxRecordOctets))
	})
	if err != nil {
		s.log.Warn("DNS records beside the journal could not be removed", zap.Error(err))
	}
}

// Records returns the records of a place that may have been in force at a time, the
// likeliest first. There are several if the record changed back and forth.
func (r *Reader) Records(ctx context.Context, p rows.Place, at time.Time) ([]rows.Published, error) {
	db, err := openStateReader(ctx, r.keys.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer db.Close()
	// A second for the rounding of times. A text whose times hold the wanted one excludes
	// those that were met last before it.
	lines, err := db.QueryContext(ctx, `SELECT text, first, last FROM record WHERE name = ?1 AND standard = ?2 AND first <= ?3 + 1 AND last >= ?3 - ?4
		ORDER BY last >= ?3 - 1 DESC, first DESC LIMIT 8`, p.Name(), string(p.Standard), at.Unix(), int64(rows.RefreshRecords/time.Second))
	if err != nil {
		return nil, err
	}
	defer lines.Close()
	var all []rows.Published
	for lines.Next() {
		var first, last int64
		rec := rows.Published{Standard: p.Standard, Name: p.Name()}
		if err := lines.Scan(&rec.Text, &first, &last); err != nil {
			return nil, err
		}
		if len(all) > 0 && last < at.Unix()-1 {
			break
		}
		rec.First, rec.Last = time.Unix(first, 0).UTC(), time.Unix(last, 0).UTC()
		all = append(all, rec)
	}
	return all, lines.Err()
}

// maxDomainRecords bounds the records of one domain that are read.
const maxDomainRecords = 2000

// recordsOfDomain selects the records of a domain.
const recordsOfDomain = `SELECT name, standard, text, first, last FROM record WHERE name IN (?1, '_dmarc.' || ?1)
	OR ` + isKey + " AND " + keyOwner + " = ?1 ORDER BY name, standard, first LIMIT ?2"

// RecordsOf returns the records of a domain, by name, standard and when they were met first:
// its SPF and DMARC records and its keys.
func (r *Reader) RecordsOf(ctx context.Context, domain string) ([]rows.Published, error) {
	db, err := openStateReader(ctx, r.keys.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer db.Close()
	lines, err := db.QueryContext(ctx, recordsOfDomain, domain, int64(maxDomainRecords))
	if err != nil {
		return nil, err
	}
	defer lines.Close()
	var all []rows.Published
	for lines.Next() {
		var rec rows.Published
		var first, last int64
		if err := lines.Scan(&rec.Name, &rec.Standard, &rec.Text, &first, &last); err != nil {
			return nil, err
		}
		rec.First, rec.Last = time.Unix(first, 0).UTC(), time.Unix(last, 0).UTC()
		all = append(all, rec)
	}
	return all, lines.Err()
}
