//go:build linux

package main

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if apart() {
		return
	}
	if name := os.Getenv(abandonedKey); name != "" {
		os.Exit(abandon(name))
	}
	goleak.VerifyTestMain(m)
}
