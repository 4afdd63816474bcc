# shellcheck shell=sh
# Brings Debian's packages; read by install.sh of the folders here, which say
# what they want and do nothing where it is there. No service is started.

say() { echo "$0: $*" >&2; }

# absent prints those of the packages that are not installed.
absent() {
	for p; do
		dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null | grep -qx installed || printf ' %s' "$p"
	done
}

# able tells whether anything can be brought: that needs root and apt.
able() { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; }

# quiet runs a command, and shows what it says only if it fails.
quiet() { "$@" >"$log" 2>&1 </dev/null || { say "failed: $*"; cat "$log" >&2; exit 1; }; }

# begin comes before all below. What is left of a failure is removed.
begin() {
	say "bringing$*"
	export DEBIAN_FRONTEND=noninteractive
	policy=/usr/sbin/policy-rc.d mine=no debs='' fresh=''
	log=$(mktemp)
	trap finish EXIT
	trap 'exit 1' HUP INT TERM
	quiet apt-get -o DPkg::Lock::Timeout=120 update -q
}
finish() {
	[ "$mine" = no ] || rm -f "$policy"
	rm -rf "$log" ${debs:+"$debs"} ${fresh:+"$fresh"}
}

# bring installs packages. Whatever asks policy-rc.d whether to start a service
# hears no, unless the machine has its own opinion.
bring() {
	if [ ! -e "$policy" ]; then
		mine=yes
		printf '#!/bin/sh\nexit 101\n' >"$policy"
		chmod 755 "$policy"
	fi
	quiet apt-get -o DPkg::Lock::Timeout=120 install -y -q --no-install-recommends "$@"
}

# need puts the packages $* and those that apt would install with them into
# $packages.
need() {
	quiet apt-get install -s --no-install-recommends "$@"
	packages=$(sed -n 's/^Inst \([^ ]*\) .*/\1/p' "$log" | tr '\n' ' ')
	# apt does not name a package again that is installed.
	for p; do
		case " $packages " in
		*" $p "*) ;;
		*) packages="$packages $p" ;;
		esac
	done
}

# unpack unpacks packages, without installing them, into $fresh, which the
# caller then moves to the folder $1. What is there and not empty is not ours.
unpack() {
	if [ -e "$1" ] && ! rmdir "$1" 2>/dev/null; then
		say "failed: $1 is there, but is not what this makes; remove it yourself"
		exit 1
	fi
	fresh=$1.new.$$
	shift
	debs=$(mktemp -d)
	chmod 755 "$debs" # apt downloads as a user of its own
	(cd "$debs" && quiet apt-get download -q "$@")
	mkdir -p "$fresh"
	for deb in "$debs"/*.deb; do quiet dpkg -x "$deb" "$fresh"; done
}

# tidy removes from $fresh what no test reads, and merges what packages put into
# /lib with /usr/lib, as Debian has done.
tidy() {
	for d in bin sbin lib; do
		[ ! -d "$fresh/$d" ] || { mkdir -p "$fresh/usr" && cp -a "$fresh/$d" "$fresh/usr/" && rm -r "${fresh:?}/$d"; }
	done
	rm -rf "$fresh/usr/share/doc" "$fresh/usr/share/man"
}

# unpacked tells whether the folder $1 is complete, with the packages $3, by its
# file $2, which place wrote as the last step of an earlier run.
unpacked() { [ "$(cat "$1/$2" 2>/dev/null)" = "$3" ]; }

# place makes $fresh the folder $1.
place() {
	echo "$3" >"$fresh/$2"
	mv -T "$fresh" "$1"
}
