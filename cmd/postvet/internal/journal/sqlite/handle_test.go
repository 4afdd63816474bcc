//go:build (darwin && (amd64 || arm64)) || (freebsd && (amd64 || arm64)) || (linux && (386 || amd64 || arm || arm64 || loong64 || ppc64le || riscv64 || s390x)) || (netbsd && amd64) || (openbsd && (amd64 || arm64))

package sqlite

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestHandle sets each kind of value after each other one, and reads what a row has then.
func TestHandle(t *testing.T) {
	t.Parallel()
	c, err := openConnection(filepath.Join(t.TempDir(), "x.db"), 4096)
	must(t, err)
	defer func() { must(t, c.close()) }()
	must(t, c.exec("CREATE TABLE x (id INTEGER PRIMARY KEY, a, b)"))
	s, rest, err := c.prepare("INSERT OR IGNORE INTO x VALUES (?, ?, ?); SELECT 1")
	if err != nil || rest != " SELECT 1" {
		t.Fatalf("prepare: %q, %v", rest, err)
	}
	defer s.close()
	long := strings.Repeat("x", maxStatic)
	values := []any{nil, int64(7), int64(-1 << 63), "", "text", "texts", "a\x00b", []byte{}, []byte("text"), []byte{0, 0xff}, long, []byte(long), long + "y", long + "z", []byte(long + "y")}
	set := func(i int, v any) {
		if v == nil {
			s.setNull(i)
			return
		}
		s.set(i, v)
	}
	id := int64(0)
	for _, first := range values {
		for _, second := range values {
			for _, v := range []any{first, second} {
				id++
				s.setInt(0, id)
				set(1, v)
				set(2, second)
				if added, err := s.insert(); !added || err != nil {
					t.Fatalf("insert: %t, %v", added, err)
				}
				if n, err := c.number(fmt.Sprintf("SELECT a IS %s AND b IS %s AND coalesce(length(CAST(a AS BLOB)), 0) = %d FROM x WHERE id = %d", literal(v), literal(second), lengthOf(v), id)); n != 1 || err != nil {
					t.Errorf("after %T %.10q %T %.10q: %d, %v", first, first, second, second, n, err)
				}
			}
		}
	}
	if added, err := s.insert(); added || err != nil {
		t.Errorf("a row that is there was added: %t, %v", added, err)
	}
}

// literal returns a value in SQL.
func literal(v any) string {
	switch v := v.(type) {
	case int64:
		return fmt.Sprintf("(%d)", v)
	case string:
		return fmt.Sprintf("CAST(x'%x' AS TEXT)", v)
	case []byte:
		return fmt.Sprintf("x'%x'", v)
	}
	return "NULL"
}

func lengthOf(v any) int {
	switch v := v.(type) {
	case int64:
		return len(fmt.Sprint(v))
	case string:
		return len(v)
	case []byte:
		return len(v)
	}
	return 0
}

func TestHandleErrors(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, err := openHandle(filepath.Join(dir, "no", "x.db")); codeOf(err) != 14 {
		t.Errorf("a directory that is not there: %v", err)
	}
	text := filepath.Join(dir, "text.db")
	must(t, os.WriteFile(text, bytes.Repeat([]byte("no database\n"), 1000), 0o600))
	if _, err := openConnection(text, 4096); !isDamage(err) {
		t.Errorf("a file that is no database: %v", err)
	}
	c, err := openConnection(filepath.Join(dir, "x.db"), 4096)
	must(t, err)
	for _, x := range [][2]string{
		{"", ""},
		{"-- nothing", ""},
		{"SELECT", "incomplete input (1)"},
		{"CREATE TABLE x (a); SELECT b", "no such column: b (1)"},
		{"INSERT INTO x VALUES (1, 2)", "table x has 1 columns but 2 values were supplied (1)"},
		{"INSERT INTO y SELECT 1; SELECT 1", "no such table: y (1)"},
	} {
		if err := c.exec(x[0]); x[1] == "" && err != nil || x[1] != "" && (err == nil || err.Error() != x[1]) {
			t.Errorf("%q: %v, want %s", x[0], err, x[1])
		}
	}
	if err := c.exec("SELECT ?", 1.5); err == nil || !strings.Contains(err.Error(), "float64") {
		t.Errorf("a number with a fraction: %v", err)
	}
	if n, err := c.number("SELECT 0 WHERE 0; SELECT 5; SELECT 6"); n != 5 || err != nil {
		t.Errorf("the first number: %d, %v", n, err)
	}
	must(t, c.close())
}
