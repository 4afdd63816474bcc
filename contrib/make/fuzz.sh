#!/bin/sh
# Runs the fuzz targets one after another.
set -eu

usage() {
	cat <<'END'
usage: fuzz.sh [-t TIME] [PACKAGES [TARGET]]

Runs each fuzz target for TIME: a duration such as 30s, or a number of inputs
such as 500x; default 10m. PACKAGES is a pattern such as ./policy/spf, default
./... ; TARGET is the name of one fuzz function, such as FuzzRecord.

Go keeps a failing input below testdata/fuzz of its package, where "go test"
tries it from then on.
END
}

time=10m
while getopts ht: option; do
	case $option in
	h) usage; exit 0 ;;
	t) time=$OPTARG ;;
	*) usage >&2; exit 2 ;;
	esac
done
shift $((OPTIND - 1))
packages=${1:-./...} only=${2:-}
GO=${GO:-go}

cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

# list writes one line "package folder target" per fuzz target. It reads the sources: to
# ask each package builds its tests.
list() {
	$GO list -f '{{range .TestGoFiles}}{{$.ImportPath}} {{$.Dir}}/{{.}}
{{end}}{{range .XTestGoFiles}}{{$.ImportPath}} {{$.Dir}}/{{.}}
{{end}}' "$packages" >"$work/files"
	while read -r package file; do
		[ -z "$package" ] || sed -n "s|^func \(Fuzz[A-Za-z0-9_]*\)(.*|$package ${file%/*} \1|p" "$file"
	done <"$work/files"
}

list >"$work/targets"
[ -z "$only" ] || {
	grep " $only\$" "$work/targets" >"$work/one" || { echo "fuzz.sh: no target $only in $packages" >&2; exit 2; }
	mv "$work/one" "$work/targets"
}
cache=$($GO env GOCACHE)/fuzz built=
while read -r package folder target; do
	echo "fuzz $package $target ($time)"
	# One binary serves all targets of a package. -fuzz has it look where inputs lead, but
	# not within SQLite, which no target is about.
	if [ "$built" != "$package" ]; then
		$GO test -c -vet=off -fuzz . -gcflags=modernc.org/sqlite/lib=-d=libfuzzer=0 -gcflags=modernc.org/libc=-d=libfuzzer=0 -o "$work/fuzz.test" "$package"
		built=$package
	fi
	(cd "$folder" && "$work/fuzz.test" -test.run '^$' -test.fuzz "^$target\$" -test.fuzztime "$time" -test.fuzzcachedir "$cache/$package") >"$work/log" 2>&1 </dev/null && continue
	# A target whose time ends in the middle of an input reports that its
	# deadline has passed, which is no finding.
	if grep -q 'Failing input written' "$work/log" || ! grep -q '^ *context deadline exceeded$' "$work/log"; then
		cat "$work/log"
		exit 1
	fi
	echo "  (its time ended in the middle of an input)"
done <"$work/targets"
