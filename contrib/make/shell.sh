#!/bin/sh
# Runs shellcheck over the shell programs of the project.
set -eu

case ${1:-} in
-*) echo "usage: shell.sh [FILE...]"; exit 0 ;;
esac
if ! command -v shellcheck >/dev/null 2>&1; then
	echo "shell.sh: shellcheck is not installed; the shell programs are not checked" >&2
	exit 0
fi
cd "$(dirname "$0")/../.."
[ $# -gt 0 ] || set -- .ci/run contrib/*.sh contrib/*/*.sh contrib/packaging/deb/p[or]* contrib/packaging/rpm/p[or]* \
	contrib/packaging/apk/* contrib/openrc/postvet.initd contrib/freebsd/postvet
exec shellcheck --external-sources "$@"
