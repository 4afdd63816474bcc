package main

import (
	"os/exec"
	"syscall"
)

// dieWithTest has a command end with the test binary, also when that runs into
// its time limit or is killed.
func dieWithTest(cmd *exec.Cmd) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
}
