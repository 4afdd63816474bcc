#!/bin/sh
# Builds a release into dist/release. The same commit, version and Go make the
# same bytes: see twice.sh.
set -eu

usage() {
	cat <<'END'
usage: build.sh VERSION [FOLDER]

Builds the release VERSION, 1.2.3 or 1.2.3-rc.1, of the commit that is checked
out: a static binary for each system in a tarball with all that its admin needs,
a list of its modules (SBOM, CycloneDX), packages, a container image of the same
binaries, notes and SHA256SUMS. FOLDER, default dist/release, is made anew.

  SYSTEMS   the systems, such as "linux/amd64"; default all
  PACKAGES  the architectures of packages, default "amd64 arm64"; the image is
            for those of them that are in SYSTEMS

Exit status 2 if VERSION is malformed, or the tag vVERSION is of another commit;
1 if files were changed or are not in git, as nobody could build that again.
END
}

systems=${SYSTEMS-linux/amd64 linux/arm64 linux/arm linux/riscv64 freebsd/amd64 freebsd/arm64}
packages=${PACKAGES-amd64 arm64}
SBOM=github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@v1.10.0

case ${1:-} in
-*) usage; exit 0 ;;
'') usage >&2; exit 2 ;;
esac
version=$1
cd "$(dirname "$0")/../.."
fail() { echo "build.sh: $2" >&2; exit "$1"; }

number='(0|[1-9][0-9]*)'
printf '%s' "$version" | tr '\n' ' ' | grep -Exq "$number\\.$number\\.$number(-rc\\.$number)?" ||
	fail 2 "VERSION \"$version\" is malformed; write 1.2.3 or 1.2.3-rc.1, without v"
tagged=$(git rev-parse -q --verify "refs/tags/v$version^{commit}" || echo none)
[ "$tagged" = none ] || [ "$tagged" = "$(git rev-parse HEAD)" ] ||
	fail 2 "the tag v$version is of another commit; check that one out, or choose another VERSION"
changed=$(git status --porcelain)
[ -z "$changed" ] || fail 1 "these files were changed or are not in git; commit or remove them:
$changed"
unset SOURCE_DATE_EPOCH # it is the commit's time
# shellcheck source-path=SCRIPTDIR
. contrib/packaging/stage.sh

stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
trap 'exit 1' HUP INT TERM
out=$stage/release
mkdir "$out" "$stage/common" "$stage/binaries"
image=''
contrib/release/notes.sh "$version" >"$out/NOTES.md"
compile "$version" "$($GO env GOHOSTOS)" "$($GO env GOHOSTARCH)" "$stage/self"
self=$stage/self
documents "$stage/common"
cp LICENSE CHANGELOG.md contrib/release/INSTALL.md "$stage/common/"

# services SYSTEM FOLDER adds how a system starts Postvet, and a configuration.
services() {
	if [ "$1" = freebsd ]; then
		mkdir "$2/rc.d"
		cp contrib/freebsd/postvet "$2/rc.d/"
		sed 's|/usr/share/doc/postvet/examples|/usr/local/share/examples/postvet|; s|/etc/postvet|/usr/local/etc/postvet|; s|/var/lib/postvet|/var/db/postvet|; s|/run/postvet|/var/run/postvet|' \
			contrib/packaging/postvet.toml >"$2/postvet.toml"
		return
	fi
	cp contrib/packaging/postvet.toml "$2/"
	mkdir -p "$2/systemd" "$2/sysusers.d" "$2/tmpfiles.d" "$2/openrc/init.d" "$2/openrc/conf.d"
	cp contrib/systemd/*.service contrib/systemd/*.socket "$2/systemd/"
	cp contrib/systemd/postvet.sysusers "$2/sysusers.d/postvet.conf"
	cp contrib/systemd/postvet.tmpfiles "$2/tmpfiles.d/postvet.conf"
	cp contrib/openrc/postvet.initd "$2/openrc/init.d/postvet"
	cp contrib/openrc/postvet.confd "$2/openrc/conf.d/postvet"
}

for system in $systems; do
	os=${system%/*} arch=${system#*/}
	name=postvet-$version-$os-$arch
	echo "build.sh: $name" >&2
	cp -R "$stage/common" "$stage/$name"
	compile "$version" "$os" "$arch" "$stage/$name/postvet"
	services "$os" "$stage/$name"
	"$self" config check "$stage/$name/postvet.toml" >/dev/null
	licences "$os" "$arch" >"$stage/$name/third-party-licences"
	# It reads the binary: what is linked for this system, and nothing else.
	$GO run $SBOM bin -json -noserial -notimestamp -std -version "v$version" -output "$out/$name.cdx.json" "$stage/$name/postvet" 2>"$stage/log" ||
		{ cat "$stage/log" >&2; exit 1; }
	cp "$out/$name.cdx.json" "$stage/$name/postvet.cdx.json"
	level "$stage/$name"
	tar -C "$stage" --sort=name --format=ustar --owner=0 --group=0 --numeric-owner -cf "$stage/tar" "$name"
	gzip -9n <"$stage/tar" >"$out/$name.tar.gz"
	case "$os $packages " in
	"linux $arch "* | "linux "*" $arch "*)
		mv "$stage/$name/postvet" "$stage/binaries/postvet-linux-$arch"
		image=$image${image:+,}$arch
		;;
	esac
	rm -r "${stage:?}/$name" "$stage/tar"
done
for arch in $packages; do
	echo "build.sh: packages for $arch" >&2
	FORMATS='deb rpm apk' VERSION=$version RELEASE=1 ARCH=$arch contrib/packaging/build.sh "$out" >/dev/null
done
if [ -n "$image" ]; then
	echo "build.sh: image for $image" >&2
	$GO run ./contrib/image -out "$out" -version "$version" -arch "$image" -binaries "$stage/binaries" >/dev/null
fi
(cd "$out" && sha256sum -- * >"$stage/SHA256SUMS")
mv "$stage/SHA256SUMS" "$out/"
chmod -R u=rwX,go=rX "$out"

folder=${2:-dist/release}
mkdir -p "$(dirname "$folder")"
rm -rf "$folder"
mv "$out" "$folder"
echo "$folder"
