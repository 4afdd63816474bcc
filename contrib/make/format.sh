#!/bin/sh
# Names the Go files that gofmt would change; exit status 1 if there is one.
set -eu

usage="usage: format.sh [FOLDER...]"
case ${1:-} in
-*) echo "$usage"; exit 0 ;;
esac

cd "$(dirname "$0")/../.."
[ $# -gt 0 ] || set -- cmd contrib dnscache filter policy
changed=$(gofmt -l "$@")
[ -n "$changed" ] || exit 0
echo "gofmt would change these files; make fmt does it:" >&2
echo "$changed" >&2
exit 1
