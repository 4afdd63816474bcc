#!/bin/sh
# Brings Debian's Chromium, and axe-core from the registry of npm, for the tests of the web
# page. axe-core goes to /var/cache/postvet/web, and is compared with its checksum.
#
# Without root or apt it says so and does nothing: the tests then skip, and say
# which and why. Exit status 0 in every case but a failure of apt itself.
set -eu
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/../apt.sh"

folder=/var/cache/postvet/web
version=4.14.1
sum=1477dafa598d8d065f273d6af302aa203c02e83131707b7fa648cd41bd3d6b734f8c22a0dab86ee6a6f64b8afbe804b214d36db85a2826965edfb3a0b9d546b5
address=https://registry.npmjs.org/axe-core/-/axe-core-$version.tgz

# axe brings axe-core. A network that fails costs the tests that need it, and nothing else.
axe() {
	if ! curl -fsS --retry 2 --max-time 60 -o "$log" "$address"; then
		say "axe-core cannot be brought now"
		return 0
	fi
	if ! echo "$sum  $log" | sha512sum -c --status; then
		say "failed: $address is not what it was"
		exit 1
	fi
	mkdir -p "$folder"
	tar -xzOf "$log" package/axe.min.js >"$folder/axe.min.js.new"
	mv "$folder/axe.min.js.new" "$folder/axe.min.js"
}

wanted=$(absent chromium fonts-dejavu-core curl ca-certificates)
if [ -z "$wanted" ] && [ -e "$folder/axe.min.js" ]; then
	exit 0
fi
if ! able; then
	say "without root and apt these cannot be brought: chromium; the tests that need it are skipped"
	exit 0
fi
begin "$wanted axe-core"
# shellcheck disable=SC2086 # a list of packages
[ -z "$wanted" ] || bring $wanted
[ -e "$folder/axe.min.js" ] || axe
say "done"
