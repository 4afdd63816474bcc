package service

import "time"

// NetBSD has no systemd, and go-systemd does not build there.

func notifySystemd(string) {}

func monotonicTime() string { return "" }

func watchdogInterval() time.Duration { return 0 }
