package postgres

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
)

// How long a lease lasts and how often it is renewed.
const (
	leaseTime  = time.Minute
	leaseRenew = 20 * time.Second
)

// ErrLost is the cause of the end of a context of [Leases.Do] when the lease could not be
// renewed.
var ErrLost = errors.New("postgres: the lease could not be renewed in time")

// Leases let one of several processes at a time do what one alone must do. Their time is
// that of the database.
type Leases struct {
	Database *Database
	// Holder identifies this process among all others, see [NewHolder].
	Holder string
	// time and renew are leaseTime and leaseRenew, but for tests.
	time, renew time.Duration
}

// NewHolder returns a name that no other process has.
func NewHolder(node string) string { return node + "/" + strconv.FormatInt(rand.Int64(), 36) }

// Lease is a lease that this process holds.
type Lease struct {
	// Token rises whenever another process becomes the holder, so that what an earlier
	// one left can be told from what the present one writes.
	Token int64
	until time.Time // by our clock
}

// Do calls f if no other process holds the lease of a name, and reports whether it did. It
// renews the lease until f returns, and then gives it back. If it cannot be renewed, the
// context of f ends before another process may have the lease.
func (l *Leases) Do(ctx context.Context, name string, f func(context.Context, Lease) error) (held bool, err error) {
	conn, err := l.Database.Connect(ctx)
	if err != nil {
		return false, err
	}
	defer func() { closeConn(conn) }()
	lease, held, err := l.acquire(ctx, conn, name)
	if err != nil || !held {
		return false, err
	}
	inside, cancel := context.WithCancelCause(ctx)
	done := make(chan error, 1)
	go func() {
		defer func() {
			if v := recover(); v != nil {
				done <- fmt.Errorf("internal error: %v", v)
			}
		}()
		done <- f(inside, lease)
	}()
	renew, lasts := l.times()
	margin := lasts / 12
	ticker := time.NewTicker(renew)
	defer ticker.Stop()
	end := time.NewTimer(time.Until(lease.until) - margin)
	defer end.Stop()
	for {
		select {
		case err := <-done:
			cancel(nil)
			l.release(conn, name)
			return true, err
		case <-end.C:
			cancel(ErrLost)
			return true, errors.Join(ErrLost, <-done)
		case <-ticker.C:
			next, held, renewed := l.renewed(inside, &conn, name)
			switch {
			case renewed == nil && (!held || next.Token != lease.Token):
				cancel(ErrLost)
				return true, errors.Join(ErrLost, <-done)
			case renewed == nil:
				end.Reset(time.Until(next.until) - margin)
			}
		}
	}
}

// times returns how often a lease is renewed and how long it lasts.
func (l *Leases) times() (renew, lasts time.Duration) {
	renew, lasts = leaseRenew, leaseTime
	if l.time > 0 {
		renew, lasts = l.renew, l.time
	}
	return renew, lasts
}

// renewed renews a lease, over another connection if the one at hand does not work.
func (l *Leases) renewed(ctx context.Context, conn **pgx.Conn, name string) (Lease, bool, error) {
	renew, _ := l.times()
	ctx, cancel := context.WithTimeout(ctx, renew/2)
	defer cancel()
	if (*conn).IsClosed() {
		other, err := l.Database.Connect(ctx)
		if err != nil {
			return Lease{}, false, err
		}
		*conn = other
	}
	return l.acquire(ctx, *conn, name)
}

// acquire takes or renews a lease, and reports whether this process has it now.
func (l *Leases) acquire(ctx context.Context, conn *pgx.Conn, name string) (lease Lease, held bool, err error) {
	_, lasts := l.times()
	lease.until = time.Now().Add(lasts) // at the latest
	err = conn.QueryRow(ctx, `INSERT INTO postvet.lease AS l (name, holder, token, until)
		VALUES ($1, $2, 1, clock_timestamp() + $3 * interval '1 ms')
		ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until,
			token = l.token + (l.holder <> excluded.holder)::int
		WHERE l.until < clock_timestamp() OR l.holder = excluded.holder
		RETURNING token`, name, l.Holder, lasts.Milliseconds()).Scan(&lease.Token)
	if errors.Is(err, pgx.ErrNoRows) {
		return lease, false, nil
	}
	return lease, err == nil, fault(err)
}

// release gives a lease back. If that fails, it ends by itself.
func (l *Leases) release(conn *pgx.Conn, name string) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	_, _ = conn.Exec(ctx, "UPDATE postvet.lease SET until = clock_timestamp() WHERE name = $1 AND holder = $2", name, l.Holder)
}
