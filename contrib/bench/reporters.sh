#!/bin/sh
# Brings what the report generators of Rspamd and OpenDMARC store their data in, for
# the comparison of reports: Redis, MariaDB, and the modules of Perl that OpenDMARC's
# scripts read it with. Nothing is installed: the packages, and the libraries that this
# machine lacks, are only unpacked, into $POSTVET_REPORTERS_ROOT, default
# /var/cache/postvet/reporters. So no service exists that could start.
#
# Without root or apt it says so and does nothing: the test then skips, and says
# why. Exit status 0 in every case but a failure of apt itself.
set -eu
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/../apt.sh"

root=${POSTVET_REPORTERS_ROOT:-/var/cache/postvet/reporters}
wanted="redis-server mariadb-server-core mariadb-client-core libdbd-mysql-perl libswitch-perl libjson-perl libhttp-message-perl"
! unpacked "$root" reporters "$wanted" || exit 0
if ! able; then
	say "without root and apt these cannot be brought: $wanted; the test that needs them is skipped"
	exit 0
fi
begin " $wanted"
rm -rf "$root"
# shellcheck disable=SC2086 # a list of packages
need $wanted
# shellcheck disable=SC2086 # a list of packages
unpack "$root" $packages
tidy
rm -rf "${fresh:?}/etc" "$fresh/usr/share/locale"
place "$root" reporters "$wanted"
say "done"
