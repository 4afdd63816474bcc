package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/postvet/postvet/cmd/postvet/internal/journal"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/sqlite"
	"github.com/postvet/postvet/policy/result"
)

// TestJournalExportParquet exports the days that are over, each once, and reads them back.
func TestJournalExportParquet(t *testing.T) {
	t.Parallel()
	dir, to := filepath.Join(t.TempDir(), "journal"), filepath.Join(t.TempDir(), "warehouse")
	store, err := sqlite.Open(sqlite.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	recorder := journal.NewRecorder(journal.Options{Level: rows.Hashed, Store: store, Every: time.Hour})
	var refs result.References
	withinDay(t, time.Minute)
	today := time.Now().UTC().Truncate(24 * time.Hour)
	want := map[string]map[string]string{} // by file, the authors by reference
	for day := range 3 {
		for i := range 10 {
			at := today.Add(time.Duration(-day)*24*time.Hour + time.Duration(i)*time.Second)
			res := &result.Results{MailFrom: "ann@one.example", Recipients: []string{"bob@two.example"}}
			res.Author.Domain = "=cmd|.example\x1b[2J"
			v := result.Verdict{Action: result.Reject, Intended: result.Reject, Code: "550 5.7.26", Rule: "dmarc-reject"}
			class := "rest"
			if i%2 == 0 {
				v, class = result.Verdict{Action: result.Accept, Intended: result.Accept, Rule: "dmarc-pass"}, "accepted"
			}
			row := rows.Row{Ref: refs.Next(at), Queue: "4XkZ1t2q3nz9Vx", Recipients: 1, Results: res, Verdict: &v}
			recorder.Add(&row)
			if day > 0 {
				file := at.Format(time.DateOnly) + "." + class + ".parquet"
				if want[file] == nil {
					want[file] = map[string]string{}
				}
				want[file][row.Ref.String()] = "=cmd|.example?[2J"
			}
		}
	}
	recorder.Close(context.Background())
	args := []string{"journal", "export", "--format", "parquet", "--to", to, "--journal", dir}
	if code, out, errOut := runIn(t, args...); code != exitDone || out != "20 messages in 4 files written, 0 files there already\n" {
		t.Fatalf("%d: %s%s", code, out, errOut)
	}
	files, err := os.ReadDir(to)
	if err != nil || len(files) != len(want) {
		t.Fatalf("%v, %v", files, err)
	}
	for _, f := range files {
		if info, err := f.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", f.Name(), info.Mode(), err)
		}
		lines, err := parquet.ReadFile[struct {
			Ref    int64  `parquet:"ref"`
			At     int64  `parquet:"at,timestamp(millisecond)"`
			Author string `parquet:"author,optional"`
			Queue  string `parquet:"queue,optional"`
			Key    int64  `parquet:"mail_from_key,optional"`
		}](filepath.Join(to, f.Name()))
		if err != nil || len(lines) != len(want[f.Name()]) {
			t.Fatalf("%s: %d rows, want %d, %v", f.Name(), len(lines), len(want[f.Name()]), err)
		}
		for _, l := range lines {
			ref := result.Reference(l.Ref)
			if l.Author != want[f.Name()][ref.String()] || l.Queue != "4XkZ1t2q3nz9Vx" || l.Key == 0 || l.At != ref.Time().UnixMilli() {
				t.Errorf("%s: %+v", f.Name(), l)
			}
		}
	}
	if code, out, _ := runIn(t, append(args, "--since", "2d")...); code != exitDone || out != "0 messages in 0 files written, 4 files there already\n" {
		t.Errorf("a second time: %d: %s", code, out)
	}

	// A file that cannot be read is named, the others are written, and nothing half is left.
	bad := filepath.Join(dir, today.Add(-24*time.Hour).Format(time.DateOnly)+".rest.db")
	if err := os.WriteFile(bad, []byte("this is no database, but long enough to be taken for one"), 0o600); err != nil {
		t.Fatal(err)
	}
	args[5] = filepath.Join(t.TempDir(), "other")
	code, out, errOut := runIn(t, args...)
	if code != exitFailed || !strings.HasPrefix(out, "15 messages in 3 files written") || !strings.Contains(errOut, filepath.Base(bad)+": ") {
		t.Errorf("a damaged day: %d: %s%s", code, out, errOut)
	}
	if left, _ := filepath.Glob(filepath.Join(args[5], "*.new")); len(left) > 0 {
		t.Errorf("%v are left", left)
	}
	for _, more := range [][]string{{"--domain", "one.example"}, {"--csv"}, {"--format", "xml"}, {"--to", ""}} {
		if code, _, errOut := runIn(t, append(args, more...)...); code != exitUsage {
			t.Errorf("%q: %d: %s", more, code, errOut)
		}
	}
}
