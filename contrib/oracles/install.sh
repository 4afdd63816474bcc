#!/bin/sh
# Brings the other implementations of SPF and DKIM, and the other programs that
# read From fields, for the differential tests: Debian's libraries and modules of
# Perl, Python, PHP and Ruby, Dovecot's IMAP without its service, and, where npm
# is there, the packages that node/package-lock.json names, into the user's cache.
# Without root or apt, or without npm or its registry, it says so and leaves them
# out: the tests then name what they lack. Exit status 0 in every case but a
# failure of apt itself.
set -eu
cd "$(dirname "$0")"
# shellcheck source-path=SCRIPTDIR
. ../apt.sh

# packages_of_npm brings npm's packages unless they are there as locked. A script
# of a package is not run.
packages_of_npm() {
	cache=${XDG_CACHE_HOME:-${HOME:+$HOME/.cache}}
	folder=$cache/postvet/oracles-node
	[ -n "$cache" ] || { say "without a home these cannot be brought: npm's packages"; return 0; }
	! cmp -s node/package-lock.json "$folder/package-lock.json" || return 0
	command -v npm >/dev/null 2>&1 || { say "without npm these cannot be brought: npm's packages"; return 0; }
	say "bringing npm's packages"
	rm -rf "$folder" "$folder.new"
	mkdir -p "$folder.new"
	cp node/package.json "$folder.new"
	cp node/package-lock.json "$folder.new"
	if (cd "$folder.new" && timeout 45 npm ci --ignore-scripts --no-audit --no-fund --loglevel=error --fetch-retries=1 --fetch-retry-maxtimeout=5000 >&2 </dev/null); then
		mv "$folder.new" "$folder"
	else
		say "npm's packages cannot be brought now"
		rm -rf "$folder.new"
	fi
}
packages_of_npm

missing=$(absent python3-dkim python3-nacl python3-spf libspf2-2 libopendkim11 libmail-spf-perl libmail-dkim-perl \
	libemail-address-xs-perl libmailtools-perl libemail-address-perl php-cli php-mailparse php-imap php-mbstring \
	ruby-mail dovecot-core dovecot-imapd)
[ -n "$missing" ] || exit 0
if ! able; then
	say "without root and apt these cannot be brought:$missing"
	exit 0
fi
begin "$missing"
# shellcheck disable=SC2086 # a list of packages
bring $missing
say "done"
