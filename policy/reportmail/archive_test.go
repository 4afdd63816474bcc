package reportmail_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/postvet/postvet/policy/reportmail"
)

// TestManyMembers: files of an archive that are not looked at are an error, as they may be
// reports; those before them are read.
func TestManyMembers(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]error{10: nil, 11: reportmail.ErrTooManyMembers, 300: reportmail.ErrTooManyMembers} {
		var files []string
		for i := range n {
			files = append(files, fmt.Sprintf("%d.xml", i), xmlText)
		}
		archive := zipped(t, files...)
		for _, input := range []string{archive, mail("Content-Type: application/zip\r\nContent-Transfer-Encoding: base64\r\n\r\n" + b64(archive))} {
			if found, _, err := search(strings.NewReader(input)); !errors.Is(err, want) || len(found) != 10 {
				t.Errorf("%d files: %d documents, %v, want %v", n, len(found), err, want)
			}
		}
	}
}

// TestCutOff: a gzip file that ends early says so.
func TestCutOff(t *testing.T) {
	t.Parallel()
	whole := gz(t, xmlText)
	for _, n := range []int{len(whole) - 1, len(whole) - 6, len(whole) / 2} {
		if found, _, err := search(strings.NewReader(whole[:n])); !strings.Contains(fmt.Sprint(found, err), "the gzip file is cut off") {
			t.Errorf("%d octets: %q, %v", n, found, err)
		}
	}
}
