#!/bin/sh
# Brings Debian's Prometheus to this machine for the tests: the package is only
# unpacked, into $POSTVET_PROMETHEUS_ROOT, default /var/cache/postvet/prometheus.
# No service, no user, nothing that is there already is changed.
#
# Without root or apt it says so and does nothing: the tests then skip, and say
# which and why. Exit status 0 in every case but a failure of apt itself.
set -eu
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/../apt.sh"

root=${POSTVET_PROMETHEUS_ROOT:-/var/cache/postvet/prometheus}
if [ -x "$root/usr/bin/prometheus" ] && [ -x "$root/usr/bin/promtool" ]; then exit 0; fi
if command -v prometheus >/dev/null 2>&1 && command -v promtool >/dev/null 2>&1; then exit 0; fi
if ! able; then
	say "without root and apt prometheus cannot be brought; put it and promtool into PATH yourself, or the tests that need them are skipped"
	exit 0
fi
begin " prometheus"
unpack "$root" prometheus
mv -T "$fresh" "$root"
say "done"
