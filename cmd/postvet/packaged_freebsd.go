package main

// packagedConfig is the configuration of the service of FreeBSD's rc.d: what does not
// belong to the base system lies below /usr/local (hier(7)).
const packagedConfig = "/usr/local/etc/postvet/postvet.toml"
