package service

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/postgres"
	"github.com/postvet/postvet/cmd/postvet/internal/web"
	"github.com/postvet/postvet/policy/foreign"
)

// fleetTime bounds how long a page waits for the database of all nodes.
const fleetTime = 2 * time.Second

// Fleet implements web.Fleets.
func (s webSource) Fleet(ctx context.Context) web.Fleet {
	j := &s.d.started.Journal
	f := web.Fleet{Configured: j.Postgres != "", Nodes: []web.FleetNode{}}
	f.Here, _ = j.NodeName() // "" is no node
	if !f.Configured {
		return f
	}
	ctx, cancel := context.WithTimeout(ctx, fleetTime)
	defer cancel()
	nodes, err := s.d.webDatabase.Nodes(ctx)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		f.Problem, f.Late = "PostgreSQL may be slow or hang, or the network to it. Look whether it has too much to do.", true
	case err != nil:
		f.Problem = foreign.Terminal(err.Error(), 500)
	}
	for _, n := range nodes {
		node := web.FleetNode{Name: n.Name, Version: n.Version, Seen: n.Seen, Newest: n.Newest, Removal: postgres.Removal(n.Name)}
		if h := n.Health; h != nil {
			n.Generation = h.Generation
			node.Health = &web.NodeHealth{LagSeconds: h.Lag.Seconds(), Dropped: h.Dropped, Lost: h.Lost, DNSFails: h.Degraded, Failing: h.Failing, Resolvers: h.Resolvers}
		}
		if n.Generation != 0 {
			node.Config = fmt.Sprintf("%08x", n.Generation)
		}
		f.Nodes = append(f.Nodes, node)
	}
	return f
}
