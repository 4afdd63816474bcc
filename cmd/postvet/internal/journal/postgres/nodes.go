package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/postvet/postvet/policy/result"
)

// NodeState is what the database knows of a node.
type NodeState struct {
	Name, Version string
	// Seen is when it last said that it is alive.
	Seen time.Time
	// Newest is the time of its newest message among the newest of all nodes, and Generation
	// the configuration that decided about it; zero if it has none there.
	Newest     time.Time
	Generation int64
	// Health is what it said of itself; nil for nothing.
	Health *Health
}

// maxNodes bounds the nodes of an answer.
const maxNodes = 500

// Nodes returns the nodes that send to the database, by name.
func (d *Database) Nodes(ctx context.Context) (all []NodeState, err error) {
	conn, done, err := d.acquire(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	lines, err := conn.Query(ctx, `WITH newest AS (
			(SELECT node, ref, generation FROM postvet.rest ORDER BY ref DESC LIMIT 2000)
			UNION ALL (SELECT node, ref, generation FROM postvet.accepted ORDER BY ref DESC LIMIT 2000)
		), last AS (SELECT DISTINCT ON (node) node, ref, generation FROM newest ORDER BY node, ref DESC)
		SELECT n.name, n.version, n.seen, coalesce(l.ref, 0), coalesce(l.generation, 0), coalesce(n.health::text, '')
		FROM postvet.node AS n LEFT JOIN last AS l ON l.node = n.id ORDER BY n.name LIMIT $1`, maxNodes)
	if err != nil {
		return nil, fault(err)
	}
	var n NodeState
	var ref int64
	var health string
	_, err = pgx.ForEachRow(lines, []any{&n.Name, &n.Version, &n.Seen, &ref, &n.Generation, &health}, func() error {
		n.Newest, n.Health = time.Time{}, healthOf(health)
		if ref != 0 {
			n.Newest = result.Reference(ref).Time()
		}
		all = append(all, n)
		return nil
	})
	if err != nil {
		return nil, fault(err)
	}
	return all, nil
}
