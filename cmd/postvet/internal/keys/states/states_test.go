package states

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var (
	id   = ID("abc", name)
	noon = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
)

const name = "s1._domainkey.example.org"

func open(t *testing.T, file string) *States {
	t.Helper()
	s, err := Open(file)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func get(t *testing.T, s *States, id string) Key {
	t.Helper()
	k, _ := s.Get(id)
	return k
}

// TestNotes: what messages tell holds at once, and after a restart.
func TestNotes(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "keys.json")
	s := open(t, file)
	if err := s.Save(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(file); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("nothing was to be written, %v", err)
	}
	s.Found(id, name, "rsa")
	if k := get(t, s, id); k.Now() != Pending || k.Domain() != "example.org" || k.Selector() != "s1" {
		t.Errorf("%+v", k)
	}
	s.Shown(id, name, noon)
	want := Key{Name: name, Type: "rsa", Published: noon, Signed: noon.Truncate(24 * time.Hour)}
	if d := cmp.Diff(want, get(t, s, id)); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if err := s.Save(); err != nil {
		t.Fatal(err)
	}
	if k := get(t, open(t, file), id); k.Now() != Active || !k.Published.Equal(noon) {
		t.Errorf("after a restart: %+v", k)
	}
	// That a key signs is written by the day, and not at once.
	s.Shown(id, name, noon.Add(time.Hour))
	s.Shown(id, name, noon.Add(24*time.Hour))
	if err := s.Save(); err != nil {
		t.Fatal(err)
	}
	if k := get(t, open(t, file), id); !k.Signed.Equal(noon.Truncate(24 * time.Hour)) {
		t.Errorf("written at once: %+v", k)
	}
	if entries(t, filepath.Dir(file)) != "keys.json keys.json.lock" {
		t.Errorf("files: %s", entries(t, filepath.Dir(file)))
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

func entries(t *testing.T, dir string) string {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range list {
		names = append(names, e.Name())
	}
	return strings.Join(names, " ")
}

// TestBadFiles: a file that cannot be read is an error, is not replaced, and keeps nobody
// from signing.
func TestBadFiles(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "keys.json")
	for name, text := range map[string]string{"empty": "", "not JSON": "x", "another version": `{"version":2}`, "a list": "[]"} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := Open(file)
		if err == nil || len(s.Known()) > 0 || !strings.Contains(err.Error(), "not a file of key states; move it away to begin anew") {
			t.Errorf("%s: %v", name, err)
		}
		s.Shown(id, "n", noon)
		if err := s.Save(); err == nil || get(t, s, id).Now() != Active {
			t.Errorf("%s: saved, %v", name, err)
		}
		if now, err := os.ReadFile(file); err != nil || string(now) != text {
			t.Errorf("%s: replaced by %q", name, now)
		}
	}
	s := open(t, filepath.Join(t.TempDir(), "none", "keys.json"))
	s.Shown(id, "n", noon)
	for range 2 { // a failed write is tried again
		if err := s.Save(); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("no directory: %v", err)
		}
		time.Sleep(2 * perKey)
	}
}

// TestOldFile reads a file of the first version, which knew one name for a key.
func TestOldFile(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "keys.json")
	old := `{"version": 1, "keys": {"abc": {"name": "s1._domainkey.example.org", "published": "2026-11-29T12:00:00Z"}}}`
	if err := os.WriteFile(file, []byte(old), 0o600); err != nil {
		t.Fatal(err)
	}
	if k := get(t, open(t, file), id); k.Now() != Active || k.Name != name {
		t.Errorf("%+v", k)
	}
}

