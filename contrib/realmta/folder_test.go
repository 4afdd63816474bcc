//go:build linux

package realmta

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestSweep makes a folder beside others.
func TestSweep(t *testing.T) {
	t.Parallel()
	parent := t.TempDir()
	mine, err := makeFolder(parent, "pf")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{
		"postvet-sm-1/" + lockName, "postvet-sm-1/queue/message", // its maker is gone
		"postvet-pf-2/spool/message", // never had one, or an older one
		"postfix/" + lockName,        // not ours
	} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(parent, file)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(parent, file), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	second, err := makeFolder(parent, "site")
	if err != nil {
		t.Fatal(err)
	}
	entries := func() map[string]bool {
		t.Helper()
		list, err := os.ReadDir(parent)
		if err != nil {
			t.Fatal(err)
		}
		names := map[string]bool{}
		for _, e := range list {
			names[e.Name()] = true
		}
		return names
	}
	want := map[string]bool{filepath.Base(mine): true, filepath.Base(second): true, "postvet-pf-2": true, "postfix": true}
	if diff := cmp.Diff(want, entries()); diff != "" {
		t.Errorf("folders (-want +got):\n%s", diff)
	}
	for _, dir := range []string{mine, second, second} {
		if err := removeFolder(dir); err != nil {
			t.Error(err)
		}
		delete(want, filepath.Base(dir))
	}
	if diff := cmp.Diff(want, entries()); diff != "" {
		t.Errorf("folders after their removal (-want +got):\n%s", diff)
	}
}
