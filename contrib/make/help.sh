#!/bin/sh
# Prints the targets of a Makefile with the text behind their "##".
set -eu

usage="usage: help.sh MAKEFILE"
case ${1:--h} in
-h | --help) echo "$usage"; exit 0 ;;
esac

echo 'usage: make TARGET'
sed -n 's/^\([a-z -]*\):.*## \(.*\)/\1|\2/p' "$1" | while IFS='|' read -r target text; do
	printf '  %-14s %s\n' "$target" "$text"
done
