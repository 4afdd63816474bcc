package mailbox

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// put writes files below a folder.
func put(t testing.TB, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	put(t, dir, map[string]string{"b": "", "a/c": "", "a/c.envelope": "", ".hidden": "", ".d/e": "", "a/.f": "", "f": ""})
	if err := os.Symlink("f", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	// A file that is named twice is one message.
	files, err := Files([]string{dir, filepath.Join(dir, "a/.f"), filepath.Join(dir, "a"), filepath.Join(dir, "b")})
	if err != nil {
		t.Fatal(err)
	}
	for i := range files {
		files[i] = strings.TrimPrefix(files[i], dir+"/")
	}
	if d := cmp.Diff([]string{"a/.f", "a/c", "b", "f"}, files); d != "" {
		t.Error(d)
	}
	if _, err := Files([]string{filepath.Join(dir, "absent")}); err == nil {
		t.Error("a name that does not exist")
	}
	// A directory may be named by a link.
	link := filepath.Join(t.TempDir(), "box")
	if err := os.Symlink(filepath.Join(dir, "a"), link); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{link, link + "/"} {
		if files, err := Files([]string{name}); err != nil || len(files) != 1 || files[0] != link+"/c" {
			t.Errorf("%s: %q, %v", name, files, err)
		}
	}
}
