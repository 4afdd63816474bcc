#!/bin/sh
# Brings the milters that the benchmark compares Postvet with, and what the C
# floor is compiled with. No service is started. Without root or apt it says so
# and does nothing: the benchmark then names what is missing and leaves it out.
# Exit status 0 in every case but a failure of apt itself.
set -eu

packages='rspamd opendkim opendmarc publicsuffix pyspf-milter libmilter-dev gcc libc6-dev'
say() { echo "install.sh: $*" >&2; }

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
log=$(mktemp)
policy=/usr/sbin/policy-rc.d
mine=no
finish() {
	[ $mine = no ] || rm -f $policy
	rm -f "$log"
}
trap finish EXIT
trap 'exit 1' INT TERM
quiet() { "$@" >"$log" 2>&1 </dev/null || { say "failed: $*"; cat "$log" >&2; exit 1; }; }

say "bringing$missing"
quiet apt-get update -q
# Whatever asks policy-rc.d whether to start a service hears no.
if [ ! -e $policy ]; then
	printf '#!/bin/sh\nexit 101\n' >$policy
	chmod 755 $policy
	mine=yes
fi
quiet apt-get install -y -q --no-install-recommends $missing
say "done"
