//go:build linux

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// ownReports plays the cases through Postvet, which counts them, and returns the documents
// as it would send them after midnight.
func ownReports(t *testing.T, bin string, cases []Case) []string {
	t.Helper()
	run := played(t, bin, cases, func(p *place) ([]program, error) {
		conf := fmt.Sprintf("listen = [\"unix:%s\"]\nauthserv_id = \"mx.test.example\"\n[dns]\nresolvers = [\"127.0.0.1:53\"]\n"+
			"[report]\ncollect = true\ndirectory = %q\nsubmitter = \"test.example\"\norg_name = \"Test\"\nemail = \"dmarc@test.example\"\n", p.socket("postvet"), p.dir)
		name := filepath.Join(p.dir, "postvet.toml")
		return []program{{[]string{p.bin + "/postvet", "serve", "--config", name}, p.socket("postvet")}}, os.WriteFile(name, []byte(conf), 0o644)
	})
	defer run.stop()
	postvet := func(args ...string) string {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, bin+"/postvet", append(append([]string{"report"}, args...), "--config", run.dir+"/postvet.toml")...)
		cmd.Dir = run.dir
		out, _ := cmd.Output() // at first there is nothing, which the exit code says
		return string(out)
	}
	want := expectedReports(cases).sum().messages
	var domains []string
	for end := time.Now().Add(2 * time.Minute); ; time.Sleep(100 * time.Millisecond) {
		domains = nil
		counted := int64(0)
		for line := range strings.Lines(postvet("list", "--json", "--state", "open", "--limit", "0")) {
			var row struct {
				Domain   string
				Messages int64
			}
			if err := json.Unmarshal([]byte(line), &row); err != nil {
				t.Fatalf("%v: %s", err, line)
			}
			domains = append(domains, row.Domain)
			counted += row.Messages
		}
		if counted == want {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("%d messages were counted, want %d", counted, want)
		}
	}
	var documents []string
	for _, d := range domains {
		documents = append(documents, postvet("preview", d, "--xml"))
	}
	return documents
}
