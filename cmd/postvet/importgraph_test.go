package main_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const module = "github.com/postvet/postvet/"

// knows is the import graph: which rooms a room may know. A folder without an
// entry belongs to the room above it; a room may know its own folders.
var knows = map[string][]string{
	"cmd":              {"filter", "filter/socket", "policy", "policy/result", "policy/rules", "policy/explain", "policy/foreign", "policy/arc", "policy/authres", "policy/condition", "policy/dkim", "policy/dmarc", "policy/iprev", "policy/addrlist", "policy/message", "policy/spf", "dnscache"},
	"filter":           {"filter/socket", "policy", "policy/result", "policy/rules", "policy/message", "policy/foreign"},
	"filter/socket":    {},
	"policy":           {"policy/result", "policy/explain", "policy/foreign", "policy/arc", "policy/authres", "policy/dkim", "policy/dmarc", "policy/iprev", "policy/addrlist", "policy/message", "policy/mx", "policy/spf", "dnscache"},
	"policy/result":    {"policy/arc", "policy/authres", "policy/dkim", "policy/dmarc", "policy/iprev", "policy/message", "policy/mx", "policy/spf"},
	"policy/explain":   {"policy/result", "policy/foreign", "policy/arc", "policy/dkim", "policy/dmarc", "policy/iprev", "policy/message", "policy/mx", "policy/spf", "dnscache"},
	"policy/rules":     {"policy/result", "policy/explain", "policy/foreign", "policy/condition", "policy/arc", "policy/authres", "policy/dkim", "policy/dmarc", "policy/iprev", "policy/addrlist", "policy/message", "policy/mx", "policy/spf"},
	"policy/foreign":   {},
	"policy/message":   {},
	"policy/addrlist":  {"policy/message"},
	"policy/condition": {"policy/addrlist", "policy/message"},
	"policy/spf":       {"policy/message", "dnscache"},
	"policy/dkim":      {"policy/message", "dnscache"},
	"policy/arc":       {"policy/dkim", "policy/authres", "policy/message", "dnscache"},
	"policy/dmarc":     {"policy/message", "dnscache"},
	"policy/iprev":     {"policy/message", "dnscache"},
	"policy/mx":        {"policy/message", "dnscache"},
	"policy/authres":   {"policy/message"},
	"dnscache":         {},
	"dnscache/dnstest": {"dnscache"},
	"contrib":          {"filter", "policy", "policy/result", "policy/rules", "policy/explain", "policy/arc", "policy/authres", "policy/dkim", "policy/dmarc", "policy/iprev", "policy/message", "policy/spf", "dnscache", "dnscache/dnstest"},
}

// belongs says which rooms alone may know a package of others; the folders
// below a room count as it.
var belongs = map[string][]string{
	"github.com/emersion/go-milter":  {"filter", "contrib"}, // contrib/bench measures the bare library
	"github.com/miekg/dns":           {"dnscache"},
	"go.uber.org/zap":                {"cmd", "filter", "dnscache"},
	"github.com/pelletier/go-toml":   {"cmd"},
	"github.com/spf13/cobra":         {"cmd"},
	"github.com/coreos/go-systemd":   {"cmd"},
	"github.com/prometheus":          {"cmd"},
	"github.com/expr-lang/expr":      {"policy/condition"},
	"github.com/emersion/go-msgauth": {"policy/dkim", "policy/authres", "contrib"},
	// The evaluation has no socket and no file.
	"net": {"cmd", "filter", "dnscache", "contrib"},
	"os":  {"cmd", "filter", "dnscache", "contrib"},
}

// edge is one import of a package outside of its tests.
type edge struct{ from, to string }

func TestImportGraph(t *testing.T) {
	t.Parallel()
	edges, err := imports(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	if len(edges) < 20 {
		t.Fatalf("only %d imports found: the search is broken", len(edges))
	}
	for _, e := range edges {
		if why := forbidden(e); why != "" {
			t.Errorf("%s imports %s: %s", e.from, e.to, why)
		}
	}
}

func TestImportGraphForbids(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		edge edge
		bad  bool
	}{
		{"the command wires", edge{"cmd/postvet", module + "filter"}, false},
		{"policy asks its evaluators", edge{"policy", module + "policy/spf"}, false},
		{"own folder", edge{"cmd/postvet", module + "cmd/postvet/config"}, false},
		{"evaluator upward to policy", edge{"policy/spf", module + "policy"}, true},
		{"evaluator sideways", edge{"policy/dmarc", module + "policy/spf"}, true},
		{"policy upward to filter", edge{"policy", module + "filter"}, true},
		{"cache knows of mail", edge{"dnscache", module + "policy/message"}, true},
		{"test server in the product", edge{"cmd/postvet", module + "dnscache/dnstest"}, true},
		{"contrib in the product", edge{"filter", module + "contrib/realmta"}, true},
		{"milter outside of filter", edge{"cmd/postvet", "github.com/emersion/go-milter"}, true},
		{"DNS outside of dnscache", edge{"policy/spf", "github.com/miekg/dns"}, true},
		{"metrics outside of the command", edge{"filter", "github.com/prometheus/client_golang/prometheus"}, true},
		{"log in an evaluator", edge{"policy/dkim", "go.uber.org/zap/zapcore"}, true},
		{"file in an evaluator", edge{"policy/dkim", "os"}, true},
		{"address type in an evaluator", edge{"policy/spf", "net/netip"}, false},
		{"new room", edge{"journal", "strings"}, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tc.bad, forbidden(tc.edge) != ""); diff != "" {
				t.Errorf("forbidden(%v) (-want +got):\n%s", tc.edge, diff)
			}
		})
	}
}

// forbidden says why an import is not allowed; "" if it is.
func forbidden(e edge) string {
	from := room(e.from)
	if from == "" {
		return "no room of the import graph"
	}
	if to, ok := strings.CutPrefix(e.to, module); ok {
		to = room(to)
		if to == from || slices.Contains(knows[from], to) {
			return ""
		}
		return from + " does not know " + to
	}
	for pkg, rooms := range belongs {
		// net stands for itself: net/netip and net/textproto open nothing.
		same := e.to == pkg || strings.Contains(pkg, ".") && strings.HasPrefix(e.to, pkg+"/")
		if !same {
			continue
		}
		top, _, _ := strings.Cut(from, "/")
		if !slices.Contains(rooms, from) && !slices.Contains(rooms, top) {
			return "belongs to " + strings.Join(rooms, ", ")
		}
	}
	return ""
}

// room is the nearest folder upwards that has an entry in the graph.
func room(dir string) string {
	for dir != "." && dir != "/" {
		if _, ok := knows[dir]; ok {
			return dir
		}
		dir = filepath.ToSlash(filepath.Dir(dir))
	}
	return ""
}

// imports are the imports of all packages below root outside of tests.
func imports(root string) ([]edge, error) {
	var edges []edge
	fset := token.NewFileSet()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || d.Name() == "dist") {
			return filepath.SkipDir
		}
		if d.IsDir() || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		f, err := parser.ParseFile(fset, path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		dir, err := filepath.Rel(root, filepath.Dir(path))
		if err != nil {
			return err
		}
		for _, i := range f.Imports {
			to, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				return err
			}
			edges = append(edges, edge{from: filepath.ToSlash(dir), to: to})
		}
		return nil
	})
	return edges, err
}
