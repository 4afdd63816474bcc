package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// theirs is the part of a suite's configuration of Rspamd that our files change. It reads local.d
// and override.d as the configurations of Debian and of the suites do.
const theirs = `group "policies" {
  .include "DIR/scores.conf"
  .include(try=true; priority=1; duplicate=merge) "DIR/local.d/policies_group.conf"
  .include(try=true; priority=10) "DIR/override.d/policies_group.conf"
}
milter_headers {
  .include(try=true; priority=1; duplicate=merge) "DIR/local.d/milter_headers.conf"
  .include(try=true; priority=10) "DIR/override.d/milter_headers.conf"
}
`

// scores are scores as Rspamd's own file has them.
const scores = `symbols {
  "R_SPF_FAIL" { weight = 1.0; }
  "DMARC_POLICY_ALLOW" { weight = -0.5; }
  "DMARC_POLICY_REJECT" { weight = 2.0; }
  "DMARC_POLICY_QUARANTINE" { weight = 1.5; }
}
`

// headers are the fields that a suite has Rspamd write. Mailu's file reads our file at its end,
// where our list would be added to Mailu's list.
const headers = `use = ["x-virus", "authentication-results"];
routines { authentication-results { add_smtp_user = false; } }
`

// TestSuitesForRspamd has Rspamd read the lines for it: DMARC no longer decides there, its
// other scores stay, and its Authentication-Results are gone or have another name.
func TestSuitesForRspamd(t *testing.T) {
	t.Parallel()
	rspamadm, err := exec.LookPath("rspamadm")
	if err != nil {
		t.Skip("rspamadm is not installed")
	}
	files := suiteFiles(t)
	for name, tc := range map[string]struct {
		files  map[string]string // what the suite has, and we add
		script string            // what is run then
		weight float64           // of DMARC_POLICY_REJECT and DMARC_POLICY_QUARANTINE
		spf    float64           // of R_SPF_FAIL
	}{
		"Mailu": {map[string]string{
			"local.d/policies_group.conf":   files["mailu/policies_group.conf"],
			"local.d/milter_headers.conf":   headers + `.include(try=true,priority=1,duplicate=merge) "DIR/overrides/milter_headers.conf"` + "\n",
			"overrides/milter_headers.conf": files["mailu/milter_headers.conf"],
		}, "", 0, 1},
		"mailcow": {map[string]string{
			"data/conf/rspamd/local.d/policies_group.conf": `symbols = {
    "R_SPF_FAIL" {
        weight = 8.0;
    }
    "DMARC_POLICY_REJECT" {
        weight = 16.0;
    }
    "DMARC_POLICY_QUARANTINE" {
        weight = 8.0;
    }
}
`,
			"local.d/milter_headers.conf":    headers,
			"override.d/milter_headers.conf": files["mailcow/milter_headers.conf"],
		}, files["mailcow/scores.sh"] + "\nmv data/conf/rspamd/local.d/* local.d/", 0.01, 8},
		"Modoboa": {map[string]string{"local.d/milter_headers.conf": headers, "override.d/absent": ""}, modoboaRspamd(t, files["modoboa.sh"]), 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			tc.files["rspamd.conf"], tc.files["scores.conf"] = theirs, scores
			for file, text := range tc.files {
				path := filepath.Join(dir, file)
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(strings.ReplaceAll(text, "DIR", dir)), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			script := exec.CommandContext(t.Context(), "sh", "-ec", "docker() { :; }\n"+strings.ReplaceAll(tc.script, "/etc/rspamd", dir))
			script.Dir = dir
			if out, err := script.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			out, err := exec.CommandContext(t.Context(), rspamadm, "configdump", "-j", "-c", filepath.Join(dir, "rspamd.conf")).Output()
			if err != nil {
				t.Fatalf("rspamadm: %v\n%s", err, out)
			}
			var c struct {
				Group map[string]struct {
					Symbols map[string]struct{ Weight float64 }
				}
				Headers struct {
					Use      []string
					Routines map[string]struct{ Header string }
				} `json:"milter_headers"`
			}
			if err := json.Unmarshal(out, &c); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			symbols := c.Group["policies"].Symbols
			for symbol, want := range map[string]float64{"DMARC_POLICY_REJECT": tc.weight, "DMARC_POLICY_QUARANTINE": tc.weight, "DMARC_POLICY_ALLOW": -0.5, "R_SPF_FAIL": tc.spf} {
				if got, ok := symbols[symbol]; !ok || got.Weight != want {
					t.Errorf("%s weighs %v (%v), want %v", symbol, got.Weight, ok, want)
				}
			}
			for _, routine := range c.Headers.Use {
				if header := c.Headers.Routines[routine].Header; routine == "authentication-results" && (header == "" || strings.EqualFold(header, routine)) {
					t.Errorf("Rspamd writes Authentication-Results too:\n%s", out)
				}
			}
		})
	}
}

// modoboaRspamd returns the lines of a script that write files of Rspamd.
func modoboaRspamd(t *testing.T, script string) string {
	t.Helper()
	m := regexp.MustCompile(`(?s)\tfor symbol in .*?override\.d/milter_headers\.conf\n`).FindString(script)
	if m == "" {
		t.Fatal("modoboa.sh writes no file of Rspamd")
	}
	return m
}
