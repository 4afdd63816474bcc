package service

// The states of sd_notify(3) that the service sends to its service manager.
const (
	stateReady     = "READY=1"
	stateReloading = "RELOADING=1"
	stateStopping  = "STOPPING=1"
	stateAlive     = "WATCHDOG=1"
)
