#!/bin/sh
# Checks that Postvet and its tests compile for other systems.
set -eu

all="linux/amd64 linux/arm64 linux/386 linux/riscv64 freebsd/amd64 openbsd/amd64 netbsd/amd64 netbsd/386 \
dragonfly/amd64 darwin/arm64 illumos/amd64 solaris/amd64"

usage() {
	cat <<END
usage: cross.sh [SYSTEM...]

Runs go vet, with the tests and without C, for each SYSTEM, such as
freebsd/amd64. Default: all that Postvet builds for,
$all
END
}

case ${1:-} in
-*) usage; exit 0 ;;
esac
GO=${GO:-go}

cd "$(dirname "$0")/../.."
# shellcheck disable=SC2086 # a list
[ $# -gt 0 ] || set -- $all
failed=
for system; do
	echo "vet for $system"
	GOOS=${system%/*} GOARCH=${system#*/} CGO_ENABLED=0 $GO vet ./... || failed="$failed $system"
done
[ -z "$failed" ] || { echo "cross.sh: go vet fails for$failed" >&2; exit 1; }
