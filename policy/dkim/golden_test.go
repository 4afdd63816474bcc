package dkim

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/postvet/postvet/dnscache/dnstest"
)

var update = flag.Bool("update", false, "rewrite the results in testdata")

var goldenTime = regexp.MustCompile(`(?m)^time: (\d+)$`)

// TestGolden verifies the messages of testdata. Each file has the time, the zone,
// the message (with LF for CRLF) and the results as JSON.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "*.txtar"))
	if err != nil || len(files) < 12 {
		t.Fatalf("%d files in testdata, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			part := map[string]string{}
			for _, f := range a.Files {
				part[f.Name] = string(f.Data)
			}
			m := goldenTime.FindSubmatch(a.Comment)
			if m == nil {
				t.Fatal("no time in the comment")
			}
			clock, err := strconv.ParseInt(string(m[1]), 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			_, r := dnstest.Start(t, part["zone"])
			mail := strings.ReplaceAll(part["message"], "\n", "\r\n")
			got := verify(r, mail, Options{Now: func() time.Time { return time.Unix(clock, 0) }})
			text, err := json.MarshalIndent(got, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			if *update {
				a.Files[len(a.Files)-1].Data = append(text, '\n')
				if err := os.WriteFile(file, txtar.Format(a), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			var want []Result
			if err := json.Unmarshal([]byte(part["want"]), &want); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}
