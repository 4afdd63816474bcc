#!/bin/sh
# Brings Debian's Postfix and Sendmail to this machine for the tests and the
# demonstration: Postfix is installed without starting a service, Sendmail
# (which conflicts with it) is only unpacked, into $POSTVET_SENDMAIL_ROOT,
# default /var/cache/postvet/sendmail. Nothing that is there already is changed.
#
# Without root or apt it says so and does nothing: the tests then skip, and say
# which and why. Exit status 0 in every case but a failure of apt itself.
set -eu
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/../apt.sh"

root=${POSTVET_SENDMAIL_ROOT:-/var/cache/postvet/sendmail}
need=""
[ -x /usr/lib/postfix/sbin/master ] || need="$need postfix"
command -v m4 >/dev/null 2>&1 || need="$need m4"
command -v unshare >/dev/null 2>&1 || need="$need util-linux"
unpack=no
[ -x "$root/usr/libexec/sendmail/sendmail" ] && [ -f "$root/usr/share/sendmail/cf/m4/cf.m4" ] || unpack=yes
[ -n "$need" ] || [ $unpack = yes ] || exit 0
if ! able; then
	say "without root and apt these cannot be brought:$need sendmail; the tests that need them are skipped"
	exit 0
fi
begin "$need sendmail"

# The libraries that Sendmail is linked with. They hurt nobody.
libs=$(apt-cache depends --no-recommends --no-suggests sendmail-bin | sed -n 's/^ *Depends: \(lib[a-z0-9.+-]*\)$/\1/p')
# One of the packages in use may be there in another mail server's place.
# shellcheck disable=SC2086 # lists of packages
if apt-get install -s --no-install-recommends $need $libs libsasl2-modules 2>/dev/null | grep '^Remv' >"$log"; then
	say "another mail server is installed and would be removed; nothing done:"
	cat "$log" >&2
	exit 0
fi
# Postfix comes without a configuration.
if command -v debconf-set-selections >/dev/null 2>&1; then
	echo 'postfix postfix/main_mailer_type select No configuration' | debconf-set-selections
fi
# shellcheck disable=SC2086 # lists of packages
bring $need $libs libsasl2-modules

if [ $unpack = yes ]; then
	unpack "$root" sendmail-bin sendmail-base sendmail-cf
	chmod 755 "$fresh/usr/libexec/sendmail/sendmail" # no set-gid: it runs as root here
	mv -T "$fresh" "$root"
fi
say "done"
