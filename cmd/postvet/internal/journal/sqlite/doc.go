// Package sqlite keeps the rows of the journal in SQLite databases, one for each day (UTC)
// and class:
//
//	2026-11-29.accepted.db  mail that was accepted as the rules have it
//	2026-11-29.rest.db      all other mail
//
// A row has a column for whatever an administrator may ask; postvet-journal(5) explains
// them. The rest is indexed at once, accepted mail when its day is over and nothing more
// is added. Rows are never deleted one by one because of their age: a day that is too old
// is removed with its file.
//
// One [Store] writes into a directory, and holds a lock on it. Any number of [Reader]s may
// read beside it. A file that is damaged, or of a newer version, is set aside under
// another name, and a new one is begun.
package sqlite
