#!/bin/sh
# Builds the release of this commit twice and compares.
set -eu

usage() {
	cat <<'END'
usage: twice.sh VERSION [FOLDER]

Builds the release VERSION of the commit that is checked out in two clones, at
paths of different lengths, with another umask, time zone, language and home,
and with nothing taken from Go's cache the second time if FRESH=yes. Exit status
1 if one byte differs. Otherwise it moves one of them to FOLDER, default
dist/release, and prints sizes. SYSTEMS and PACKAGES are as for build.sh.
END
}

case ${1:--h} in
-*) usage; exit 0 ;;
esac
version=$1
cd "$(dirname "$0")/../.."
folder=${2:-dist/release}
GO=${GO:-go}
work=$(mktemp -d)
# Go makes files of its cache read-only.
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
one=$work/a two=$work/another/path/that/is/much/longer

git clone -q . "$one"
"$one/contrib/release/build.sh" "$version" "$work/first"

mkdir -p "$(dirname "$two")" "$work/home"
git clone -q . "$two"
GOPATH=$($GO env GOPATH) GOMODCACHE=$($GO env GOMODCACHE) GOCACHE=$($GO env GOCACHE)
[ "${FRESH:-no}" = no ] || GOCACHE=$work/cache
export GOPATH GOMODCACHE GOCACHE
(
	umask 077
	HOME=$work/home TZ=Asia/Kathmandu LC_ALL=C.UTF-8 USER=somebody
	export HOME TZ LC_ALL USER
	"$two/contrib/release/build.sh" "$version" "$work/second"
)
diff -r "$work/first" "$work/second" || { echo "twice.sh: the two builds differ" >&2; exit 1; }
mkdir -p "$(dirname "$folder")"
rm -rf "$folder"
mv "$work/first" "$folder"
echo "twice.sh: the two builds are equal: $(sha256sum <"$folder/SHA256SUMS" | cut -d ' ' -f 1) of SHA256SUMS" >&2
(cd "$folder" && wc -c -- *)
if [ -z "${SYSTEMS+set}${PACKAGES+set}" ]; then
	POSTVET_RELEASE=$(cd "$folder" && pwd) $GO test -count=1 ./contrib/release
fi
