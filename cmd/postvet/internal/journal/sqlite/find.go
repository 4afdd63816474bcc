package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
)

// Reader searches the files of a directory, whether or not a store writes there. It is
// safe for concurrent use.
type Reader struct{ keys keys }

var _ rows.Reader = (*Reader)(nil)

// NewReader returns a reader of a directory.
func NewReader(dir string) *Reader { return &Reader{keys: keys{dir: dir}} }

// Find implements [rows.Reader].
func (r *Reader) Find(ctx context.Context, q rows.Query) (rows.Page, error) {
	page := rows.Page{Rows: []*rows.Row{}, Complete: true}
	if err := q.Check(); err != nil {
		return page, err
	}
	all, err := files(r.keys.dir)
	if err != nil {
		return page, err
	}
	if len(all) > 0 {
		page.Oldest = all[len(all)-1].day
	}
	var slices rows.Slices
	for len(all) > 0 && len(page.Rows) < q.Limit {
		day := all[0].day
		n := lenOfDay(all)
		if q.WantsDay(day) {
			if searched := r.findDay(ctx, all[:n], q, &slices, &page); ctx.Err() != nil {
				page.Complete, page.Searched = false, searched
				break
			}
		}
		all = all[n:]
	}
	page.End(q.Limit)
	aside, err := setAside(r.keys.dir)
	for _, f := range aside {
		if q.WantsDay(f.day) {
			page.Aside = append(page.Aside, filepath.Base(f.path))
		}
	}
	return page, err
}

// lenOfDay returns the number of the files that are of the same day as the first one.
func lenOfDay(all []file) int {
	for i := range all {
		if !all[i].day.Equal(all[0].day) {
			return i
		}
	}
	return len(all)
}

// findDay adds the rows of the files of one day to a page, in order of time, and returns how
// far it came.
func (r *Reader) findDay(ctx context.Context, day []file, q rows.Query, parts *rows.Slices, page *rows.Page) (searched time.Time) {
	key, err := r.keys.of(day[0].day, false)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		page.Unread = append(page.Unread, filepath.Base(day[0].day.Format(monthLayout))+".key")
	}
	unread := func(f file, err error) {
		if ctx.Err() == nil && (!errors.Is(err, fs.ErrNotExist) || f.isEmptied(time.Now())) {
			page.Unread = append(page.Unread, filepath.Base(f.path))
		}
	}
	open := map[file]*sql.DB{}
	for _, f := range day {
		if !q.WantsClass(f.class) {
			continue
		}
		db, err := openReader(ctx, f)
		if err != nil {
			unread(f, err)
			continue
		}
		defer db.Close()
		open[f] = db
	}
	return parts.Each(q, day[0].day, time.Now(), func(slice rows.Query) bool {
		var found []*rows.Row
		for f, db := range open {
			some, err := findIn(ctx, db, &slice, key)
			if found = append(found, some...); err != nil {
				unread(f, err)
				delete(open, f)
			}
		}
		if ctx.Err() != nil {
			return false // what was found may have gaps
		}
		page.AddDay(found)
		return len(page.Rows) < q.Limit
	})
}

// findIn returns the rows of a file, the newest first.
func findIn(ctx context.Context, db *sql.DB, q *rows.Query, key *rows.Key) (found []*rows.Row, err error) {
	for _, c := range conditions(q, key) {
		some, err := c.find(ctx, db, q, key)
		found = append(found, some...)
		if err != nil {
			return found, err
		}
	}
	return found, nil
}

// condition is a condition in SQL that all wanted rows meet, and some others.
type condition struct {
	terms []string
	args  []any
}

func (c *condition) add(term string, args ...any) {
	c.terms, c.args = append(c.terms, term), append(c.args, args...)
}

// conditions returns the conditions of a query, each for an index where there is one. No
// row meets two of them.
func conditions(q *rows.Query, key *rows.Key) []condition {
	var c condition
	q.Terms(c.add)
	if q.MessageID != "" && key != nil {
		c.add("message_key = ?", key.Hash(q.MessageID))
	}
	if strings.Contains(q.From, "@") && key != nil {
		c.add("mail_from_key = ?", key.Hash(q.From))
	}
	if q.Client.IsValid() {
		c.client(q)
	}
	if strings.Contains(q.To, "@") && key != nil {
		c.add("instr(rcpt_keys, ?) > 0", rows.AppendKey(nil, key.Hash(q.To)))
	}
	if q.Domain == "" {
		return []condition{c}
	}
	return c.organizations(q.Domain)
}

