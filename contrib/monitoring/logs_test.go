package monitoring_test

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestLogsAreDocumented compares LOGS.md with the source. LOGS.md has every
// line with its level, and every key, and nothing that is not logged.
func TestLogsAreDocumented(t *testing.T) {
	t.Parallel()
	lines, keys := documented(t)
	logged, used := map[string]string{}, map[string]string{}
	for _, folder := range []string{"cmd/postvet", "filter", "dnscache"} {
		err := filepath.WalkDir(filepath.Join("../..", folder), func(path string, d fs.DirEntry, err error) error {
			switch {
			case err != nil || !d.IsDir():
				return err
			case d.Name() == "testdata" || d.Name() == "dnstest":
				return filepath.SkipDir
			}
			return readPackage(path, logged, used)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	delete(logged, "info message") // has a section of its own
	if len(logged) < 30 || len(used) < 40 {
		t.Fatalf("only %d lines and %d keys found: the search is broken", len(logged), len(used))
	}
	for line, where := range logged {
		if !slices.Contains(lines, line) {
			t.Errorf("LOGS.md lacks the line %q of %s: add it to \"Other lines\"", line, where)
		}
	}
	for _, line := range lines {
		if logged[line] == "" {
			t.Errorf("LOGS.md has the line %q, which is not logged", line)
		}
	}
	for _, key := range ofEveryLine {
		if used[key] != "" {
			t.Errorf("%s: the key %q belongs to every line", used[key], key)
		}
	}
	for key, where := range used {
		if !slices.Contains(keys, key) {
			t.Errorf("LOGS.md lacks the key %q of %s: add it to the table of messages or to \"Their keys\"", key, where)
		}
	}
	for _, key := range keys {
		if used[key] == "" && !slices.Contains(ofEveryLine, key) {
			t.Errorf("LOGS.md has the key %q, which is not logged", key)
		}
	}
}

// ofEveryLine are the keys that the logger writes itself.
var ofEveryLine = []string{"time", "level", "logger", "msg"}

var (
	rowOfLine = regexp.MustCompile("(?m)^\\| (debug|info|warn|error) \\| `(.+?)` \\|")
	rowOfKeys = regexp.MustCompile("(?m)^\\| (`[a-z_]+`(?:, `[a-z_]+`)*) \\|")
)

// documented returns "level text" of each line of the tables, and the keys.
func documented(t *testing.T) (lines, keys []string) {
	t.Helper()
	b, err := os.ReadFile("LOGS.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range rowOfLine.FindAllStringSubmatch(string(b), -1) {
		lines = append(lines, m[1]+" "+m[2])
	}
	return lines, keysOf(string(b))
}

func keysOf(table string) (keys []string) {
	for _, m := range rowOfKeys.FindAllStringSubmatch(table, -1) {
		for _, key := range strings.Split(m[1], ", ") {
			keys = append(keys, strings.Trim(key, "`"))
		}
	}
	return keys
}

// checkMessageLine compares a real line of a message with its table. The line
// has the documented keys and no others. The rows of optional keys say "only
// if".
func checkMessageLine(t *testing.T, line string) {
	t.Helper()
	b, err := os.ReadFile("LOGS.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(b), "\n## Every line\n")
	table, _, ok := strings.Cut(table, "\n## Other lines\n")
	var got map[string]any
	if err := json.Unmarshal([]byte(line), &got); err != nil || !ok {
		t.Fatalf("%v: %s", err, line)
	}
	keys := keysOf(table)
	for key := range got {
		if !slices.Contains(keys, key) {
			t.Errorf("LOGS.md lacks the key %q of a message's line", key)
		}
	}
	for row := range strings.Lines(table) {
		for _, key := range keysOf(row) {
			if _, there := got[key]; !there && key != "logger" && !strings.Contains(row, "only if") {
				t.Errorf("a message's line has no %q: %s", key, line)
			}
		}
	}
}

// readPackage records what a package logs, and where.
func readPackage(dir string, lines, keys map[string]string) error {
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return err
	}
	set, logs := token.NewFileSet(), false
	var parsed []*ast.File
	for _, path := range files {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(set, path, nil, 0)
		if err != nil {
			return err
		}
		parsed = append(parsed, f)
		logs = logs || slices.ContainsFunc(f.Imports, func(i *ast.ImportSpec) bool { return i.Path.Value == `"go.uber.org/zap"` })
	}
	if !logs {
		return nil
	}
	var makers []string
	for _, f := range parsed {
		makers = append(makers, fieldMakers(f)...)
	}
	for _, f := range parsed {
		readSource(set, f, makers, lines, keys)
	}
	return nil
}

// fieldMakers returns the functions that make a field of a key: those that take
// one and return a zap.Field.
func fieldMakers(f *ast.File) (names []string) {
	for _, d := range f.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok || fn.Recv != nil || fn.Type.Results.NumFields() != 1 || fn.Type.Params.NumFields() == 0 {
			continue
		}
		from, name := selector(fn.Type.Results.List[0].Type)
		first := fn.Type.Params.List[0]
		if from == "zap" && name == "Field" && len(first.Names) > 0 && first.Names[0].Name == "key" {
			names = append(names, fn.Name.Name)
		}
	}
	return names
}

func readSource(set *token.FileSet, f *ast.File, makers []string, lines, keys map[string]string) {
	ast.Inspect(f, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || len(call.Args) == 0 {
			return true
		}
		where := set.Position(call.Pos()).String()
		switch from, name := callee(call); {
		case from == "zap" && name == "Error":
			keys["error"] = where
		case from == "zap" || from == "" && slices.Contains(makers, name):
			if key, ok := literal(call.Args[0]); ok {
				keys[key] = where
			}
		case name == "Check" && len(call.Args) == 2:
			_, level := selector(call.Args[0])
			if text, ok := literal(call.Args[1]); ok {
				lines[strings.ToLower(strings.TrimSuffix(level, "Level"))+" "+text] = where
			}
		case slices.Contains([]string{"debug", "info", "warn", "error"}, strings.ToLower(name)):
			if text, ok := literal(call.Args[0]); ok {
				lines[strings.ToLower(name)+" "+text] = where
			}
		}
		return true
	})
}

// callee returns the function that is called: "zap", "String" for
// zap.String(...).
func callee(call *ast.CallExpr) (from, name string) {
	if id, ok := call.Fun.(*ast.Ident); ok {
		return "", id.Name
	}
	return selector(call.Fun)
}

func selector(e ast.Expr) (from, name string) {
	s, ok := e.(*ast.SelectorExpr)
	if !ok {
		return "", ""
	}
	if id, ok := s.X.(*ast.Ident); ok {
		from = id.Name
	}
	return from, s.Sel.Name
}

// literal returns a text of the source, with KEY for each value that
// fmt.Sprintf inserts.
func literal(e ast.Expr) (text string, ok bool) {
	if call, isCall := e.(*ast.CallExpr); isCall {
		if from, name := callee(call); from != "fmt" || name != "Sprintf" {
			return "", false
		}
		text, ok = literal(call.Args[0])
		return strings.ReplaceAll(text, "%s", "KEY"), ok
	}
	lit, isLit := e.(*ast.BasicLit)
	if !isLit || lit.Kind != token.STRING {
		return "", false
	}
	text, err := strconv.Unquote(lit.Value)
	return text, err == nil
}
