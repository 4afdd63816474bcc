//go:build !linux

package main

import "os/exec"

// dieWithTest can do nothing here.
func dieWithTest(*exec.Cmd) {}
