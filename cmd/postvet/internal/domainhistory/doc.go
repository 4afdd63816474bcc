// Package domainhistory says what is known of a domain without asking the DNS: how its records
// changed, by the state of the watch and by the journal, and what was learned from its genuine
// mail.
package domainhistory
