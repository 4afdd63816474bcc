//go:build !netbsd

package service

import (
	"time"

	systemd "github.com/coreos/go-systemd/v22/daemon"
)

// notifySystemd sends a state to systemd. Without systemd it does nothing, and there is
// no remedy for an error.
func notifySystemd(state string) { _, _ = systemd.SdNotify(false, state) }

// monotonicTime returns the assignment of the present time that systemd expects with
// stateReloading.
func monotonicTime() string { return systemd.SdNotifyMonotonicUsec() }

// watchdogInterval returns how often systemd wants to hear stateAlive, 0 for never.
func watchdogInterval() time.Duration {
	interval, err := systemd.SdWatchdogEnabled(false)
	if err != nil {
		return 0
	}
	return interval
}
