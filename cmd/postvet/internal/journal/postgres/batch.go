package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
)

// batch is what one transaction sends: rows of one file behind a mark.
type batch struct {
	part        rows.Part
	file        int64
	from        rows.Mark
	chunk       rows.Chunk
	data        []byte // of COPY
	generations []rows.Generation
}

// Bounds of a batch.
const (
	maxRows   = 2000
	maxOctets = 1 << 20
)

// errMoved is the error if the mark is not where it was left: an earlier transaction of
// this node, whose answer was lost, has ended after all.
var errMoved = errors.New("the mark of the node has moved; it is read again")

// send sends a batch.
func (s *session) send(ctx context.Context, b *batch) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if !s.partitions[b.part] {
		if err := makePartition(ctx, s.conn, b.part); err != nil {
			return fault(err)
		}
		s.partitions[b.part] = true
	}
	if err := s.begin(ctx); err != nil {
		return err
	}
	for _, g := range b.generations {
		_, err := s.conn.Exec(ctx, "INSERT INTO postvet.generation VALUES ($1, $2, $3) ON CONFLICT (id) DO NOTHING", g.ID, g.Since, g.Text)
		if err != nil {
			return fault(err)
		}
	}
	table := fmt.Sprintf("COPY postvet.%s (%s) FROM STDIN (FORMAT binary)", b.part.Class, copyColumns)
	n, err := s.copy(ctx, b.data, table)
	if err != nil {
		return fault(err)
	}
	if n != int64(b.chunk.Rows) {
		return fmt.Errorf("the database has taken %d rows instead of %d", n, b.chunk.Rows)
	}
	if err := s.mark(ctx, b); err != nil {
		return err
	}
	if err := s.commit(ctx); err != nil {
		return err
	}
	s.marks[b.file] = b.chunk.Next
	for _, g := range b.generations {
		s.generations[g.ID] = true
	}
	return nil
}

// copy sends data in the binary format, and returns the number of rows. The data are room
// for others afterwards, unless that fails: if the connection is cut, a goroutine of pgconn
// may still read them.
func (s *session) copy(ctx context.Context, data []byte, statement string) (n int64, err error) {
	s.room = nil
	tag, err := s.conn.PgConn().CopyFrom(ctx, bytes.NewReader(data), statement)
	if err == nil {
		s.room = data
	}
	return tag.RowsAffected(), err
}

// mark moves the mark of a file, from where it must be.
func (s *session) mark(ctx context.Context, b *batch) error {
	next := b.chunk.Next
	statement := fmt.Sprintf("UPDATE postvet.shipped SET ref = %d, late = %d, rows = rows + %d WHERE node = %d AND file = %d AND ref = %d AND late = %d",
		next.Ref, next.Late, b.chunk.Rows, s.node, b.file, b.from.Ref, b.from.Late)
	if _, known := s.marks[b.file]; !known {
		statement = fmt.Sprintf("INSERT INTO postvet.shipped (node, file, day, class, ref, late, rows) VALUES (%d, %d, '%s', '%s', %d, %d, %d) ON CONFLICT DO NOTHING",
			s.node, b.file, b.part.Day.Format(time.DateOnly), b.part.Class, next.Ref, next.Late, b.chunk.Rows)
	}
	results, err := s.conn.PgConn().Exec(ctx, statement).ReadAll()
	if err != nil {
		return fault(err)
	}
	if results[0].CommandTag.RowsAffected() != 1 {
		return errMoved
	}
	return nil
}
