#!/bin/sh
# Builds packages into a folder, default dist/, and prints their names. The same
# commit, version and Go make the same bytes.
#
#   FORMATS            which, of deb, rpm and apk; default deb
#   VERSION            of the packages, 1.2.3 or 1.2.3-rc.1; default what git says
#                      (version.sh)
#   RELEASE            of the packaging, default 1
#   ARCH               amd64 or arm64, default that of Go here
#   SOURCE_DATE_EPOCH  the time in it, default that of the commit
#   MAINTAINER         who answers for the packages
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
cd "$root"
out=${1:-dist}
# shellcheck source-path=SCRIPTDIR
. contrib/packaging/stage.sh

NFPM=github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.45.2

fail() { echo "build.sh: $*" >&2; exit 1; }

given=${VERSION:-}
VERSION=$(contrib/packaging/version.sh deb "$given")
export VERSION RELEASE="${RELEASE:-1}" ARCH="${ARCH:-$($GO env GOARCH)}"
export MAINTAINER="${MAINTAINER:-The Postvet authors <postvet@users.noreply.github.com>}"
full=$VERSION-$RELEASE

stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
trap 'exit 1' INT TERM
mkdir -p "$out" "$stage/bin" "$stage/etc" "$stage/systemd" "$stage/scripts" "$stage/doc" "$stage/deb" "$stage/rpm"
out=$(cd "$out" && pwd)

compile "$full" linux "$ARCH" "$stage/bin/postvet"
runnable "$full" "$stage/bin/postvet" linux "$ARCH" "$stage"
documents "$stage"
gzip -9n "$stage"/man/man?/*
mv "$stage/examples" "$stage/doc/"
cp contrib/packaging/postvet.toml "$stage/etc/"
"$self" config check "$stage/etc/postvet.toml" >/dev/null
cp contrib/systemd/* "$stage/systemd/"
cp -R contrib/openrc "$stage/"
for format in deb rpm apk; do cp -R "contrib/packaging/$format" "$stage/scripts/"; done
licences linux "$ARCH" >"$stage/doc/third-party-licences"
cp CHANGELOG.md "$stage/doc/changelog"
gzip -9n "$stage/doc/changelog" "$stage/doc/third-party-licences"

# Further documents that Debian wants.
cp contrib/packaging/deb/README.Debian "$stage/deb/"
cat >"$stage/deb/changelog.Debian" <<END
postvet ($full) unstable; urgency=medium

  * What is new stands in /usr/share/doc/postvet/changelog.gz.

 -- $MAINTAINER  $(date -u -R -d "@$SOURCE_DATE_EPOCH")
END
gzip -9n "$stage/deb/changelog.Debian"
{
	printf 'Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\nUpstream-Name: postvet\nSource: https://github.com/postvet/postvet\n\nFiles: *\n'
	printf 'Copyright: %s\nLicense: Expat\n' "$(sed -n 's/^Copyright (c) //p' LICENSE)"
	sed -n '/^Permission/,$s/^$/./; /^Permission/,$s/^/ /p' LICENSE
	printf 'Comment:\n The licences of the modules that are linked into the program stand in\n /usr/share/doc/postvet/third-party-licences.gz.\n'
} >"$stage/deb/copyright"
cp LICENSE "$stage/"
cp contrib/packaging/rpm/README.rpm "$stage/rpm/"
level "$stage"
{
	cat contrib/packaging/nfpm.yaml
	cd "$stage"
	{
		find doc -type d -printf '  - {packager: rpm, type: dir, dst: /usr/share/doc/postvet/%P, file_info: {mode: 0755}}\n'
		find doc -type f -printf '  - {packager: rpm, type: doc, src: %p, dst: /usr/share/doc/postvet/%P}\n'
		find man -type f -printf '  - {packager: rpm, type: doc, src: %p, dst: /usr/share/%p}\n'
	} | sort
	cd "$root"
} >"$stage/nfpm.yaml"

for format in ${FORMATS:-deb}; do
	case $format in
	deb) file=postvet_${full}_$ARCH.deb ;;
	rpm | apk)
		case $ARCH in
		amd64) arch=x86_64 ;;
		arm64) arch=aarch64 ;;
		*) fail "no $format is built for $ARCH" ;;
		esac
		file=postvet-$full.$arch.rpm
		;;
	*) fail "there is no format $format: deb, rpm, apk" ;;
	esac
	version=$VERSION description=$(cat contrib/packaging/description)
	case $format in
	rpm) description=$(sed '1d; s/^\.$//' contrib/packaging/description) ;;
	apk)
		version=$(contrib/packaging/version.sh apk "$given") description=$(head -n 1 contrib/packaging/description)
		file=postvet-$version-r$RELEASE.$arch.apk
		;;
	esac
	(cd "$stage" && VERSION=$version DESCRIPTION=$description $GO run $NFPM package --config nfpm.yaml --packager "$format" --target "$out/$file" >"$stage/nfpm.log" 2>&1) ||
		{ cat "$stage/nfpm.log" >&2; exit 1; }
	echo "$out/$file"
done
