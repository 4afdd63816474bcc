#!/bin/sh
# Brings Debian's Redis and PostgreSQL for the tests of keys on servers. Nothing is
# installed: the packages, and the libraries that this machine lacks, are only
# unpacked, into $POSTVET_KEYSERVERS_ROOT, default /var/cache/postvet/keyservers.
# So no service exists that could start.
#
# Without root or apt it says so and does nothing: the tests then skip, and say
# which and why. Exit status 0 in every case but a failure of apt itself.
set -eu
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/../apt.sh"

root=${POSTVET_KEYSERVERS_ROOT:-/var/cache/postvet/keyservers}
servers="redis-server postgresql"
! unpacked "$root" servers "$servers" || exit 0
if ! able; then
	say "without root and apt these cannot be brought: $servers; the tests that need them are skipped"
	exit 0
fi
begin " $servers"
rm -rf "$root"

# The metapackage names the version of this release.
postgresql=$(apt-cache depends postgresql | sed -n 's/^ *Depends: \(postgresql-[0-9][0-9]*\)$/\1/p')
need redis-server redis-tools "$postgresql"
# shellcheck disable=SC2086 # a list of packages
unpack "$root" $packages
tidy
rm -rf "${fresh:?}/etc" "$fresh/usr/share/locale"
chmod 755 "$fresh" # PostgreSQL runs as another user
place "$root" servers "$servers"
say "done"
