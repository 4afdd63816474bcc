#!/bin/sh
# Runs the public test suites and prints one table of what came of them.
set -eu

usage() {
	cat <<'END'
usage: conformance.sh

Runs the public test suites of SPF, DKIM, ARC, DMARC and Authentication-Results
and prints how many cases of each pass. A known difference is a case that
Postvet decides otherwise on purpose; each is listed with the RFC that decides
it. Exit status 1 if any other case fails. POSTVET_CORPORA names the folder of
the suites.
END
}

[ $# = 0 ] || { usage; exit 0; }
cd "$(dirname "$0")/../.."
log=$(mktemp)
trap 'rm -f "$log" "$log.suites"' EXIT
trap 'exit 1' HUP INT TERM

failed=0
"${GO:-go}" test -count=1 -run Conformance -v ./policy/... >"$log" 2>&1 || failed=1

# The tests log lines "conformance SUITE CASES PASSED KNOWN".
sed -nE 's/^.*conformance (.+) ([0-9]+) ([0-9]+) ([0-9]+)$/\1|\2|\3|\4/p' "$log" >"$log.suites"
if [ -s "$log.suites" ]; then
	awk -F'|' '
		BEGIN { printf "%-44s %6s %7s %18s\n", "suite", "cases", "passed", "known differences" }
		{ printf "%-44s %6d %7d %18d\n", $1, $2, $3, $4; cases += $2; passed += $3; known += $4 }
		END { printf "%-44s %6d %7d %18d\n", "all", cases, passed, known }' "$log.suites"
	echo
	echo 'known differences, each with what decides it:'
	sed -nE 's/^.*difference ([a-z0-9]+\/.*)$/  \1/p' "$log" | sort -u
else
	echo "conformance.sh: no suite ran; POSTVET_CORPORA names the folder of the suites" >&2
	failed=1
fi
[ $failed = 0 ] || grep -E '^ *(--- FAIL|FAIL|[a-z_]*_test.go)' "$log" | head -50
exit $failed
