package main_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	docLink   = regexp.MustCompile(`\]\(([^)#]+)[^)]*\)`)
	docCode   = regexp.MustCompile("`([^`\n]+)`|(?m:^    (.+)$)")
	docPath   = regexp.MustCompile(`^(?:\./)?((?:cmd|contrib|dnscache|filter|policy|\.ci|\.github)/[\w./*-]+)$`)
	docTarget = regexp.MustCompile(`\bmake ([a-z-]+)`)
	docTest   = regexp.MustCompile(`\b(?:Test|Fuzz|Benchmark|Example)[A-Z]\w*`)
	testFunc  = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Benchmark|Example)\w*)\(`)
	makeRule  = regexp.MustCompile(`(?m)^([a-z-]+):`)
)

// TestDocuments looks up what the documents name: files, the Makefile's targets
// and tests.
func TestDocuments(t *testing.T) {
	t.Parallel()
	root := filepath.Join("..", "..")
	targets := allMatches(t, makeRule, filepath.Join(root, "Makefile"))
	tests := testFunctions(t, root)
	for _, doc := range []string{"README.md", ".github/CONTRIBUTING.md", ".github/SECURITY.md", "contrib/monitoring/LOGS.md", "contrib/release/INSTALL.md"} {
		b, err := os.ReadFile(filepath.Join(root, doc))
		if err != nil {
			t.Error(err)
			continue
		}
		for _, m := range docLink.FindAllStringSubmatch(string(b), -1) {
			if file := m[1]; !strings.Contains(file, "://") && !exists(filepath.Join(root, filepath.Dir(doc), file)) {
				t.Errorf("%s links to %s, which does not exist", doc, file)
			}
		}
		for _, m := range docCode.FindAllStringSubmatch(string(b), -1) {
			code := m[1] + m[2]
			for _, word := range strings.Fields(code) {
				if p := docPath.FindStringSubmatch(word); p != nil && !strings.Contains(word, "...") && !exists(filepath.Join(root, p[1])) {
					t.Errorf("%s names %s, which does not exist", doc, word)
				}
			}
			for _, target := range docTarget.FindAllStringSubmatch(code, -1) {
				if !slices.Contains(targets, target[1]) {
					t.Errorf("%s names make %s, which the Makefile does not have", doc, target[1])
				}
			}
			for _, name := range docTest.FindAllString(code, -1) {
				if !slices.ContainsFunc(tests, func(f string) bool { return strings.HasPrefix(f, name) }) {
					t.Errorf("%s names %s, which is no test", doc, name)
				}
			}
		}
	}
}

// exists reports whether a file is there, or one that a pattern with "*" fits.
func exists(pattern string) bool {
	found, err := filepath.Glob(pattern)
	return err == nil && len(found) > 0
}

// testFunctions returns the names of all tests, benchmarks and fuzz targets.
func testFunctions(t *testing.T, root string) []string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && strings.HasSuffix(file, "_test.go") {
			names = append(names, allMatches(t, testFunc, file)...)
		}
		return err
	})
	if err != nil || len(names) < 100 {
		t.Fatalf("only %d tests found (%v): the search is broken", len(names), err)
	}
	return names
}

// allMatches returns the first group of each match in a file.
func allMatches(t *testing.T, re *regexp.Regexp, file string) []string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, m := range re.FindAllStringSubmatch(string(b), -1) {
		found = append(found, m[1])
	}
	return found
}
