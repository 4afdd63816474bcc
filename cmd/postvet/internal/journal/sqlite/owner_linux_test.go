package sqlite

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// TestOpenOrMake: a database that root makes in the directory of the service belongs to the
// service, with the files beside it.
func TestOpenOrMake(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	const uid, gid = 65534, 65534
	for _, tc := range []struct {
		name string
		uid  uint32
	}{{"of the service", uid}, {"of root", 0}} {
		dir := t.TempDir()
		if tc.uid != 0 {
			if err := os.Chown(dir, uid, gid); err != nil {
				t.Fatal(err)
			}
		}
		db, err := OpenShared(filepath.Join(dir, "reports.db"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := db.ExecContext(t.Context(), "CREATE TABLE t (a)"); err != nil {
			t.Fatal(err)
		}
		all, err := os.ReadDir(dir)
		if err != nil || len(all) < 3 {
			t.Fatal(all, err)
		}
		for _, e := range all {
			info, err := e.Info()
			if err != nil {
				t.Fatal(err)
			}
			if st := info.Sys().(*syscall.Stat_t); st.Uid != tc.uid {
				t.Errorf("%s: %s is of user %d", tc.name, e.Name(), st.Uid)
			}
		}
		db.Close()
	}
}

// TestOpenOrMakeLink: the user of the service cannot have root give it another file.
func TestOpenOrMakeLink(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	dir, other := t.TempDir(), filepath.Join(t.TempDir(), "other")
	if err := os.WriteFile(other, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(dir, 65534, 65534); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, "reports.db.lock")
	if err := os.Symlink(other, link); err != nil {
		t.Fatal(err)
	}
	f, err := OpenOrMake(link)
	if err == nil {
		f.Close()
	}
	info, err := os.Stat(other)
	if err != nil {
		t.Fatal(err)
	}
	if st := info.Sys().(*syscall.Stat_t); st.Uid != 0 {
		t.Errorf("given to user %d", st.Uid)
	}
}
