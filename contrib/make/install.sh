#!/bin/sh
# Brings Debian's shellcheck, for "make shell". Without root or apt it says so
# and does nothing. Exit status 0 in every case but a failure of apt itself.
set -eu
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/../apt.sh"

command -v shellcheck >/dev/null 2>&1 && exit 0
if ! able; then
	say "without root and apt shellcheck cannot be brought"
	exit 0
fi
begin " shellcheck"
bring shellcheck
say "done"
