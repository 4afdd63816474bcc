#!/bin/sh
# Brings the milters that the benchmark compares Postvet with, and what the C
# floor is compiled with. No service is started. Without root or apt it says so
# and does nothing: the benchmark then names what is missing and leaves it out.
# Exit status 0 in every case but a failure of apt itself.
set -eu
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/../apt.sh"

missing=$(absent rspamd opendkim opendmarc publicsuffix pyspf-milter dkimpy-milter libmilter-dev gcc libc6-dev)
[ -n "$missing" ] || exit 0
if ! able; then
	say "without root and apt these cannot be brought:$missing"
	exit 0
fi
begin "$missing"
# shellcheck disable=SC2086 # a list of packages
bring $missing
say "done"
