// Package counts counts the messages of the journal by the hour: those of each domain, client, hint and
// rule, and how they fared. Counts stay when the messages themselves are removed, and say
// who fails most without reading all of them.
//
// Senders invent domains, so that the names of an hour are bounded by [MaxNames]; messages of the others
// are counted under [Other]. Sums are exact all the same.
package counts
