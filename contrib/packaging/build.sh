#!/bin/sh
# Builds the Debian package into a folder, default dist/, and prints its name.
# The same commit, version and Go make the same bytes.
#
#   VERSION            of the package, default from git: 1.2.3 for the tag v1.2.3,
#                      0.0.0~git20261125.65bd366 where there is no tag
#   RELEASE            of the packaging, default 1
#   ARCH               amd64 or arm64, default that of Go here
#   SOURCE_DATE_EPOCH  the time in it, default that of the commit
#   MAINTAINER         who answers for the package
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
cd "$root"
out=${1:-dist}
GO=${GO:-go}
NFPM=github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.45.2

# gitversion turns what git says into a version that sorts as dpkg has it: what
# comes after a tag is newer than it, what comes before the first one older.
gitversion() {
	git diff --quiet HEAD 2>/dev/null || changed=+changed
	said=$(git describe --tags --match 'v[0-9]*' --abbrev=12 2>/dev/null) || {
		TZ=UTC git log -1 --date=format-local:%Y%m%d%H%M --format="0.0.0~git%cd.%h${changed:-}" 2>/dev/null || echo '0.0.0~unknown'
		return
	}
	echo "${said#v}${changed:-}" | sed 's/-rc/~rc/; s/-\([0-9]*\)-g/+\1.g/'
}

export VERSION="${VERSION:-$(gitversion)}" RELEASE="${RELEASE:-1}" ARCH="${ARCH:-$($GO env GOARCH)}"
export MAINTAINER="${MAINTAINER:-The Postvet authors <postvet@users.noreply.github.com>}"
export SOURCE_DATE_EPOCH="${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}"
export TZ=UTC LC_ALL=C
full=$VERSION${RELEASE:+-$RELEASE}

stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
trap 'exit 1' INT TERM
mkdir -p "$out" "$stage/bin" "$stage/etc" "$stage/systemd" "$stage/man" "$stage/completions" "$stage/scripts" "$stage/lintian" \
	"$stage/doc/examples/postfix" "$stage/doc/examples/sendmail" "$stage/doc/examples/monitoring"
out=$(cd "$out" && pwd)

# -buildvcs=false: what git says of the tree is in the version, and a build from
# an unpacked archive gives the same.
compile() { CGO_ENABLED=0 GOOS=linux GOARCH=$1 $GO build -trimpath -buildvcs=false -ldflags "-s -w -buildid= -X main.version=$full" -o "$2" ./cmd/postvet; }
compile "$ARCH" "$stage/bin/postvet"
# The pages and completions are asked of a binary that runs here.
self=$stage/bin/postvet
if [ "$ARCH" != "$($GO env GOHOSTARCH)" ] || [ "$($GO env GOHOSTOS)" != linux ]; then
	self=$stage/host
	GOOS=$($GO env GOHOSTOS) compile "$($GO env GOHOSTARCH)" "$self"
fi
"$self" manual --date "$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y-%m-%d)" --log contrib/monitoring/LOGS.md "$stage/man" >/dev/null
"$self" completion bash >"$stage/completions/postvet.bash"
"$self" completion zsh >"$stage/completions/_postvet"
"$self" completion fish >"$stage/completions/postvet.fish"
"$self" config default >"$stage/doc/examples/postvet.toml"

cp contrib/packaging/postvet.toml "$stage/etc/"
"$self" config check "$stage/etc/postvet.toml" >/dev/null
cp contrib/systemd/*.service contrib/systemd/*.socket "$stage/systemd/"
cp contrib/packaging/postinst contrib/packaging/prerm contrib/packaging/postrm "$stage/scripts/"
cp contrib/packaging/lintian-overrides "$stage/lintian/postvet"
cp -R contrib/postfix/. "$stage/doc/examples/postfix/"
cp -R contrib/sendmail/. "$stage/doc/examples/sendmail/"
cp contrib/rules.toml "$stage/doc/examples/"
cp contrib/monitoring/alerts.yml contrib/monitoring/dashboard.json "$stage/doc/examples/monitoring/"
cp contrib/packaging/README.Debian "$stage/doc/"
GOOS=linux GOARCH=$ARCH contrib/packaging/licences.sh >"$stage/doc/third-party-licences"
cp CHANGELOG.md "$stage/doc/changelog"
cat >"$stage/doc/changelog.Debian" <<END
postvet ($full) unstable; urgency=medium

  * What is new stands in /usr/share/doc/postvet/changelog.gz.

 -- $MAINTAINER  $(date -u -R -d "@$SOURCE_DATE_EPOCH")
END
{
	printf 'Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\nUpstream-Name: postvet\nSource: https://github.com/postvet/postvet\n\nFiles: *\n'
	printf 'Copyright: %s\nLicense: Expat\n' "$(sed -n 's/^Copyright (c) //p' LICENSE)"
	sed -n '/^Permission/,$s/^$/./; /^Permission/,$s/^/ /p' LICENSE
	printf 'Comment:\n The licences of the modules that are linked into the program stand in\n /usr/share/doc/postvet/third-party-licences.gz.\n'
} >"$stage/doc/copyright"
gzip -9n "$stage/doc/changelog" "$stage/doc/changelog.Debian" "$stage/doc/third-party-licences" "$stage"/man/*
chmod -R u=rwX,go=rX "$stage"
find "$stage" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +

cp contrib/packaging/nfpm.yaml "$stage/nfpm.yaml"
deb=$out/postvet_${full}_$ARCH.deb
(cd "$stage" && $GO run $NFPM package --config nfpm.yaml --packager deb --target "$deb" >"$stage/nfpm.log" 2>&1) || {
	cat "$stage/nfpm.log" >&2
	exit 1
}
echo "$deb"
