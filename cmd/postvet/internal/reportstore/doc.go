// Package reportstore keeps what DMARC reports are made of and what becomes of them: messages
// counted by policy and day, reports that are ready, their deliveries, and the addresses
// that get none. It is a file of SQLite, or a database of PostgreSQL for several nodes.
// Several processes may open a file at one time: the service, and commands beside it.
//
// # The life of a count
//
// The messages of a policy on a day are a subject. [Store.Add] adds to it while it is
// open. [Store.CloseDays] closes the subjects of a day that is over once no node can have
// more of it; see [Store.Heartbeat]. From then on nothing of the subject changes:
// [Store.Records] yields the same records in the same order each time. The sender writes a
// report of them and freezes it ([Store.Freeze]), or decides that there will be none
// ([Store.Skip]). Either ends the subject and removes its counts.
//
// Messages that come late, when their subject is closed, count for the next day of the
// same policy that is still open. So each message is in exactly one report, and the counts
// of all reports add up to what was added, as far as nothing was skipped or left out.
//
// # The life of a delivery
//
// Freeze makes a delivery for each address. [Store.Claim] gives deliveries that are due to
// one process, which tries them and says with [Store.Finish] what came of it. A process that dies
// in between loses the claim at its deadline, and the delivery is due again, with the same
// octets of the same report. Bounces and the like change a delivery by [Store.Change].
package reportstore
