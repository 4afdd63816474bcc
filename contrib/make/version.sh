#!/bin/sh
# Prints the version that "make build" writes into the binary.
set -eu

usage() {
	cat <<'END'
usage: version.sh

Prints what git says of this clone: v1.2.3 at that tag, v1.2.3-4-gCOMMIT four
commits behind it, v0.1.0-dev+COMMIT where the clone has no tag, each with
-dirty (+COMMIT.dirty) if files were changed. Outside a clone it prints nothing,
and the binary says what Go knows.
END
}

[ $# = 0 ] || { usage; exit 0; }
cd "$(dirname "$0")/../.."
# A source archive may lie in somebody else's repository.
[ "$(git rev-parse --show-cdup 2>/dev/null || echo no)" = '' ] || exit 0
git describe --tags --match 'v[0-9]*' --dirty 2>/dev/null && exit 0
commit=$(git rev-parse --short=12 HEAD 2>/dev/null) || exit 0
git diff --quiet HEAD || commit=$commit.dirty
echo "v0.1.0-dev+$commit"
