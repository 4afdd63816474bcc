#!/bin/sh
# Prints the notes of a release: its section of CHANGELOG.md.
set -eu

usage() {
	cat <<'END'
usage: notes.sh VERSION

Prints what CHANGELOG.md says of VERSION, or of what is not yet released, with a
warning, if it has no section for VERSION. Exit status 1 if that says nothing.
END
}

case ${1:--h} in
-*) usage; exit 0 ;;
esac
cd "$(dirname "$0")/../.."

# section prints what stands between the heading of a version and the next one.
section() { awk -v name="[$1]" '/^## / { on = $2 == name; next } on' CHANGELOG.md | sed -e '/./,$!d'; }

text=$(section "$1")
if [ -z "$text" ]; then
	echo "notes.sh: CHANGELOG.md has no section $1; the notes are what it says of Unreleased" >&2
	text=$(section Unreleased)
fi
[ -n "$text" ] || { echo "notes.sh: CHANGELOG.md says nothing of $1" >&2; exit 1; }
printf '# Postvet %s\n\n%s\n' "$1" "$text"
