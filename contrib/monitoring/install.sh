#!/bin/sh
# Brings Debian's Prometheus to this machine for the tests: the package is only
# unpacked, into $POSTVET_PROMETHEUS_ROOT, default /var/cache/postvet/prometheus.
# No service, no user, nothing that is there already is changed.
#
# Without root or apt it says so and does nothing: the tests then skip, and say
# which and why. Exit status 0 in every case but a failure of apt itself.
set -eu

root=${POSTVET_PROMETHEUS_ROOT:-/var/cache/postvet/prometheus}
say() { echo "install.sh: $*" >&2; }

if [ -x "$root/usr/bin/prometheus" ] && [ -x "$root/usr/bin/promtool" ]; then exit 0; fi
if command -v prometheus >/dev/null 2>&1 && command -v promtool >/dev/null 2>&1; then exit 0; fi
if [ "$(id -u)" != 0 ]; then
	say "not root: cannot bring prometheus; the tests that need it are skipped"
	exit 0
fi
if ! command -v apt-get >/dev/null 2>&1; then
	say "no apt-get: put prometheus and promtool into PATH yourself; the tests that need them are skipped"
	exit 0
fi

export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
debs=$(mktemp -d)
fresh=$root.new.$$
trap 'rm -rf "$log" "$debs" "$fresh"' EXIT
trap 'exit 1' INT TERM
quiet() { "$@" >"$log" 2>&1 </dev/null || { say "failed: $*"; cat "$log" >&2; exit 1; }; }

say "bringing prometheus"
quiet apt-get update -q
chmod 755 "$debs"
(cd "$debs" && quiet apt-get download -q prometheus)
mkdir -p "$fresh"
for deb in "$debs"/*.deb; do quiet dpkg -x "$deb" "$fresh"; done
rm -rf "$root"
mv "$fresh" "$root"
say "done"
