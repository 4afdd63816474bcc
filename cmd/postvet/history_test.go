package main

import (
	"strings"
	"testing"
)

// TestHistoryUsage asks for what no message can be.
func TestHistoryUsage(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for args, want := range map[string]string{
		"--follow --until 1d":               "--follow beside --until; ",
		"--follow --until 2026-11-29":       "--follow beside --until; ",
		"--action refused":                  `--action: "refused" is not known; write accept, quarantine, reject, tempfail, redirect or discard`,
		"--action Reject":                   `--action: "Reject" is not known; `,
		"--dmarc failed":                    `--dmarc: "failed" is not known; write none, pass, fail, temperror or permerror`,
		"--dmarc \x1b[2J":                   "--dmarc: ",
		"--follow --action refuse --json":   `--action: "refuse" is not known; `,
		"--fleet --node mx2 --dmarc reject": `--dmarc: "reject" is not known; `,
	} {
		code, out, errOut := runIn(t, append([]string{"history", "--journal", dir}, strings.Split(args, " ")...)...)
		if code != exitUsage || out != "" || !strings.HasPrefix(errOut, "postvet: "+want) || !errorLine.MatchString(errOut) || strings.Contains(errOut, "\x1b") {
			t.Errorf("history %s: exit code %d, %q; want %d, %q", args, code, out+errOut, exitUsage, want)
		}
	}
	code, _, errOut := runIn(t, "journal", "export", "--dmarc", "failed", "--journal", dir)
	if code != exitUsage || !strings.Contains(errOut, "write none, pass") {
		t.Errorf("journal export: exit code %d, %s", code, errOut)
	}
	for _, known := range []string{"--action redirect", "--dmarc temperror"} {
		code, _, errOut := runIn(t, append([]string{"history", "--journal", dir}, strings.Split(known, " ")...)...)
		if code == exitUsage {
			t.Errorf("history %s: %s", known, errOut)
		}
	}
}
