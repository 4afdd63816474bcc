package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/zap"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/sqlite"
)

// session is a connection by which the rows of a node are sent.
type session struct {
	id   int64 // of this process
	conn *pgx.Conn
	node int32
	// marks are those of the database, and partitions those that exist.
	marks       map[int64]rows.Mark
	partitions  map[rows.Part]bool
	generations map[int64]bool
	complete    map[rows.Part]sqlite.Stamp   // of files that were sent to their end
	counted     map[string]int64             // up to which periods of a length were sent
	newestDay   time.Time                    // of which counts were sent
	recent      map[int64]recentHour         // that were sent, by their beginning
	patterns    map[int64]sqlite.PatternSums // of the days that were sent
	// taken is true after another process has sent rows of this node.
	taken bool
	seen  time.Time // when the database was told that this process is alive
	told  time.Time // when it was told how the node does
	room  []byte    // for the data of a batch
	hider rows.Hider
}

// errTaken is the error while another process sends rows of a node with the same name.
var errTaken = errors.New("another service sends its journal under this name; give each node a name of its own with journal.node")

// takeoverTime is the time after which a node whose service was silent can be another
// machine.
const takeoverTime = 2 * time.Minute

func (s *session) close() {
	if s.conn != nil {
		closeConn(s.conn)
		s.conn = nil
	}
}

// open connects, has this process be the one that sends the rows of the node, and reads
// how far they were sent.
func (s *session) open(ctx context.Context, o *Options, identity int64) (err error) {
	s.conn, err = o.Database.Connect(ctx)
	if errors.Is(err, ErrTooOld) && o.AutoMigrate {
		if _, _, err = o.Database.Migrate(ctx); err == nil {
			s.conn, err = o.Database.Connect(ctx)
		}
	}
	if err != nil {
		s.conn = nil
		return err
	}
	s.partitions, s.generations, s.complete = map[rows.Part]bool{}, map[int64]bool{}, map[rows.Part]sqlite.Stamp{}
	if err := s.claim(ctx, o, identity); err != nil {
		return err
	}
	lines, err := s.conn.Query(ctx, "SELECT file, ref, late FROM postvet.shipped WHERE node = $1", s.node)
	if err != nil {
		return fault(err)
	}
	s.marks = map[int64]rows.Mark{}
	var file int64
	var mark rows.Mark
	_, err = pgx.ForEachRow(lines, []any{&file, &mark.Ref, &mark.Late}, func() error {
		s.marks[file] = mark
		return nil
	})
	if err != nil {
		return fault(err)
	}
	if err := s.readPatternSums(ctx); err != nil {
		return err
	}
	return s.readCounted(ctx)
}

// readCounted reads how far counts were sent.
func (s *session) readCounted(ctx context.Context) error {
	s.counted = map[string]int64{}
	lines, err := s.conn.Query(ctx, "SELECT length, seq FROM postvet.counted WHERE node = $1", s.node)
	if err != nil {
		return fault(err)
	}
	var length string
	var seq int64
	_, err = pgx.ForEachRow(lines, []any{&length, &seq}, func() error {
		s.counted[length] = seq
		return nil
	})
	if err != nil {
		return fault(err)
	}
	s.recent = map[int64]recentHour{}
	return s.readNewestDay(ctx)
}

// readNewestDay reads which day is the newest of which counts were sent.
func (s *session) readNewestDay(ctx context.Context) error {
	err := s.conn.QueryRow(ctx, "SELECT coalesce(max(at), to_timestamp(0)) FROM postvet.period WHERE length = 'day' AND node = $1", s.node).Scan(&s.newestDay)
	return fault(err)
}

// errCopied is the error while the database knows the directory as that of a node with another
// name that was alive a moment ago. If that one has only been renamed, the time passes.
var errCopied = errors.New("the database knows this journal as that of another node, which has just sent; a node that was renamed goes on in two minutes; in a copy of a journal, remove the file identity")

// claim has this process be the one that sends the rows of the node. A service that was
// started again follows the one before at once, by the identity of its directory. It waits
// for transactions of the one before, so that what it reads next is true.
func (s *session) claim(ctx context.Context, o *Options, identity int64) error {
	// Another directory has counted other periods.
	err := s.conn.QueryRow(ctx, `WITH former AS (SELECT id, identity FROM postvet.node WHERE name = $1),
		claimed AS (UPDATE postvet.node SET session = $2, identity = $3, version = $4, seen = clock_timestamp()
			WHERE name = $1 AND (session = $2 OR identity = $3 AND NOT $5 OR seen < clock_timestamp() - $6 * interval '1 s') RETURNING id),
		begun AS (DELETE FROM postvet.counted WHERE node IN (SELECT id FROM former JOIN claimed USING (id) WHERE identity <> $3))
		SELECT id FROM claimed`,
		o.Node, s.id, identity, o.Version, s.taken, int(takeoverTime.Seconds())).Scan(&s.node)
	if errors.Is(err, pgx.ErrNoRows) {
		err = s.claimNew(ctx, o, identity)
	}
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return errTaken
	case errors.Is(err, errCopied):
		return err
	}
	s.taken = s.taken && err != nil
	return fault(err)
}

// claimNew claims a name that no node has. A node that was renamed keeps what it has sent.
func (s *session) claimNew(ctx context.Context, o *Options, identity int64) error {
	var name string
	var alive bool
	err := s.conn.QueryRow(ctx, `SELECT id, name, session <> $2 AND seen > clock_timestamp() - $3 * interval '1 s' FROM postvet.node
		WHERE identity = $1 AND NOT EXISTS (SELECT FROM postvet.node WHERE name = $4) ORDER BY seen DESC LIMIT 1`,
		identity, s.id, int(takeoverTime.Seconds()), o.Node).Scan(&s.node, &name, &alive)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return s.conn.QueryRow(ctx, `INSERT INTO postvet.node (name, identity, session, version, seen) VALUES ($1, $2, $3, $4, clock_timestamp())
			ON CONFLICT (name) DO NOTHING RETURNING id`, o.Node, identity, s.id, o.Version).Scan(&s.node)
	case err != nil:
		return err
	case alive:
		return errCopied
	}
	err = s.conn.QueryRow(ctx, `UPDATE postvet.node SET name = $1, session = $2, version = $3, seen = clock_timestamp()
		WHERE id = $4 AND name = $5 RETURNING id`, o.Node, s.id, o.Version, s.node, name).Scan(&s.node)
	if err == nil {
		o.Logger.Info("this node was renamed in the database", zap.String("from", name), zap.String("to", o.Node))
	}
	return err
}

// begin begins a transaction that ends if this process is not the one that sends the
// rows of the node. It is the sign that the node is alive.
func (s *session) begin(ctx context.Context) error {
	results, err := s.conn.PgConn().Exec(ctx, fmt.Sprintf(`BEGIN;
		SET LOCAL lock_timeout = '10s'; SET LOCAL statement_timeout = '60s'; SET LOCAL idle_in_transaction_session_timeout = '60s';
		UPDATE postvet.node SET seen = clock_timestamp() WHERE id = %d AND session = %d`, s.node, s.id)).ReadAll()
	if err != nil {
		return fault(err)
	}
	if results[len(results)-1].CommandTag.RowsAffected() != 1 {
		s.taken = true
		return errTaken
	}
	s.seen = time.Now()
	return nil
}

func (s *session) commit(ctx context.Context) error {
	results, err := s.conn.PgConn().Exec(ctx, "COMMIT").ReadAll()
	if err == nil && results[0].CommandTag.String() != "COMMIT" {
		err = errors.New("the transaction was rolled back")
	}
	return fault(err)
}
