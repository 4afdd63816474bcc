#!/bin/sh
# Unpacks a scratch Debian with systemd into the new folder DIR; Postfix's
# packages lie downloaded in its /var/cache/apt/archives, those of rpm and OpenRC
# in /var/cache/rpm and /var/cache/openrc. What is fetched is
# kept in $POSTVET_SCRATCH_CACHE, default /var/cache/postvet, for the next time.
# Needs root, debootstrap and the network.
set -eu
dir=$1
suite=${POSTVET_DEBIAN_SUITE:-bookworm}
mirror=${POSTVET_DEBIAN_MIRROR:-http://deb.debian.org/debian}
cache=${POSTVET_SCRATCH_CACHE:-/var/cache/postvet}
archive=$cache/scratch-$suite-2.tar

mkdir -p "$dir" "$cache"
if [ ! -f "$archive" ]; then
	fresh=$(mktemp -d "$cache/scratch.XXXXXX")
	log=$fresh.log
	# What is mounted there, should debootstrap have been killed, is not ours.
	trap 'rm -rf --one-file-system "$fresh" "$log" "$archive.$$"' EXIT
	trap 'exit 1' HUP INT TERM
	# Step by step: -e does not hold within what || follows.
	quiet() { "$@" >>"$log" 2>&1 </dev/null || { tail -30 "$log" >&2; exit 1; }; }
	quiet debootstrap --variant=minbase "$suite" "$fresh" "$mirror"
	# No service may start outside of its own machine.
	printf '#!/bin/sh\nexit 101\n' >"$fresh/usr/sbin/policy-rc.d"
	chmod 755 "$fresh/usr/sbin/policy-rc.d"
	quiet chroot "$fresh" sh -ec 'export DEBIAN_FRONTEND=noninteractive
		apt-get update -q
		apt-get install -y -q --no-install-recommends adduser dbus systemd systemd-sysv
		apt-get clean
		apt-get install -y -q --no-install-recommends --download-only postfix
		mkdir -p /var/cache/rpm/partial /var/cache/openrc/partial
		apt-get install -y -q --no-install-recommends --download-only -o Dir::Cache::archives=/var/cache/rpm rpm
		apt-get install -y -q --no-install-recommends --download-only -o Dir::Cache::archives=/var/cache/openrc openrc'
	rm "$fresh/usr/sbin/policy-rc.d"
	quiet tar -C "$fresh" --numeric-owner --one-file-system -cf "$archive.$$" .
	mv "$archive.$$" "$archive"
fi
tar -C "$dir" --numeric-owner -xf "$archive"
chmod 755 "$dir" # that of the archive was made by mktemp
