// Package judgement weighs what speaks for a forgery against what speaks for indirect
// mail, such as that of mailing lists and forwarders, if a message fails DMARC and its
// author's domain asks to refuse such mail. RFC 9989 sections 7.4 and 8: a receiver must
// not reject a message for that policy alone.
//
// The evidence is a closed table, [Entries]. Each entry is a pure function from the
// results of a message to a fact: present, absent or unknown. Anybody can write most
// signs of indirect mail. They never lead to acceptance, only from a refusal to the hold
// queue.
//
// [Weigh] has the rule. A message is refused if something speaks for a forgery and
// nothing for indirect mail. Everything else is held.
//
// The package uses no DNS, no clock and no memory. Results has what others looked up or
// remember.
package judgement
