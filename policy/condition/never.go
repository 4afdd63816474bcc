package condition

import (
	"maps"
	"slices"

	"github.com/expr-lang/expr/ast"
)

// constant evaluates an expression whose value does not depend on the message.
// known is false if it does.
func constant(n ast.Node) (value, known bool) {
	switch n := n.(type) {
	case *ast.BoolNode:
		return n.Value, true
	case *ast.UnaryNode:
		if n.Operator == "not" || n.Operator == "!" {
			v, known := constant(n.Node)
			return !v, known
		}
	case *ast.BinaryNode:
		switch n.Operator {
		case "and", "&&":
			return junction(n, false)
		case "or", "||":
			return junction(n, true)
		case "==", "!=":
			return literals(n)
		}
	}
	return false, false
}

// junction evaluates an "and" or "or". One side alone determines the value if
// it has the value decides.
func junction(n *ast.BinaryNode, decides bool) (value, known bool) {
	l, leftKnown := constant(n.Left)
	r, rightKnown := constant(n.Right)
	if leftKnown && l == decides || rightKnown && r == decides {
		return decides, true
	}
	return !decides, leftKnown && rightKnown
}

// literals compares two literals.
func literals(n *ast.BinaryNode) (value, known bool) {
	equal := false
	switch l := n.Left.(type) {
	case *ast.StringNode:
		r, ok := n.Right.(*ast.StringNode)
		if !ok {
			return false, false
		}
		equal = l.Value == r.Value
	case *ast.IntegerNode:
		r, ok := n.Right.(*ast.IntegerNode)
		if !ok {
			return false, false
		}
		equal = l.Value == r.Value
	case *ast.BoolNode:
		r, ok := n.Right.(*ast.BoolNode)
		if !ok {
			return false, false
		}
		equal = l.Value == r.Value
	default:
		return false, false
	}
	return equal == (n.Operator == "=="), true
}

// needs are, by name, the values that facts must have for a condition to hold.
// A fact without an entry may have any value. A fact with an empty list makes
// the condition unsatisfiable.
type needs map[string][]string

// restrict keeps only those values of a fact that are also in the given list.
func (n needs) restrict(name string, values []string) {
	old, ok := n[name]
	if !ok {
		n[name] = values
		return
	}
	n[name] = slices.DeleteFunc(slices.Clone(old), func(s string) bool { return !slices.Contains(values, s) })
}

// unsatisfiable returns the first fact, by name, that would need a value it
// cannot have; "" if there is none.
func (n needs) unsatisfiable() string {
	for _, name := range slices.Sorted(maps.Keys(n)) {
		if len(n[name]) == 0 {
			return name
		}
	}
	return ""
}

// needsOf returns the values that a condition requires by comparisons with
// literals.
func needsOf(tree ast.Node) needs {
	n := needs{}
	n.collect(tree)
	return n
}

// collect adds the requirements of an expression that must hold.
func (n needs) collect(tree ast.Node) {
	switch node := tree.(type) {
	case *ast.IdentifierNode: // a boolean fact
		n.restrict(node.Value, []string{"true"})
	case *ast.UnaryNode:
		if id, ok := node.Node.(*ast.IdentifierNode); ok && (node.Operator == "not" || node.Operator == "!") {
			n.restrict(id.Value, []string{"false"})
		}
	case *ast.BinaryNode:
		id, named := node.Left.(*ast.IdentifierNode)
		switch {
		case node.Operator == "and" || node.Operator == "&&":
			n.collect(node.Left)
			n.collect(node.Right)
		case node.Operator == "==" && named:
			if s, ok := node.Right.(*ast.StringNode); ok {
				n.restrict(id.Value, []string{s.Value})
			}
		case node.Operator == "in" && named:
			if values, ok := texts(node.Right); ok {
				n.restrict(id.Value, values)
			}
		}
	}
}

// texts returns the entries of a literal list. The library may have compiled it
// to a set.
func texts(n ast.Node) (values []string, ok bool) {
	switch n := n.(type) {
	case *ast.ArrayNode:
		for _, one := range n.Nodes {
			s, ok := one.(*ast.StringNode)
			if !ok {
				return nil, false
			}
			values = append(values, s.Value)
		}
		return values, true
	case *ast.ConstantNode:
		set, ok := n.Value.(map[string]struct{})
		if !ok {
			return nil, false
		}
		return slices.Collect(maps.Keys(set)), true
	}
	return nil, false
}

// uses records which facts an expression names, and whether it names the word
// temperror.
type uses struct {
	facts     map[string]bool
	temperror bool
}

// Visit implements ast.Visitor.
func (u *uses) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.IdentifierNode:
		u.facts[n.Value] = true
	case *ast.MemberNode:
		if field, ok := n.Property.(*ast.StringNode); ok {
			u.facts["."+field.Value] = true
		}
	case *ast.StringNode:
		u.temperror = u.temperror || n.Value == temperror
	case *ast.ConstantNode:
		if set, ok := n.Value.(map[string]struct{}); ok {
			_, named := set[temperror]
			u.temperror = u.temperror || named
		}
	}
}

// temperror is the result word of a check that a DNS failure prevented.
const temperror = "temperror"

// usesOf returns the uses of an expression.
func usesOf(tree ast.Node) uses {
	u := uses{facts: map[string]bool{}}
	ast.Walk(&tree, &u)
	return u
}

// Uses reports whether the expression names a fact, or ".identity" and the like of a
// signature.
func (c *Condition) Uses(fact string) bool { return c.uses.facts[fact] }

// ExpectsTempError reports whether the expression names the word temperror. Its
// author then has considered DNS failures.
func (c *Condition) ExpectsTempError() bool { return c.uses.temperror }

// Uses reports whether the test is about a fact.
func (t *Test) Uses(fact string) bool { return t.key.factName() == fact }

// ExpectsTempError reports whether one of the entries is the word temperror.
func (t *Test) ExpectsTempError() bool {
	return slices.Contains(t.entries, temperror) || slices.Contains(t.entries, "!"+temperror)
}
