//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestReportsBehindPostvet plays messages through Postvet and an opendmarc behind it
// that is set as "postvet config import" says. Its history, which it makes reports of,
// must have what was sent. Without Postvet's name among the trusted ones it reports good
// mail as failed.
func TestReportsBehindPostvet(t *testing.T) {
	inNamespaces(t, compareReports)
}

func compareReports(t *testing.T) {
	bin := os.Getenv(insideKey)
	if err := setUp(bin); err != nil {
		t.Skip(err) // such as in a container that may not mount
	}
	cases, zone, err := importCases()
	if err != nil {
		t.Fatal(err)
	}
	dns, err := serveDNS(zone)
	if err != nil {
		t.Fatal(err)
	}
	defer dns.Close()
	settings := importedReports(t, bin)
	n, wrong := playReports(t, bin, settings, cases)
	const least = 50
	if n < least {
		t.Errorf("opendmarc's history has %d messages, want at least %d", n, least)
	}
	for _, text := range wrong {
		t.Error(text)
	}
	var without []string
	for _, line := range settings {
		if !strings.HasPrefix(line, "TrustedAuthservIDs") {
			without = append(without, line)
		}
	}
	m, misread := playReports(t, bin, without, cases)
	if len(misread) == 0 {
		t.Error("without TrustedAuthservIDs the history is right too: the test sees nothing")
	}
	t.Logf("%d messages in the history, %d of them wrong; without TrustedAuthservIDs %d of %d are wrong", n, len(wrong), len(misread), m)
}

// importedReports returns the lines that import prints for opendmarc.
func importedReports(t *testing.T, bin string) []string {
	t.Helper()
	conf := filepath.Join(t.TempDir(), "opendmarc.conf")
	if err := os.WriteFile(conf, []byte("AuthservID mx.test.example\nHistoryFile /x\nRejectFailures true\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(bin+"/postvet", "config", "import", "--json", "--opendmarc", conf).Output()
	if err != nil {
		t.Fatal(err)
	}
	var made struct {
		Reports struct {
			Settings []string `json:"settings"`
		} `json:"reports"`
	}
	if err := json.Unmarshal(out, &made); err != nil || len(made.Reports.Settings) == 0 {
		t.Fatalf("%v, %s", err, out)
	}
	return made.Reports.Settings
}

// playReports plays the cases and returns how many are in the history, and what is
// wrong there.
func playReports(t *testing.T, bin string, settings []string, cases []Case) (n int, wrong []string) {
	t.Helper()
	r, err := launch(&contestant{name: "reports", start: func(p *place) ([]program, error) {
		chain, err := startPostvet(p)
		if err != nil {
			return nil, err
		}
		conf := filepath.Join(p.dir, "opendmarc.conf")
		text := "Socket local:" + p.socket("opendmarc") + "\nBackground false\nPublicSuffixList " + suffixList + "\nSyslog false\nUMask 000\nHistoryFile " +
			p.dir + "/history\nIgnoreHosts " + p.dir + "/hosts\n" + strings.Join(settings, "\n") + "\n"
		if err := os.WriteFile(p.dir+"/hosts", []byte("127.0.0.0/8\n::1\n"), 0o644); err != nil {
			return nil, err
		}
		return append(chain, program{[]string{opendmarcBin, "-f", "-c", conf}, p.socket("opendmarc")}), os.WriteFile(conf, []byte(text), 0o644)
	}}, bin, bin)
	if err != nil {
		t.Fatal(err)
	}
	defer r.stop()
	accepted := map[string]*Case{} // by job
	for i := range cases {
		c := &cases[i]
		if strings.Contains(c.Kind, "keyfail") || strings.Contains(c.Kind, "temp.example") {
			continue // these take long, and Postvet defers them
		}
		s, err := openSession(r.chain, c.Client)
		if err != nil {
			t.Fatal(err)
		}
		job := fmt.Sprintf("4D%08X", i)
		v, err := s.message(c, job)
		s.close()
		if err != nil {
			t.Fatal(err)
		}
		if v.Action == "accept" || v.Action == "hold" {
			accepted[job] = c
		}
		ours := 0
		for _, f := range v.Fields {
			if strings.EqualFold(f.Name, "Authentication-Results") && strings.HasPrefix(strings.TrimSpace(f.Value), "mx.test.example;") {
				ours++
			}
		}
		if ours > 1 {
			wrong = append(wrong, fmt.Sprintf("%s: %d fields in Postvet's name", c.Kind, ours))
		}
	}
	history, err := os.ReadFile(r.dir + "/history")
	if err != nil {
		t.Fatal(err)
	}
	for record := range strings.SplitSeq(string(history), "job ") {
		job, rest, _ := strings.Cut(record, "\n")
		c := accepted[job]
		if c == nil {
			if job != "" {
				wrong = append(wrong, job+" is in the history, and was not accepted")
			}
			continue
		}
		n++
		k := strings.Fields(c.Kind) // client, sender, author, signature
		spf := k[0] == "own" && k[1] == "from<"+k[2]+">"
		for name, want := range map[string]bool{"align_dkim": k[3] == "signed", "align_spf": spf} {
			const passed = "4"
			if got := strings.Contains(rest, "\n"+name+" "+passed+"\n"); got != want {
				wrong = append(wrong, fmt.Sprintf("%s: %s is %v, want %v", c.Kind, name, got, want))
			}
		}
	}
	return n, wrong
}
