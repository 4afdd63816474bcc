#!/bin/sh
# Brings Debian's Postfix and Sendmail to this machine for the tests and the
# demonstration: Postfix is installed without starting a service, Sendmail
# (which conflicts with it) is only unpacked, into $POSTVET_SENDMAIL_ROOT,
# default /var/cache/postvet/sendmail. Nothing that is there already is changed.
#
# Without root or apt it says so and does nothing: the tests then skip, and say
# which and why. Exit status 0 in every case but a failure of apt itself.
set -eu

root=${POSTVET_SENDMAIL_ROOT:-/var/cache/postvet/sendmail}
say() { echo "install.sh: $*" >&2; }

need=""
[ -x /usr/lib/postfix/sbin/master ] || need="$need postfix"
command -v m4 >/dev/null 2>&1 || need="$need m4"
command -v unshare >/dev/null 2>&1 || need="$need util-linux"
unpack=no
[ -x "$root/usr/libexec/sendmail/sendmail" ] && [ -f "$root/usr/share/sendmail/cf/m4/cf.m4" ] || unpack=yes
[ -n "$need" ] || [ $unpack = yes ] || exit 0

if [ "$(id -u)" != 0 ]; then
	say "not root: cannot bring${need:+$need and }sendmail; the tests that need them are skipped"
	exit 0
fi
if ! command -v apt-get >/dev/null 2>&1; then
	say "no apt-get: install Postfix yourself; the tests with Sendmail are skipped"
	exit 0
fi

export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
policy=/usr/sbin/policy-rc.d
mine=no
finish() {
	[ $mine = no ] || rm -f $policy
	rm -f "$log"
}
trap finish EXIT
trap 'exit 1' INT TERM
quiet() { "$@" >"$log" 2>&1 </dev/null || { say "failed: $*"; cat "$log" >&2; exit 1; }; }

say "bringing${need:+$need} sendmail"
quiet apt-get update -q

# The libraries that Sendmail is linked with. They hurt nobody.
libs=$(apt-cache depends --no-recommends --no-suggests sendmail-bin | sed -n 's/^ *Depends: \(lib[a-z0-9.+-]*\)$/\1/p')
# One of the packages in use may be there in another mail server's place.
if apt-get install -s --no-install-recommends $need $libs libsasl2-modules 2>/dev/null | grep '^Remv' >"$log"; then
	say "another mail server is installed and would be removed; nothing done:"
	cat "$log" >&2
	exit 0
fi
# No service may start: Postfix comes without a configuration, and whatever
# asks policy-rc.d hears no (unless the machine has its own opinion).
if [ ! -e $policy ]; then
	printf '#!/bin/sh\nexit 101\n' >$policy
	chmod 755 $policy
	mine=yes
fi
if command -v debconf-set-selections >/dev/null 2>&1; then
	echo 'postfix postfix/main_mailer_type select No configuration' | debconf-set-selections
fi
quiet apt-get install -y -q --no-install-recommends $need $libs libsasl2-modules

if [ $unpack = yes ]; then
	debs=$(mktemp -d)
	chmod 755 "$debs"
	(cd "$debs" && quiet apt-get download -q sendmail-bin sendmail-base sendmail-cf)
	fresh=$root.new.$$
	rm -rf "$fresh"
	mkdir -p "$fresh"
	for deb in "$debs"/*.deb; do quiet dpkg -x "$deb" "$fresh"; done
	chmod 755 "$fresh/usr/libexec/sendmail/sendmail" # no set-gid: it runs as root here
	rm -rf "$root" "$debs"
	mv "$fresh" "$root"
fi
say "done"
