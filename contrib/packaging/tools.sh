#!/bin/sh
# Brings what "make package-test" needs, from Debian. Exit status 1 where it
# cannot.
set -eu
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/../apt.sh"

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
if ! able; then
	say "without root and apt these cannot be brought:$need"
	exit 1
fi
begin "$need"
# shellcheck disable=SC2086 # a list of packages
bring $need
