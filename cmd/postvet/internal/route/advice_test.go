package route

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/postvet/postvet/cmd/postvet/internal/finding"
	"github.com/postvet/postvet/cmd/postvet/internal/plantest"
	"github.com/postvet/postvet/dnscache/dnstest"
)

var (
	toPublish = regexp.MustCompile(`(?:publish: |and )(\S+\. (?:TXT "[^"]*"|MX \d+ \S+\.|PTR \S+\.|A [0-9][0-9.]+|AAAA [0-9a-f:]+|TLSA \d \d \d [0-9a-f]{64}))`)
	toRemove  = regexp.MustCompile(`remove: (\S+\. (?:MX \d+ (?:\\.|\S)+|TLSA \d \d \d [0-9a-f]+|CNAME))`)
	anAddress = regexp.MustCompile(`(?:publish an|and a public) address (?:\(A or AAAA\) )?of (\S+\.)`)
)

// follow returns a zone with what a fix proposes, and false if the fix proposes no whole
// record.
func follow(t *testing.T, zone, fix string) (string, bool) {
	t.Helper()
	lines := strings.Split(zone, "\n")
	changed := false
	for _, m := range toRemove.FindAllStringSubmatch(fix, -1) {
		n := len(lines)
		lines = slices.DeleteFunc(lines, func(l string) bool { return sameRecord(l, m[1]) })
		if len(lines) == n {
			t.Errorf("%s is to be removed, but does not stand there", m[1])
		}
		changed = true
	}
	for _, m := range toPublish.FindAllStringSubmatch(fix, -1) {
		f := strings.Fields(m[1])
		lines = slices.DeleteFunc(lines, func(l string) bool {
			g := strings.Fields(strings.Replace(l, ". 86400 ", ". ", 1))
			if len(g) < 3 || g[0] != f[0] || g[1] != f[1] {
				return false
			}
			// A new MX record takes the place of the one with its preference, a new TXT
			// record the place of the others of its kind. Others stand beside.
			return f[1] == "TXT" || f[1] == "PTR" || f[1] == "MX" && g[2] == f[2]
		})
		lines = append(lines, m[1])
		changed = true
	}
	for _, m := range anAddress.FindAllStringSubmatch(fix, -1) {
		lines = append(lines, m[1]+" A 185.0.2.77")
		changed = true
	}
	return strings.Join(lines, "\n") + "\n", changed
}

// sameRecord reports whether a line of a zone is a record, as a report shows it.
func sameRecord(line, record string) bool {
	f := strings.Fields(strings.ReplaceAll(line, `\032`, `\ `))
	return strings.TrimSuffix(strings.Join(f, " "), ".") == strings.TrimSuffix(record, ".")
}

// TestProposals: what is proposed is published, one fix at a time. The finding is gone
// then, and nothing is wrong that was right.
func TestProposals(t *testing.T) {
	t.Parallel()
	n := plantest.EachFile(t, func(t *testing.T, file string) int {
		zone, address := readSetup(t, file)
		return followAll(t, zone, address)
	})
	if n < 40 {
		t.Errorf("only %d proposals were followed", n)
	}
}

// followAll follows each fix of a report alone, and returns their number.
func followAll(t *testing.T, zone, address string) (followed int) {
	t.Helper()
	report := func(zone string) *Report {
		_, resolver := dnstest.StartAt(t, zone, clock)
		r, err := Find(t.Context(), resolver, address, Options{Now: clock})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	before := report(zone)
	known := map[string]bool{}
	for f := range before.lists().All() {
		known[f.Text] = true
	}
	for f := range before.lists().All() {
		if f.Severity == finding.OK {
			continue
		}
		mended, ok := follow(t, zone, f.Fix)
		if !ok {
			continue
		}
		followed++
		after := report(mended)
		for g := range after.lists().All() {
			switch {
			case g.Text == f.Text:
				t.Errorf("%s: still there after %s", f.Text, f.Fix)
			case g.Severity == finding.Error && !known[g.Text]:
				t.Errorf("%s: after %s there is a new error: %s", f.Text, f.Fix, g.Text)
			}
		}
	}
	return followed
}
