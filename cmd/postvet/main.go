// Postvet is a milter that authenticates incoming mail by SPF, DKIM, ARC and
// DMARC, and a command that shows an administrator what it sees.
//
// This package reads the configuration, wires the rooms together and prints;
// it decides nothing about mail itself. One file per subcommand.
package main

import "os"

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }
