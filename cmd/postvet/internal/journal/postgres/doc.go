// Package postgres sends the rows of the journals of several nodes to one PostgreSQL
// database, 13 or newer, and finds them there.
//
// A [Shipper] reads what the store of its node has written, behind it, and copies it in
// batches. Each batch is one transaction that also moves the mark of the node, so that a row
// is there exactly once, however a batch ends. The files of the node are the spool: while
// the database is away, nothing happens but that rows wait in them.
//
// The rows of a day are a partition of their own. A [Leases] lets one of the nodes do what
// one alone must do, such as to remove partitions.
package postgres
