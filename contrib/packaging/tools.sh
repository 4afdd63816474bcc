#!/bin/sh
# Brings what "make package-test" needs, from Debian. Exit status 1 where it
# cannot.
set -eu

need=""
want() { command -v "$1" >/dev/null 2>&1 || need="$need $2"; }
want debootstrap debootstrap
want systemd-nspawn systemd-container
want systemd-analyze systemd
want nsenter util-linux
want mandoc mandoc
want lintian lintian
want rpm rpm
want cpio cpio
want rpmlint rpmlint
[ -n "$need" ] || exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
	echo "tools.sh: without root and apt these cannot be brought:$need" >&2
	exit 1
fi
echo "tools.sh: bringing$need" >&2
export DEBIAN_FRONTEND=noninteractive
apt-get -o DPkg::Lock::Timeout=120 update -q >/dev/null
# shellcheck disable=SC2086 # a list of packages
apt-get -o DPkg::Lock::Timeout=120 install -y -q --no-install-recommends $need >/dev/null
