//go:build !freebsd

package control

// DefaultSocket is the control socket of the packaged service.
const DefaultSocket = "/run/postvet/control.sock"
