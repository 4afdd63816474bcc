package main_test

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestReadmeMap compares the map in the README with the packages that exist.
func TestReadmeMap(t *testing.T) {
	t.Parallel()
	found, _, err := readModule(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	readme, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	named, err := readMap(string(readme))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(found, named); diff != "" {
		t.Errorf("the README's map does not name the packages that exist (-packages +map):\n%s", diff)
	}
}

var (
	mapSection = regexp.MustCompile("(?s)\n## Map\n.*?\n```\n(.*?)```\n")
	mapLine    = regexp.MustCompile(`^( *)(\S+(?: \S+)*?)(?:  +\S.*)?$`)
)

// readMap returns the packages that the README's map names, sorted. A line has
// names and, after two spaces or more, a text. Lines that are indented deeper
// name what is below its first name. A name that ends in "/" is a folder without
// a package.
func readMap(readme string) ([]string, error) {
	section := mapSection.FindStringSubmatch(readme)
	if section == nil {
		return nil, fmt.Errorf("the README has no section Map with a block")
	}
	type folder struct {
		indent int
		path   string
	}
	var above []folder
	var named []string
	for line := range strings.Lines(section[1]) {
		m := mapLine.FindStringSubmatch(strings.TrimRight(line, "\n"))
		if m == nil {
			return nil, fmt.Errorf("the README's map has a line without a name: %q", line)
		}
		indent, names := len(m[1]), strings.Fields(m[2])
		for len(above) > 0 && above[len(above)-1].indent >= indent {
			above = above[:len(above)-1]
		}
		var in string
		if len(above) > 0 {
			in = above[len(above)-1].path
		}
		for _, n := range names {
			if !strings.HasSuffix(n, "/") {
				named = append(named, path.Join(in, n))
			}
		}
		above = append(above, folder{indent, path.Join(in, names[0])})
	}
	slices.Sort(named)
	return named, nil
}
