package policy_test

import (
	"bufio"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestSections finds sections of the standards that have no case of our own: in the
// tests of its package none has a name that begins with the section. "make conformance"
// runs the cases and counts them.
func TestSections(t *testing.T) {
	t.Parallel()
	f, err := os.Open("testdata/sections.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	texts := map[string]string{} // of the tests of a package
	n := 0
	for lines := bufio.NewScanner(f); lines.Scan(); {
		line := lines.Text()
		if strings.HasPrefix(line, "#") {
			continue
		}
		words := strings.SplitN(line, " ", 4)
		if len(words) < 4 {
			t.Fatalf("%q: want package, RFC, section and words", line)
		}
		folder, section := words[0], words[2]
		if section == "-" {
			section = words[1]
		}
		if texts[folder] == "" {
			texts[folder] = testsOf(t, folder)
		}
		// A name in Go or in YAML, or a section alone that a name is made of.
		name := regexp.MustCompile("(?:[\"`]|name: ['\"]?)" + regexp.QuoteMeta(section) + "[ \"]")
		if !name.MatchString(texts[folder]) {
			t.Errorf("RFC %s section %s (%s) has no case in policy/%s", words[1], words[2], words[3], folder)
		}
		n++
	}
	if n < 50 {
		t.Errorf("only %d sections: the file is not read", n)
	}
}

// testsOf returns the texts of the tests of a package and of their cases in files.
func testsOf(t *testing.T, folder string) string {
	t.Helper()
	var all strings.Builder
	for _, pattern := range []string{"*_test.go", "testdata/*.txtar"} {
		files, err := filepath.Glob(filepath.Join(folder, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			all.Write(b)
		}
	}
	return all.String()
}
