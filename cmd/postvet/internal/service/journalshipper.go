package service

import (
	"context"

	"go.uber.org/zap"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
	"github.com/postvet/postvet/cmd/postvet/internal/control"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/counts"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/postgres"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
)

// openShipper begins to send the journal to a database, if there is one.
func (d *daemon) openShipper(c *config.Config) {
	j := &d.journal
	if c.Journal.Postgres == "" {
		return
	}
	log := d.log.Named("journal")
	node, err := c.Journal.NodeName()
	if err != nil {
		log.Error("the journal is not sent to PostgreSQL; mend it and restart the service", zap.Error(err))
		return
	}
	j.shipper = postgres.NewShipper(postgres.Options{
		Database: &postgres.Database{DSN: c.Journal.Postgres}, Node: node, Version: d.opt.Version, Directory: j.dir,
		All: c.Journal.Ship == config.JournalShipAll, AutoMigrate: c.Journal.AutoMigrate, Logger: log,
	})
}

// nodeHealth says how this node does, for the page that compares nodes.
func (d *daemon) nodeHealth() postgres.Health {
	h := postgres.Health{Generation: d.config().Generation().ID}
	for _, n := range d.journal.recorder.Stats().Dropped {
		h.Dropped += n
	}
	dns, _ := describeDNS(d.dns.Stats(), 0)
	h.Degraded, h.Resolvers, h.Failing = dns.Degraded, len(dns.Upstreams), dns.Failing()
	return h
}

// describeShipping describes how the journal is sent to a database; nil if it is not.
func (d *daemon) describeShipping() *control.Shipping {
	if d.journal.shipper == nil {
		return nil
	}
	s := d.journal.shipper.Stats()
	out := &control.Shipping{
		Node: s.Node, All: d.started.Journal.Ship == config.JournalShipAll, Problem: s.Trouble, Since: s.Since, LagSeconds: s.Lag.Seconds(), Failures: s.Failures,
		Sent: map[string]int64{}, Lost: map[string]int64{},
	}
	for c := range rows.Class(rows.Classes) {
		out.Sent[c.String()], out.Lost[c.String()] = s.Shipped[c], s.Lost[c]
	}
	return out
}

// errNoFleet refuses a question about several nodes.
var errNoFleet = &control.Refusal{Code: control.CodeFailed, Errors: []string{"there is no database of several nodes; set journal.postgres and restart the service"}}

// countsFor returns where counts are read: from the files, with the newest messages, or from
// the database of all nodes.
func (d *daemon) countsFor(ctx context.Context, peer control.Peer, of counts.Nodes) (counts.Reader, error) {
	if !of.Fleet {
		d.flushJournal(ctx)
		return d.journal.reader, nil
	}
	return d.fleetReader(peer)
}

// readerFor returns where a query is answered: the files, or the database of all nodes.
func (d *daemon) readerFor(peer control.Peer, q *rows.Query, do string) (rows.Reader, error) {
	switch {
	case !q.Fleet:
		return d.journal.reader, nil
	case do == control.DoJournalForget:
		return nil, &control.Refusal{Code: control.CodeRequest, Errors: []string{"messages are forgotten on the node that has them"}}
	}
	return d.fleetReader(peer)
}

// fleetReader returns the reader of the database of all nodes. Pages share a few connections, for
// which nobody else makes them wait.
func (d *daemon) fleetReader(peer control.Peer) (*postgres.Reader, error) {
	dsn := d.started.Journal.Postgres
	switch {
	case dsn == "":
		return nil, errNoFleet
	case peer.UID < 0 && d.webDatabase != nil:
		return &postgres.Reader{Database: d.webDatabase}, nil
	}
	return &postgres.Reader{Database: &postgres.Database{DSN: dsn}}, nil
}

// forget removes the rows that a query selects, also from a database.
func (d *daemon) forget(ctx context.Context, q rows.Query) (int, error) {
	if q.Domain != "" && q.Since.IsZero() && q.Until.IsZero() {
		flushing, cancel := context.WithTimeout(ctx, flushTime)
		defer cancel()
		d.patterns.forget(q.Domain)
		defer d.patterns.readAgain()
		d.journal.recorder.Forget(q.Domain)
		d.journal.recorder.Flush(flushing) // what it counts takes the place of what it had written
	}
	if d.started.Journal.Postgres == "" {
		return d.journal.reader.Forget(ctx, q)
	}
	node, err := d.started.Journal.NodeName()
	if err != nil {
		return 0, err
	}
	return (&postgres.Database{DSN: d.started.Journal.Postgres}).Forget(ctx, d.journal.reader, node, q)
}