// TestTwoProcesses changes one file from many at the same time; no change is lost, and each
// sees what the others have done.
func TestTwoProcesses(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "keys.json")
	all := make([]*States, 4)
	for i := range all {
		all[i] = open(t, file)
	}
	var wg sync.WaitGroup
	for i, s := range all {
		wg.Go(func() {
			for j := range 20 {
				own := fmt.Sprintf("%d-%d", i, j)
				s.Shown(ID(own, own), own, noon)
				err := s.Update(func(known map[string]Key) {
					known["count/"] = Key{Name: "count", Waited: known["count/"].Waited + 1}
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	for _, s := range all {
		if err := s.Refresh(); err != nil {
			t.Fatal(err)
		}
		if known := s.Known(); len(known) != 81 || known["count/"].Waited != 80 {
			t.Errorf("%d keys, %d changes", len(known), known["count/"].Waited)
		}
	}
}

// TestAlone: one process moves keys, and another takes over when it ends.
func TestAlone(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "keys.json")
	first, second := open(t, file), open(t, file)
	release, alone, err := first.Alone()
	if err != nil || !alone {
		t.Fatal(alone, err)
	}
	if _, alone, err := second.Alone(); err != nil || alone {
		t.Errorf("both: %v, %v", alone, err)
	}
	release()
	release, alone, err = second.Alone()
	if err != nil || !alone {
		t.Errorf("not taken over: %v, %v", alone, err)
	}
	release()
}

// TestOwner: what root writes belongs to the owner of the directory, which is the service.
func TestOwner(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root can give files away")
	}
	dir := t.TempDir()
	if err := os.Chown(dir, 65534, 65534); err != nil {
		t.Fatal(err)
	}
	s := open(t, filepath.Join(dir, "keys.json"))
	for range 2 { // new, and in the place of the old one
		if err := s.Update(func(known map[string]Key) { known[id] = Key{Name: name} }); err != nil {
			t.Fatal(err)
		}
		for _, file := range strings.Fields(entries(t, dir)) {
			info, err := os.Stat(filepath.Join(dir, file))
			if err != nil {
				t.Fatal(err)
			}
			if st := info.Sys().(*syscall.Stat_t); st.Uid != 65534 || st.Gid != 65534 {
				t.Errorf("%s belongs to %d:%d", file, st.Uid, st.Gid)
			}
		}
	}
}

// TestLockIsALink: a link in the directory of the service does not make root give a file of
// somebody else to the service.
func TestLockIsALink(t *testing.T) {
	t.Parallel()
	for name, link := range map[string]func(old, new string) error{"symbolic": os.Symlink, "hard": os.Link} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			other := filepath.Join(dir, "other")
			if err := os.WriteFile(other, []byte("of root"), 0o600); err != nil {
				t.Fatal(err)
			}
			theirs := filepath.Join(dir, "state")
			if err := os.Mkdir(theirs, 0o750); err != nil {
				t.Fatal(err)
			}
			if os.Geteuid() == 0 {
				if err := os.Chown(theirs, 65534, 65534); err != nil {
					t.Fatal(err)
				}
			}
			file := filepath.Join(theirs, "keys.json")
			if err := link(other, file+".lock"); err != nil {
				t.Fatal(err)
			}
			s := open(t, file)
			if err := s.Update(func(known map[string]Key) { known[id] = Key{Name: name} }); err == nil {
				t.Error("the lock was taken")
			}
			info, err := os.Stat(other)
			if err != nil {
				t.Fatal(err)
			}
			if st := info.Sys().(*syscall.Stat_t); int(st.Uid) != os.Geteuid() {
				t.Errorf("the other file belongs to %d", st.Uid)
			}
		})
	}
}

const childKey = "POSTVET_TEST_STATES"

// TestMain writes states without end if it is the process that TestKilled kills.
func TestMain(m *testing.M) {
	if file := os.Getenv(childKey); file != "" {
		s, err := Open(file)
		for i := 0; err == nil; i++ {
			err = s.Update(func(known map[string]Key) {
				for j := range 200 { // all of them say the same number
					n := strconv.Itoa(j)
					known[ID(n, n)] = Key{Name: n, Waited: time.Duration(i)}
				}
			})
		}
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// TestKilled kills a process in the middle of its changes, many times. The file is always
// the one from before a change or from after it, and the lock is free.
func TestKilled(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "keys.json")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for i := range 15 {
		cmd := exec.Command(self)
		cmd.Env = append(os.Environ(), childKey+"="+file)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		for end := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) { // it has begun
			if info, err := os.Stat(file); err == nil && info.Size() > 0 || time.Now().After(end) {
				break
			}
		}
		time.Sleep(time.Duration(7*i) * time.Millisecond)
		_ = cmd.Process.Signal(syscall.SIGKILL)
		_ = cmd.Wait()
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var c content
		if err := json.Unmarshal(data, &c); err != nil {
			t.Fatalf("kill %d: %v", i, err)
		}
		var numbers []time.Duration
		for _, k := range c.Keys {
			numbers = append(numbers, k.Waited)
		}
		if len(numbers) != 200 || slices.Min(numbers) != slices.Max(numbers) {
			t.Fatalf("kill %d: half a change, %d keys", i, len(numbers))
		}
		s := open(t, file)
		if err := s.Update(func(known map[string]Key) { clear(known) }); err != nil {
			t.Fatalf("kill %d: %v", i, err)
		}
		if got := entries(t, filepath.Dir(file)); got != "keys.json keys.json.lock" {
			t.Fatalf("kill %d: files %s", i, got)
		}
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
	}
}
