//go:build !freebsd

package main

// packagedConfig is the configuration of the packaged service.
const packagedConfig = "/etc/postvet/postvet.toml"
