package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
)

// Spool reads the rows of a directory in the order in which they were written, so that they
// can be sent elsewhere while the store goes on. A row that is removed meanwhile is not
// read.
type Spool struct{ dir string }

// NewSpool returns the spool of a directory.
func NewSpool(dir string) *Spool { return &Spool{dir: dir} }

// Parts returns the parts that exist: those of the rest before those of accepted mail, and
// of each class the newest first.
func (s *Spool) Parts() ([]rows.Part, error) {
	all, err := files(s.dir)
	var parts []rows.Part
	for _, c := range [rows.Classes]rows.Class{rows.Rest, rows.Accepted} {
		for _, f := range all {
			if f.class == c {
				parts = append(parts, rows.Part{Day: f.day, Class: f.class})
			}
		}
	}
	return parts, err
}

// Sender sends rows elsewhere.
type Sender interface {
	// Unshipped returns the number of rows of a part that were not sent.
	Unshipped(ctx context.Context, p rows.Part) int64
	// Removed is told how many rows of a class were removed before they were sent.
	Removed(c rows.Class, n int64)
}

// SetSpool has rows that were not sent kept for a time, if that is longer than others are.
func (s *Store) SetSpool(keep time.Duration, by Sender) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.spoolKeep, s.sender = keep, by
}

func (s *Store) spool() (keep time.Duration, by Sender) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.spoolKeep, s.sender
}

// unsent returns the number of rows of a file that are still to be sent.
func (s *Store) unsent(f file) int64 {
	_, by := s.spool()
	if by == nil {
		return 0
	}
	return by.Unshipped(s.ctx, rows.Part{Day: f.day, Class: f.class})
}

// spooled reports whether a file is kept for the rows that are still to be sent.
func (s *Store) spooled(f file, age time.Duration) bool {
	keep, by := s.spool()
	return by != nil && age <= keep && s.unsent(f) > 0
}

// Stamp changes with the file of a part.
type Stamp struct {
	sizes, times [2]int64
}

// Stamp returns the present stamp of a part. It is not known if the file has changed only
// just now.
func (s *Spool) Stamp(p rows.Part) (stamp Stamp, known bool) {
	f := fileOf(s.dir, p.Day, p.Class)
	for i, suffix := range suffixes[:2] {
		info, err := os.Stat(f.path + suffix)
		if errors.Is(err, fs.ErrNotExist) && i > 0 {
			continue
		}
		if err != nil || time.Since(info.ModTime()) < 100*time.Millisecond {
			return Stamp{}, false // the time of a file is a coarse one
		}
		stamp.sizes[i], stamp.times[i] = info.Size(), info.ModTime().UnixNano()
	}
	return stamp, true
}

// PartReader is a part that is open to be read.
type PartReader struct {
	// ID identifies the file, also if it was set aside and another one has its name.
	ID int64
	db *sql.DB
}

// Open opens a part. The error is [fs.ErrNotExist] if nothing was written into it.
func (s *Spool) Open(ctx context.Context, p rows.Part) (*PartReader, error) {
	db, err := openReader(ctx, fileOf(s.dir, p.Day, p.Class))
	if err != nil {
		return nil, err
	}
	r := &PartReader{db: db}
	if err := db.QueryRowContext(ctx, "SELECT id FROM identity").Scan(&r.ID); err != nil {
		db.Close()
		return nil, err
	}
	return r, nil
}

// Close closes the file.
func (p *PartReader) Close() error { return p.db.Close() }

