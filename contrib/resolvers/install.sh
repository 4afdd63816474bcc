#!/bin/sh
# Brings Debian's DNS resolvers for the tests and for "make resolvers". Nothing
# is installed: the packages, and the libraries that this machine lacks, are only
# unpacked, into $POSTVET_RESOLVERS_ROOT, default /var/cache/postvet/resolvers.
# So no service exists that could start, and /etc/resolv.conf stays as it is.
#
# Without root or apt it says so and does nothing: the tests then skip, and say
# which and why. Exit status 0 in every case but a failure of apt itself.
#
# CoreDNS is not in Debian. It is built from its Go module, in the version that
# testdata/coredns/go.mod names, if there is a go command and a way to the modules.
set -eu
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/../apt.sh"

root=${POSTVET_RESOLVERS_ROOT:-/var/cache/postvet/resolvers}
resolvers="unbound bind9 knot-resolver pdns-recursor dnsmasq-base dnsdist systemd-resolved"

# coredns builds CoreDNS below $root, unless this version of it is there.
coredns() {
	cd "$(dirname "$0")/testdata/coredns"
	version=$(sed -n 's/^require github.com.coredns.coredns //p' go.mod)
	[ "$(cat "$root/coredns" 2>/dev/null)" != "$version" ] || return 0
	say "building CoreDNS $version"
	if ! built=$(go build -trimpath -o "$root/usr/bin/coredns.new" . 2>&1); then
		say "CoreDNS is left out, it cannot be built: $built"
		return 0
	fi
	mv "$root/usr/bin/coredns.new" "$root/usr/bin/coredns"
	echo "$version" >"$root/coredns"
}

if unpacked "$root" resolvers "$resolvers"; then
	coredns
	exit 0
fi
if ! able; then
	say "without root and apt these cannot be brought: $resolvers; the tests that need them are skipped"
	exit 0
fi
begin " $resolvers"
if ! command -v setpriv >/dev/null 2>&1; then bring util-linux; fi
rm -rf "$root"

# shellcheck disable=SC2086 # a list of packages
need $resolvers
# shellcheck disable=SC2086 # a list of packages
unpack "$root" $packages
tidy
rm -rf "$fresh/etc/init.d"
place "$root" resolvers "$resolvers"
coredns
say "done"
