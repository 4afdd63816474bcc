// Package journal keeps what happened to each message, so that an administrator can find
// out later why it fared as it did.
//
// A [Row] has the facts about one message: what was found, what was decided, and which
// rules were in force. A [Recorder] takes rows while mail flows. It encodes them into
// bounded memory and has one goroutine write them to a [Store], in batches. It never
// waits for the store: rows that find no room are left out and counted, those of accepted
// mail first.
//
// A [Level] says how much of a message's addresses is kept. Subjects, bodies and display
// names never are.
package journal
