#!/bin/sh
# Runs the cases that prove the standards, and prints what came of them.
set -eu

usage() {
	cat <<'END'
usage: conformance.sh

Runs the project's own cases for SPF, DKIM, ARC, DMARC and Authentication-Results
and prints how many of each section of the RFCs pass; policy/testdata/sections.txt
has the sections. Then it runs the public test suites, as far as they are there:
POSTVET_CORPORA names their folder. A known difference is a case that Postvet
decides otherwise on purpose; each is listed with the RFC that decides it.

Exit status 1 if a case fails, if a section has none, or if nothing ran.
END
}

[ $# = 0 ] || { usage; exit 0; }
cd "$(dirname "$0")/../.."
sections=policy/testdata/sections.txt
log=$(mktemp)
trap 'rm -f "$log" "$log".*' EXIT
trap 'exit 1' HUP INT TERM

failed=0
echo "running the project's own cases and the public suites; a minute or two" >&2
"${GO:-go}" test -count=1 -short -v ./policy/spf ./policy/dkim ./policy/arc ./policy/dmarc ./policy/authres ./policy/message >"$log" 2>&1 || failed=1
"${GO:-go}" test -count=1 -v ./policy/dmarc/report ./policy/reporting ./policy/redaction >>"$log" 2>&1 || failed=1
"${GO:-go}" test -count=1 -run Conformance -v ./policy/... >"$log.public" 2>&1 || failed=1

# cases prints "PACKAGE SECTION PASSED FAILED" for each section. A case is a subtest
# whose name begins with a section. Those of the public suites are not ours.
cases() {
	awk '
		/^ +--- (PASS|FAIL): / {
			split($3, part, "/")
			if (part[1] ~ /^Test(Conformance|Oracle)/) next
			for (i = 2; i in part; i++) if (part[i] ~ /^([0-9]+|[AB])(\.[0-9]+)*_/) {
				section = part[i]
				sub(/_.*/, "", section)
				seen[section] = 1
				count[section, $2]++
				break
			}
		}
		/^(ok|FAIL)[ \t]+[^ \t]+/ {
			package = $2
			sub(/.*\/policy\//, "", package)
			for (section in seen) print package, section, count[section, "PASS:"] + 0, count[section, "FAIL:"] + 0
			split("", seen)
			split("", count)
		}' "$log"
}

cases | sort -k1,1 -k2,2V >"$log.cases"
if [ ! -s "$log.cases" ]; then
	echo "conformance.sh: no case ran; this is what go test says:" >&2
	tail -20 "$log" >&2
	exit 1
fi
awk '
	FNR == NR { passed[$1, $2] = $3; wrong[$1, $2] = $4; next }
	/^#/ { next }
	{
		if ($2 != rfc) { rfc = $2; printf "%sRFC %-8s %-52s %6s %6s\n", n++ ? "\n" : "", rfc, "", "cases", "failed" }
		section = $3 == "-" ? $2 : $3
		words = $0
		sub(/^[^ ]+ [^ ]+ [^ ]+ /, "", words)
		ok = passed[$1, section] + 0
		bad = wrong[$1, section] + 0
		printf "  %-10s %-52s %6d %6d%s\n", $3, words, ok + bad, bad, ok + bad ? "" : "  NO CASE"
		listed[$1, section] = 1
		cases += ok + bad
		failures += bad
		if (!(ok + bad)) empty++
	}
	END {
		for (key in passed) if (!(key in listed)) { others += passed[key] + wrong[key]; failures += wrong[key] }
		printf "\n%d own cases in the sections above, %d in others, %d failed\n", cases, others, failures
		exit empty + 0 > 0
	}' "$log.cases" "$sections" || failed=1

# The tests of the suites log lines "conformance SUITE CASES PASSED KNOWN".
echo
sed -nE 's/^.*conformance (.+) ([0-9]+) ([0-9]+) ([0-9]+)$/\1|\2|\3|\4/p' "$log.public" >"$log.suites"
if [ -s "$log.suites" ]; then
	awk -F'|' '
		BEGIN { printf "%-44s %6s %7s %18s\n", "public suite", "cases", "passed", "known differences" }
		{ printf "%-44s %6d %7d %18d\n", $1, $2, $3, $4; cases += $2; passed += $3; known += $4 }
		END { printf "%-44s %6d %7d %18d\n", "all", cases, passed, known }' "$log.suites"
	echo
	echo 'known differences, each with what decides it:'
	sed -nE 's/^.*difference ([a-z0-9]+\/.*)$/  \1/p' "$log.public" | sort -u
fi
absent=$(sed -nE 's/^--- SKIP: (Test[A-Za-z0-9_]+) .*/\1/p' "$log.public" | sort -u | tr '\n' ' ')
[ -z "$absent" ] || echo "public suites that are not here (POSTVET_CORPORA names their folder): $absent"
[ $failed = 0 ] || cat "$log" "$log.public" | grep -E '^ *(--- FAIL|FAIL|[a-z_]*_test.go)' | head -50
exit $failed
