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
# The last step of an earlier run wrote which packages it unpacked.
[ "$(cat "$root/servers" 2>/dev/null)" != "$servers" ] || exit 0
if ! able; then
	say "without root and apt these cannot be brought: $servers; the tests that need them are skipped"
	exit 0
fi
begin " $servers"
rm -rf "$root"

# The metapackage names the version of this release.
postgresql=$(apt-cache depends postgresql | sed -n 's/^ *Depends: \(postgresql-[0-9][0-9]*\)$/\1/p')
packages="redis-server redis-tools $postgresql"
# All that apt would install. A package that is installed is named too, as apt
# does not name it again.
# shellcheck disable=SC2086 # a list of packages
quiet apt-get install -s --no-install-recommends $packages
needed=$(sed -n 's/^Inst \([^ ]*\) .*/\1/p' "$log")
for p in $needed; do
	case " $packages " in
	*" $p "*) ;;
	*) packages="$packages $p" ;;
	esac
done
# shellcheck disable=SC2086 # a list of packages
unpack "$root" $packages

# Packages may say /lib where Debian has /usr/lib since it merged the two.
for d in bin sbin lib; do
	[ ! -d "$fresh/$d" ] || { mkdir -p "$fresh/usr" && cp -a "$fresh/$d" "$fresh/usr/" && rm -r "${fresh:?}/$d"; }
done
rm -rf "${fresh:?}/etc" "$fresh/usr/share/doc" "$fresh/usr/share/man" "$fresh/usr/share/locale"
chmod 755 "$fresh" # PostgreSQL runs as another user
echo "$servers" >"$fresh/servers"
mv -T "$fresh" "$root"
say "done"
