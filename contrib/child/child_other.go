//go:build !linux

package child

import (
	"os/exec"
	"syscall"
)

// signalAtDeath does nothing: other kernels have nothing like it.
func signalAtDeath(*exec.Cmd, syscall.Signal) {}
