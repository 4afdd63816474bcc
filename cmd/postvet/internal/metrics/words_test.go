package metrics

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/postvet/postvet/policy/rules"
)

// The lists of words in this package are complete.
func TestWordsAreComplete(t *testing.T) {
	t.Parallel()
	have := rules.BuiltinRules()
	for _, r := range reasons {
		have = append(have, string(r))
	}
	for _, h := range hints {
		have = append(have, string(h))
	}
	have = append(have, actions...)
	for prefix, typed := range map[string]string{"Rule": "", "Reason": "OverrideReason", "Hint": "HintWord", "": "Action"} {
		found := 0
		for name, value := range constants(t, "../../../../policy/result") {
			if strings.HasPrefix(name.name, prefix) && name.typed == typed {
				if found++; !slices.Contains(have, value) {
					t.Errorf("result.%s, %q, has no series: add it in words.go", name.name, value)
				}
			}
		}
		if found == 0 {
			t.Errorf("no constant %s... of type %s: the search is broken", prefix, typed)
		}
	}
	for method, words := range results {
		dir, _, _ := strings.Cut(method, "-")
		found := 0
		for name, value := range constants(t, "../../../../policy/"+dir) {
			if name.typed == "Status" {
				if found++; !slices.Contains(words, value) {
					t.Errorf("%s.%s, %q, has no series: add it in words.go", dir, name.name, value)
				}
			}
		}
		if found < 4 {
			t.Errorf("%d results of %s: the search is broken", found, method)
		}
	}
}

type constant struct{ name, typed string }

// constants returns the exported string constants of a package.
func constants(t *testing.T, dir string) map[constant]string {
	t.Helper()
	all := map[constant]string{}
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil || len(files) == 0 {
		t.Fatal(dir, err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			v, ok := n.(*ast.ValueSpec)
			if !ok || len(v.Values) != 1 || !v.Names[0].IsExported() {
				return true
			}
			typed := ""
			if id, ok := v.Type.(*ast.Ident); ok {
				typed = id.Name
			}
			if lit, ok := v.Values[0].(*ast.BasicLit); ok && lit.Kind == token.STRING {
				value, _ := strconv.Unquote(lit.Value)
				all[constant{v.Names[0].Name, typed}] = value
			}
			return true
		})
	}
	return all
}
