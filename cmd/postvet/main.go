// Postvet is a milter that authenticates incoming mail by SPF, DKIM, ARC and DMARC,
// and a command that shows an administrator what it finds.
//
// This package has the flags of the subcommands and prints their answers, one file
// for each. The work is done by the packages below internal.
package main

import "os"

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }
