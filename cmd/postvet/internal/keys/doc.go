// Package keys reads the private keys that sign mail.
//
// [Parse] reads every form in which such keys are stored. [ReadFile] reads a file
// and judges its permissions. A [Folder] finds the keys of a domain in a directory,
// where a new domain needs neither a reload nor a line of configuration.
//
// A [Key] never shows its secret: it prints, marshals and compares as its fingerprint.
// The package knows neither mail nor the milter protocol.
package keys