// allConditions are conditions for all rows that a query selects. Those of conditions need
// an index, and lack authors below the domain that are organizations of their own, as they
// are where no DMARC record is found.
func allConditions(q *rows.Query, key *rows.Key) []condition {
	others := *q
	others.Domain = ""
	all := conditions(&others, key)
	if q.Domain != "" {
		for i := range all {
			all[i].add("(author = ? OR org = ? OR substr(author, ?) = ? OR substr(org, ?) = ?)",
				q.Domain, q.Domain, -len(q.Domain)-1, "."+q.Domain, -len(q.Domain)-1, "."+q.Domain)
		}
	}
	return all
}

// client adds a condition for the text of an address.
func (c *condition) client(q *rows.Query) {
	ip := q.Client.Addr()
	if q.Client.IsSingleIP() {
		c.add("client = ?", ip.String())
		return
	}
	if octets := q.Client.Bits() / 8; ip.Is4() && octets > 0 {
		parts := strings.Split(ip.String(), ".")
		prefix := strings.Join(parts[:octets], ".") + "."
		c.add("client >= ? AND client < ?", prefix, strings.TrimSuffix(prefix, ".")+"/") // '/' follows '.'
	}
}

// organizations returns a condition for the domain itself and each one above it that may be
// its organization, since that is indexed; and one for those below a domain that is no
// organization of its own.
func (c condition) organizations(domain string) []condition {
	var all []condition
	for name := domain; strings.Contains(name, "."); _, name, _ = strings.Cut(name, ".") {
		one := condition{terms: slices.Clone(c.terms), args: slices.Clone(c.args)}
		one.add("org = ?", name)
		if name != domain {
			one.add("(author = ? OR substr(author, ?) = ?)", domain, -len(domain)-1, "."+domain)
		}
		all = append(all, one)
	}
	if len(all) == 0 {
		c.add("(author = ? OR substr(author, ?) = ?)", domain, -len(domain)-1, "."+domain)
		return []condition{c}
	}
	return all
}

// find returns the rows that meet a condition and are wanted.
func (c *condition) find(ctx context.Context, db *sql.DB, q *rows.Query, key *rows.Key) (found []*rows.Row, err error) {
	err = each(ctx, db, selected, c.where(), c.args, func(rec *rows.Record) error {
		if !q.Selects(rec, key) {
			return nil
		}
		row, err := rec.Row()
		if err != nil {
			return err
		}
		if found = append(found, row); len(found) == q.Limit {
			return ErrEnough
		}
		return nil
	})
	if errors.Is(err, ErrEnough) {
		err = nil
	}
	return found, err
}

// ErrEnough ends a search, or what [PartReader.Read] reads after the present row.
var ErrEnough = errors.New("sqlite: enough rows")

func (c *condition) where() string {
	if len(c.terms) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(c.terms, " AND ")
}

// selected are the columns in order.
var selected = func() string {
	names := make([]string, rows.Columns)
	for c := range rows.Columns {
		names[c] = c.String()
	}
	return strings.Join(names, ", ")
}()

// scanner reads rows into a record.
type scanner struct {
	rec     rows.Record
	ints    [rows.Columns]sql.NullInt64
	octets  [rows.Columns]sql.RawBytes
	targets []any
}

func newScanner() *scanner {
	s := &scanner{}
	for c := range rows.Columns {
		if c.Kind() == rows.Integer {
			s.targets = append(s.targets, &s.ints[c])
		} else {
			s.targets = append(s.targets, &s.octets[c])
		}
	}
	return s
}

// scan reads the present row. Its octets are valid until the next one.
func (s *scanner) scan(lines *sql.Rows) error {
	if err := lines.Scan(s.targets...); err != nil {
		return err
	}
	for c := range rows.Columns {
		s.rec[c] = rows.Value{Int: s.ints[c].Int64, Octets: s.octets[c]}
	}
	return nil
}

// Generation implements [rows.Reader].
func (r *Reader) Generation(ctx context.Context, id int64, at time.Time) (rows.Generation, bool) {
	for c := range rows.Class(rows.Classes) {
		db, err := openReader(ctx, fileOf(r.keys.dir, at, c))
		if err != nil {
			continue
		}
		g := rows.Generation{ID: id}
		var since string
		err = db.QueryRowContext(ctx, "SELECT since, text FROM generation WHERE id = ?", id).Scan(&since, &g.Text)
		db.Close()
		if err == nil {
			g.Since, _ = time.Parse(timeLayout, since)
			return g, true
		}
	}
	return rows.Generation{}, false
}