// Read calls f with at most limit rows beyond a mark, or until f returns [ErrEnough], which is
// heeded if it can. A record is valid until f returns.
func (p *PartReader) Read(ctx context.Context, mark rows.Mark, limit int, f func(*rows.Record) error) (c rows.Chunk, err error) {
	// All is read as it was at one moment.
	tx, err := p.db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return c, err
	}
	defer func() { err = errors.Join(err, ignoreDone(tx.Rollback())) }()
	c.Next = mark
	read := func(inOrder bool, condition string, args ...any) error {
		lines, err := tx.QueryContext(ctx, "SELECT "+selected+" FROM message WHERE "+condition, args...)
		if err != nil {
			return err
		}
		defer lines.Close()
		s := newScanner()
		for lines.Next() {
			if err := s.scan(lines); err != nil {
				return err
			}
			err := f(&s.rec)
			if err != nil && !errors.Is(err, ErrEnough) {
				return err
			}
			c.Rows++
			c.Next.Ref = max(c.Next.Ref, s.rec[rows.ColRef].Int)
			if err != nil && inOrder {
				c.More = true
				return nil
			}
		}
		return lines.Err()
	}
	var late int64 // the last of those that are read now
	err = tx.QueryRowContext(ctx, "SELECT coalesce(max(seq), ?1) FROM (SELECT seq FROM late WHERE seq > ?1 ORDER BY seq LIMIT ?2)", mark.Late, limit).Scan(&late)
	if err != nil {
		return c, err
	}
	if late > mark.Late {
		// Ref passes those that lie behind it.
		err := read(false, "ref IN (SELECT ref FROM late WHERE seq > ? AND seq <= ? AND ref <= ?)", mark.Late, late, mark.Ref)
		if err != nil {
			return c, err
		}
		c.Next.Late = late
		var left int64
		if err := tx.QueryRowContext(ctx, "SELECT coalesce(max(seq), 0) FROM late").Scan(&left); err != nil {
			return c, err
		}
		if left > late {
			// Ref must not move before all of them were seen.
			c.More = true
			return c, nil
		}
	}
	before := c.Rows
	if err := read(true, "ref > ? ORDER BY ref LIMIT ?", mark.Ref, limit); err != nil {
		return c, err
	}
	c.More = c.More || c.Rows-before == limit
	return c, nil
}

func ignoreDone(err error) error {
	if errors.Is(err, sql.ErrTxDone) {
		return nil
	}
	return err
}

// Left returns the number of rows beyond a mark.
func (p *PartReader) Left(ctx context.Context, mark rows.Mark) (n int64, err error) {
	err = p.db.QueryRowContext(ctx, `SELECT (SELECT count(*) FROM message WHERE ref > ?1) +
		(SELECT count(*) FROM message WHERE ref IN (SELECT ref FROM late WHERE seq > ?2 AND ref <= ?1))`, mark.Ref, mark.Late).Scan(&n)
	return n, err
}

// Generations returns the rules that were in force for the rows of the part, but for those
// that are known.
func (p *PartReader) Generations(ctx context.Context, known func(id int64) bool) (all []rows.Generation, err error) {
	lines, err := p.db.QueryContext(ctx, "SELECT id FROM generation")
	if err != nil {
		return nil, err
	}
	for lines.Next() {
		var g rows.Generation
		if err = lines.Scan(&g.ID); err == nil && !known(g.ID) {
			all = append(all, g)
		}
	}
	if err := errors.Join(err, lines.Err(), lines.Close()); err != nil {
		return nil, err
	}
	for i := range all {
		g := &all[i]
		var since string
		if err := p.db.QueryRowContext(ctx, "SELECT since, text FROM generation WHERE id = ?", g.ID).Scan(&since, &g.Text); err != nil {
			return nil, err
		}
		g.Since, _ = time.Parse(timeLayout, since)
	}
	return all, nil
}

// identityName is the file with the identity of a directory.
const identityName = "identity"

// Identity returns a number that belongs to the directory for as long as it exists.
func (s *Spool) Identity() (int64, error) {
	path := filepath.Join(s.dir, identityName)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		id := rand.Int64()
		return id, os.WriteFile(path, []byte(strconv.FormatInt(id, 10)+"\n"), 0o600)
	}
	if err != nil {
		return 0, err
	}
	id, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%s is damaged; remove it", path)
	}
	return id, nil
}
