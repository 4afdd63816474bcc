package control

// DefaultSocket is the control socket of the service of FreeBSD's rc.d, which has no
// /run.
const DefaultSocket = "/var/run/postvet/control.sock"
