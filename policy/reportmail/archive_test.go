package reportmail_test

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"slices"
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

// TestBrokenMember: a file of an archive that cannot be opened is an error, as it may be a
// report; the others are read.
func TestBrokenMember(t *testing.T) {
	t.Parallel()
	archive := []byte(zipped(t, "a.xml", xmlText, "b.xml", xmlText, "c.xml", xmlText))
	const method, inDirectory = 8, 10 // where the headers have the method
	for _, h := range []struct {
		begin string
		at    int
	}{{"PK\x03\x04", method}, {"PK\x01\x02", inDirectory}} {
		first := bytes.Index(archive, []byte(h.begin))
		second := first + 4 + bytes.Index(archive[first+4:], []byte(h.begin))
		archive[second+h.at] = 99 // encrypted by AES
	}
	found, _, err := search(bytes.NewReader(archive))
	if want := []string{"xml [zip member a.xml] ok", "xml [zip member c.xml] ok"}; !slices.Equal(found, want) {
		t.Errorf("%q, want %q", found, want)
	}
	if !errors.Is(err, zip.ErrAlgorithm) || !strings.Contains(fmt.Sprint(err), "b.xml in the zip archive cannot be read: ") {
		t.Error(err)
	}
}
