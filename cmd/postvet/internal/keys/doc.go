// Package keys makes, finds and checks the private keys that sign mail.
//
// [Parse] reads every form in which such keys are stored. [ReadFile] reads a file
// and judges its permissions. A [Folder] finds the keys of a domain in a directory,
// where a new domain needs neither a reload nor a line of configuration. [Create] makes
// a key, [Key.WriteRecord] prints its record, and [Check] compares it with the DNS.
// [Source] gives the keys to policy.
//
// A [Key] never shows its secret: it prints, marshals and compares as its fingerprint.
// The package knows nothing of the milter protocol.
package keys
