#!/bin/sh
# Brings the other implementations of SPF and DKIM, and the other programs that
# read From fields, that Debian has, for the differential tests: libraries and
# Perl and Python modules, no service.
# Without root or apt it says so and does nothing: the tests then skip, each
# naming the package. Exit status 0 in every case but a failure of apt itself.
set -eu
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/../apt.sh"

missing=$(absent python3-dkim python3-nacl python3-spf libspf2-2 libopendkim11 libmail-spf-perl libmail-dkim-perl \
	libemail-address-xs-perl libmailtools-perl libemail-address-perl)
[ -n "$missing" ] || exit 0
if ! able; then
	say "without root and apt these cannot be brought:$missing"
	exit 0
fi
begin "$missing"
# shellcheck disable=SC2086 # a list of packages
bring $missing
say "done"
