package reportstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/postvet/postvet/cmd/postvet/internal/reports"
)

// trusts is a condition in SQL: the result of DMARC that follows vouches more for a report
// than that which a row has. A pass is better than a file that the administrator chose,
// which is better than anything else.
const trusts = "(result <> 'pass' AND $4 = 'pass' OR result NOT IN ('pass', '') AND $4 = '')"

// AddReceived keeps a report of another receiver. The same report again counts as a copy;
// if it came in mail that DMARC vouches for, and the first one did not, that is taken
// over. A report without a document is not kept: it is a copy of one that was.
func (s *Store) AddReceived(ctx context.Context, r *reports.Received) (reports.Outcome, error) {
	findings, err := json.Marshal(r.Findings)
	if err != nil {
		return "", err
	}
	last := r.Last
	if last.IsZero() {
		last = r.Arrived
	}
	var outcome reports.Outcome
	err = s.write(ctx, func(tx *sql.Tx) error {
		outcome = reports.Duplicate
		n, err := s.exec(ctx, tx, `UPDATE postvet.report_received SET
				copies = copies + CASE WHEN place = $6 AND place <> '' THEN 0 ELSE 1 END, last_at = CASE WHEN last_at < $3 THEN $3 ELSE last_at END,
				author = CASE WHEN `+trusts+` THEN $5 ELSE author END, mail_from = CASE WHEN `+trusts+` THEN $7 ELSE mail_from END,
				message_id = CASE WHEN `+trusts+` THEN $8 ELSE message_id END, place = CASE WHEN `+trusts+` THEN $6 ELSE place END,
				result = CASE WHEN `+trusts+` THEN $4 ELSE result END
			WHERE key = $1 AND content = $2`,
			r.Key[:], r.Content[:], micros(last), r.Result, plain(r.Author), plain(r.Place), plain(r.From), plain(r.MessageID))
		if err != nil || n > 0 || r.Document == nil {
			return err
		}
		outcome = reports.Kept
		n, err = s.exec(ctx, tx, "UPDATE postvet.report_received SET conflicts = 1 WHERE key = $1", r.Key[:])
		if err != nil {
			return err
		}
		conflicts := 0
		if n > 0 {
			outcome, conflicts = reports.Conflicting, 1
		}
		_, err = s.exec(ctx, tx, `INSERT INTO postvet.report_received (kind, key, content, reporter, email, domain, report_id, begin_at, end_at, messages, passed, records,
				head, document, findings, arrived_at, last_at, place, mail_from, subject, message_id, author, result, conflicts)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24)
			ON CONFLICT (key, content) DO UPDATE SET copies = report_received.copies + 1`,
			string(r.Kind), r.Key[:], r.Content[:], plain(r.Reporter), plain(r.Email), plain(r.Domain), plain(r.ReportID), micros(r.Begin), micros(r.End), r.Messages, r.Passed, r.Records,
			append([]byte{}, r.Head...), r.Document, plain(string(findings)), micros(r.Arrived), micros(last), plain(r.Place), plain(r.From), plain(r.Subject), plain(r.MessageID), plain(r.Author), r.Result, conflicts)
		return err
	})
	return outcome, err
}

// plain returns a text that PostgreSQL takes: UTF-8 without NUL.
func plain(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "")
}

const receivedColumns = `id, kind, key, content, reporter, email, domain, report_id, begin_at, end_at, messages, passed, records,
	findings, arrived_at, last_at, copies, place, mail_from, subject, message_id, author, result, conflicts`

// Received calls each for the reports that a filter wants, by arrival. The report is
// the caller's.
func (s *Store) Received(ctx context.Context, f reports.ReceivedFilter, each func(*reports.Received) error) error {
	w := &where{}
	if f.ID != 0 {
		w.add("id = ?", f.ID)
	}
	if f.Kind != "" {
		w.add("kind = ?", string(f.Kind))
	}
	if f.Domain != "" {
		addDomain(w, strings.ToLower(f.Domain))
	}
	if !f.Since.IsZero() {
		w.add("arrived_at >= ?", micros(f.Since))
	}
	if !f.Until.IsZero() {
		w.add("arrived_at < ?", micros(f.Until))
	}
	columns, order := receivedColumns, "arrived_at, id"
	if f.Documents {
		columns += ", head, document"
	}
	if f.Limit > 0 {
		order = "arrived_at DESC, id DESC"
	}
	return s.each(ctx, s.db, func(rows *sql.Rows) error {
		r := &reports.Received{}
		var key, content []byte
		var findings string
		var begin, end, arrived, last, conflicts int64
		into := []any{
			&r.ID, &r.Kind, &key, &content, &r.Reporter, &r.Email, &r.Domain, &r.ReportID, &begin, &end, &r.Messages, &r.Passed, &r.Records,
			&findings, &arrived, &last, &r.Copies, &r.Place, &r.From, &r.Subject, &r.MessageID, &r.Author, &r.Result, &conflicts,
		}
		if f.Documents {
			into = append(into, &r.Head, &r.Document)
		}
		if err := rows.Scan(into...); err != nil {
			return err
		}
		copy(r.Key[:], key)
		copy(r.Content[:], content)
		r.Begin, r.End, r.Arrived, r.Last, r.Conflicts = timeOf(begin), timeOf(end), timeOf(arrived), timeOf(last), conflicts > 0
		if err := json.Unmarshal([]byte(findings), &r.Findings); err != nil {
			return err
		}
		return each(r)
	}, fmt.Sprintf("SELECT %s FROM postvet.report_received%s ORDER BY %s%s", columns, w, order, limit(f.Limit)), w.args...)
}

// addDomain adds the condition that a report is about a domain, or one below or above it.
func addDomain(w *where, domain string) {
	names := []any{domain}
	for rest := domain; ; {
		_, above, found := strings.Cut(rest, ".")
		if !found || len(names) > 127 {
			break
		}
		names = append(names, above)
		rest = above
	}
	below := "%." + strings.NewReplacer("!", "!!", "%", "!%", "_", "!_").Replace(domain)
	w.add("(domain LIKE ? ESCAPE '!' OR "+in("domain", len(names))+")", append([]any{below}, names...)...)
}
