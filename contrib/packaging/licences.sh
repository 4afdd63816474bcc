#!/bin/sh
# Prints the licences of all that is linked into a binary of Postvet beside its
# own source: of each module, and of Go itself.
set -eu

usage() {
	cat <<'END'
usage: licences.sh

Prints the licence files of the modules that ./cmd/postvet is made of, each
module with its version, from Go's module cache. GOOS and GOARCH choose the
system, as the modules may differ. Exit status 1 if a module has no licence.
END
}

[ $# = 0 ] || { usage; exit 0; }
cd "$(dirname "$0")/../.."
GO=${GO:-go}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

# show prints the licence files of one folder.
show() {
	for file in "$1"/*; do
		case $(basename "$file" | tr '[:lower:]' '[:upper:]') in
		LICENSE* | LICENCE* | COPYING* | NOTICE* | PATENTS*) ;;
		*) continue ;;
		esac
		[ -f "$file" ] || continue
		printf '\n--- %s\n\n' "${2:-$(basename "$file")}"
		cat "$file"
		echo
	done
}

echo 'Postvet is one file, linked with these modules. Their licences follow.'
version=$($GO env GOVERSION)
printf '\n==== Go standard library %s\n' "${version%% *}"
show "$($GO env GOROOT)"

# A package may have a licence of its own, in its folder or one above it.
$GO list -deps -f '{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}} {{.Dir}}{{end}}{{end}}' ./cmd/postvet | LC_ALL=C sort -u | grep . >"$work/modules"
$GO list -deps -f '{{with .Module}}{{if not .Main}}{{.Path}} {{$.Dir}}{{end}}{{end}}' ./cmd/postvet >"$work/packages"
while read -r module version dir; do
	printf '\n==== %s %s\n' "$module" "$version"
	show "$dir" >"$work/text"
	[ -s "$work/text" ] || { echo "licences.sh: $module has no licence in $dir" >&2; exit 1; }
	cat "$work/text"
	sed -n "s|^$module $dir/||p" "$work/packages" | while read -r below; do
		while [ "$below" != . ]; do
			echo "$below"
			below=$(dirname "$below")
		done
	done | LC_ALL=C sort -u | while read -r below; do
		show "$dir/$below" "of the package $below"
	done
done <"$work/modules"
