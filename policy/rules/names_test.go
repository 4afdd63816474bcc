package rules_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/postvet/postvet/policy/rules"
)

// A rule of the administrator's own must not bear a name of the table's.
func TestBuiltinRulesAreAll(t *testing.T) {
	t.Parallel()
	file, err := parser.ParseFile(token.NewFileSet(), "../result/rule.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	names := 0
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || !strings.HasPrefix(spec.Names[0].Name, "Rule") || len(spec.Values) != 1 {
			return true
		}
		value, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		names++
		if !slices.Contains(rules.BuiltinRules(), value) {
			t.Errorf("BuiltinRules lacks %s", value)
		}
		return true
	})
	if names != len(rules.BuiltinRules()) {
		t.Errorf("%d names in result/rule.go, %d in BuiltinRules", names, len(rules.BuiltinRules()))
	}
}
