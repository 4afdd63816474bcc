package service

import "golang.org/x/sys/unix"

// forbidDump has the kernel dump this process nowhere. The limit is for files alone: if
// core_pattern names a program, such as Ubuntu's apport, that gets the dump all the same, core(5).
func forbidDump() error { return unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0) }
