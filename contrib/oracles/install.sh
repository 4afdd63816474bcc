#!/bin/sh
# Brings the other implementations of SPF and DKIM that Debian has, for the
# differential tests: libraries and Perl and Python modules, no service.
# Without root or apt it says so and does nothing: the tests then skip, each
# naming the package. Exit status 0 in every case but a failure of apt itself.
set -eu

packages='python3-dkim python3-nacl python3-spf libspf2-2 libopendkim11 libmail-spf-perl libmail-dkim-perl'
say() { echo "oracles: $*" >&2; }

missing=""
for p in $packages; do
	dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null | grep -qx installed || missing="$missing $p"
done
[ -n "$missing" ] || exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
	say "without root and apt these cannot be brought:$missing"
	exit 0
fi
export DEBIAN_FRONTEND=noninteractive
say "bringing$missing"
apt-get update -q >/dev/null
apt-get install -y -q --no-install-recommends $missing >/dev/null
say "done"
