//go:build !linux

package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "resolvers: this needs Linux")
	os.Exit(3)
}
