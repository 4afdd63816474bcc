package sqlite

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

// TestState begins the state file, or sets aside one that cannot be used.
func TestState(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct {
		spoil func(t *testing.T, path string)
		aside string // what the file is called afterwards
	}{
		"none":  {func(*testing.T, string) {}, ""},
		"empty": {func(t *testing.T, path string) { must(t, os.WriteFile(path, nil, 0o600)) }, ""},
		"ours": {func(t *testing.T, path string) {
			st, err := openState(filepath.Dir(path))
			must(t, err)
			must(t, st.close())
		}, ""},
		"text": {func(t *testing.T, path string) {
			must(t, os.WriteFile(path, []byte(strings.Repeat("this is no database\n", 1000)), 0o600))
		}, "damaged"},
		"torn": {func(t *testing.T, path string) {
			st, err := openState(filepath.Dir(path))
			must(t, err)
			must(t, st.close())
			must(t, os.Truncate(path, 8192+7))
		}, "damaged"},
		"other tables": {func(t *testing.T, path string) { sqlExec(t, path, "CREATE TABLE hour (a, b)") }, "damaged"},
		"newer":        {func(t *testing.T, path string) { sqlExec(t, path, "PRAGMA user_version = 1000") }, "newer"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			path := stateFile(dir).path
			x.spoil(t, path)
			core, logs := observer.New(zap.ErrorLevel)
			s, err := Open(Options{Dir: dir, Logger: zap.New(core)})
			must(t, err)
			insert := func(st *state) error { return st.exec("INSERT INTO recent (at, octets) VALUES (1, 'a')") }
			if err := s.inState(insert); err != nil { // a use may find out, and then the next one works
				must(t, s.inState(insert))
			}
			must(t, s.Close())
			db, err := openStateReader(t.Context(), dir)
			must(t, err)
			defer db.Close()
			var n int
			must(t, db.QueryRow("SELECT count(*) FROM recent").Scan(&n))
			aside, _ := filepath.Glob(path + ".*-1")
			if n != 1 || logs.Len() != len(aside) || (x.aside == "") != (len(aside) == 0) {
				t.Errorf("%d rows, set aside %v, log %v", n, aside, logs.All())
			}
			if x.aside != "" && filepath.Base(aside[0]) != "state.db."+x.aside+"-1" {
				t.Errorf("set aside as %s", aside[0])
			}
			if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("mode %v, %v", info.Mode(), err)
			}
		})
	}
}

// TestStateSteps does the steps that a file lacks, each as a whole.
func TestStateSteps(t *testing.T) {
	t.Parallel()
	st, err := openState(t.TempDir())
	must(t, err)
	defer st.close()
	steps := append(migrations[:len(migrations):len(migrations)], "CREATE TABLE more (a)", "CREATE TABLE last (a); CREATE TABLE more (a)")
	if err := st.migrate(steps); err == nil || errors.Is(err, errDamaged) {
		t.Errorf("a step that fails: %v", err)
	}
	if n, err := st.number("SELECT count(*) FROM sqlite_schema WHERE name IN ('more', 'last')"); n != 1 || err != nil {
		t.Errorf("%d tables of the steps, %v, want that of the first one", n, err)
	}
	if n, err := st.number("PRAGMA user_version"); n != int64(len(migrations))+1 || err != nil {
		t.Errorf("version %d, %v", n, err)
	}
	if err := st.migrate(migrations); !errors.Is(err, errNewer) {
		t.Errorf("a file with more steps: %v", err)
	}
}

// TestStateReader has nothing to read before the service has begun the file.
func TestStateReader(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for range 2 {
		if _, err := openStateReader(t.Context(), dir); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("a directory without counts: %v", err)
		}
		must(t, os.WriteFile(stateFile(dir).path, nil, 0o600))
	}
}

// TestStateRollsBack shows that a transaction leaves nothing if it fails.
func TestStateRollsBack(t *testing.T) {
	t.Parallel()
	s, err := Open(Options{Dir: t.TempDir()})
	must(t, err)
	failed := errors.New("failed")
	err = s.inState(func(st *state) error {
		must(t, st.exec("INSERT INTO recent (at, octets) VALUES (1, 'a')"))
		return failed
	})
	if !errors.Is(err, failed) {
		t.Error(err)
	}
	must(t, s.inState(func(st *state) error {
		if n, err := st.number("SELECT count(*) FROM recent"); n != 0 || err != nil {
			t.Errorf("%d rows are left of a transaction that failed, %v", n, err)
		}
		return nil
	}))
	must(t, s.Close())
}
