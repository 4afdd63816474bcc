#!/bin/sh
# Brings a program in a package of Debian: shellcheck for "make shell", xmllint for
# the tests of reports. Without root or apt it says so and does nothing. Exit status 0
# in every case but a failure of apt itself.
set -eu
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/../apt.sh"

if [ $# != 2 ]; then
	echo "usage: install.sh PROGRAM PACKAGE" >&2
	exit 2
fi
command -v "$1" >/dev/null 2>&1 && exit 0
if ! able; then
	say "without root and apt $1 cannot be brought"
	exit 0
fi
begin " $2"
bring "$2"
say "done"
