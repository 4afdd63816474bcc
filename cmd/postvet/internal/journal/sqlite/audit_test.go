package sqlite

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
)

func TestReadAudit(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if list, err := ReadAudit(dir, 10); err != nil || len(list) != 0 || list == nil {
		t.Errorf("without a file: %v, %v", list, err)
	}
	for i := range 5 {
		must(t, Audit(dir, Audited{UID: -1, Web: "ann", Do: "history", Query: &rows.Query{From: fmt.Sprintf("%d@example.org", i)}}))
	}
	file := filepath.Join(dir, auditName)
	f, err := os.OpenFile(file, os.O_APPEND|os.O_WRONLY, 0)
	must(t, err)
	_, err = f.WriteString("damage\n{\"at\":1}\n" + strings.Repeat("x", auditTail) + "\n")
	must(t, err)
	must(t, f.Close())
	must(t, Audit(dir, Audited{UID: 0, Do: "journal-forget", Query: &rows.Query{Domain: "example.net"}}))
	list, err := ReadAudit(dir, 10)
	if err != nil || len(list) != 1 || list[0].Query.Domain != "example.net" || list[0].Web != "" {
		t.Errorf("behind damage: %+v, %v", list, err)
	}
	must(t, os.Truncate(file, 900)) // what is left of the five and the damage
	if list, err = ReadAudit(dir, 2); err != nil || len(list) != 2 || list[0].Query.From != "4@example.org" || list[0].Web != "ann" {
		t.Errorf("the newest two: %+v, %v", list, err)
	}
	must(t, os.Remove(file))
	must(t, os.Mkdir(file, 0o700))
	if _, err := ReadAudit(dir, 2); err == nil {
		t.Error("a directory was read")
	}
}
