// Package rows has the rows of the journal: the facts about a message, how they are
// encoded, what a [Level] of privacy keeps of them, and how they are searched.
//
// A [Row] is encoded twice. While it waits to be written, it is one text of octets that an
// [Encoder] makes without any allocation. A [Batch] makes a [Record] of it, which has a
// value for each column of a store, and facts in binary for all that has no column.
package rows
