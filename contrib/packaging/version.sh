#!/bin/sh
# Prints a version as a format of packages has it.
set -eu

usage() {
	cat <<'END'
usage: version.sh FORMAT [VERSION]

FORMAT is deb, rpm or apk. VERSION is that of a release, 1.2.3 or 1.2.3-rc.1,
and by default what git says of this clone: 1.2.3 at the tag v1.2.3,
1.2.3+4.gCOMMIT four commits behind it, 0.0.0~gitTIME.COMMIT where there is no
tag, each with +changed if files were changed. Each sorts where it belongs:
candidates before their release, what comes after a tag behind it. apk has no
place for a commit or for changes. Exit status 2 for a VERSION that is none.
END
}

case ${1:-} in
deb | rpm | apk) ;;
-h | --help) usage; exit 0 ;;
*) usage >&2; exit 2 ;;
esac
cd "$(dirname "$0")/../.."

gitversion() {
	git diff --quiet HEAD 2>/dev/null || changed=+changed
	said=$(git describe --tags --match 'v[0-9]*' --abbrev=12 2>/dev/null) || {
		TZ=UTC git log -1 --date=format-local:%Y%m%d%H%M --format="0.0.0~git%cd.%h${changed:-}" 2>/dev/null || echo '0.0.0~unknown'
		return
	}
	echo "${said#v}${changed:-}" | sed 's/-\([0-9]*\)-g/+\1.g/'
}

version=$(echo "${2:-$(gitversion)}" | sed 's/-rc/~rc/')
echo "$version" | grep -Eqx '[0-9][0-9A-Za-z.+~]*' || { echo "version.sh: $version is no version; write 1.2.3 or 1.2.3-rc.1" >&2; exit 2; }
if [ "$1" = apk ]; then
	# Words of a fixed list, and their numbers without a dot.
	version=$(echo "$version" | sed 's/+changed$//; s/~rc\.\{0,1\}/_rc/; s/~git\([0-9]*\)\..*/_pre\1/; s/+\([0-9]*\)\.g.*/_git\1/; s/~unknown$/_pre/')
	echo "$version" | grep -Eqx '[0-9]+(\.[0-9]+)*(_(pre|rc|git)[0-9]*)*' || { echo "version.sh: apk has no version like $version" >&2; exit 2; }
fi
echo "$version"
