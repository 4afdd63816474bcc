//go:build !linux

package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "demo: needs Linux, for the Postfix and the Sendmail of Debian")
	os.Exit(3)
}
