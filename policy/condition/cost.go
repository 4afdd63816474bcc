package condition

import (
	"math"

	"github.com/expr-lang/expr/ast"
)

// weight is the cost of a node for the most expensive message: its steps, and
// the maximal length of its value if that is a text or a list.
type weight struct{ steps, length int }

// cost returns the steps for the most expensive message, and the most expensive
// loop.
func cost(tree ast.Node) (int, ast.Node) {
	w := weigher{}
	return w.of(tree).steps, w.costliest
}

// weigher computes weights. costliest is the loop with the
// most steps.
type weigher struct {
	costliest ast.Node
	most      int
}

// all returns the sum of the steps of nodes.
func (w *weigher) all(nodes ...ast.Node) (steps int) {
	for _, n := range nodes {
		if n != nil {
			steps = plus(steps, w.of(n).steps)
		}
	}
	return steps
}

// of returns the weight of a node.
func (w *weigher) of(n ast.Node) weight {
	switch n := n.(type) {
	case *ast.StringNode:
		return weight{1, len(n.Value)}
	case *ast.IdentifierNode:
		if f := factNamed(facts, n.Value); f != nil && f.Most > 0 {
			return weight{1, f.Most}
		}
		return weight{1, MaxText}
	case *ast.PointerNode, *ast.BoolNode, *ast.IntegerNode, *ast.FloatNode, *ast.ConstantNode:
		return weight{1, MaxText}
	case *ast.MemberNode:
		return weight{plus(1, w.all(n.Node, n.Property)), MaxText}
	case *ast.UnaryNode:
		return weight{plus(1, w.of(n.Node).steps), 0}
	case *ast.PredicateNode:
		return w.of(n.Node)
	case *ast.ArrayNode:
		return weight{plus(1, w.all(n.Nodes...)), len(n.Nodes)}
	case *ast.ConditionalNode:
		a, b := w.of(n.Exp1), w.of(n.Exp2)
		return weight{plus(1, w.of(n.Cond).steps, a.steps, b.steps), max(a.length, b.length)}
	case *ast.CallNode:
		// Our functions compare with each prefix, or look up each parent of a
		// domain.
		return weight{plus(40, w.all(n.Arguments...), compared(n)), 0}
	case *ast.BuiltinNode:
		return w.builtin(n)
	case *ast.BinaryNode:
		return w.binary(n)
	}
	return weight{math.MaxInt32, math.MaxInt32} // not in the language
}

// compared returns the number of values that a call compares with.
func compared(n *ast.CallNode) int {
	if len(n.Arguments) == 2 {
		if c, ok := n.Arguments[1].(*ast.ConstantNode); ok {
			if p, ok := c.Value.(prefixes); ok {
				return len(p)
			}
		}
	}
	return 1
}

// builtin returns the weight of a function of expr, which may be a loop.
func (w *weigher) builtin(n *ast.BuiltinNode) weight {
	first := w.of(n.Arguments[0])
	if len(n.Arguments) < 2 { // len, lower, count
		return weight{plus(first.steps, 1+first.length/8), first.length}
	}
	steps := plus(first.steps, times(first.length, plus(3, w.all(n.Arguments[1:]...))))
	if steps >= w.most {
		w.most, w.costliest = steps, n
	}
	return weight{steps, 0}
}

// binary returns the weight of an operator and its operands.
func (w *weigher) binary(n *ast.BinaryNode) weight {
	l, r := w.of(n.Left), w.of(n.Right)
	steps := plus(1, l.steps, r.steps)
	switch n.Operator {
	case "matches":
		// Each instruction may run for each octet; about ten of these are a
		// step.
		size := maxPattern
		if s, ok := n.Right.(*ast.StringNode); ok {
			if n, err := patternSize(s.Value); err == nil {
				size = n
			}
		}
		return weight{plus(steps, times(l.length, size)/10), 0}
	case "contains", "startsWith", "endsWith", "==", "!=":
		return weight{plus(steps, min(l.length, r.length)/8), 0}
	case "in":
		if _, literal := n.Right.(*ast.ConstantNode); literal {
			return weight{plus(steps, 3), 0}
		}
		return weight{plus(steps, times(r.length, 3)), 0}
	case "+":
		return weight{plus(steps, (l.length+r.length)/8), l.length + r.length}
	}
	return weight{steps, 0}
}

// plus and times saturate at math.MaxInt32, which is above every limit.
func plus(ns ...int) int {
	sum := 0
	for _, n := range ns {
		sum = min(sum+n, math.MaxInt32)
	}
	return sum
}

func times(a, b int) int {
	if a != 0 && b > math.MaxInt32/a {
		return math.MaxInt32
	}
	return a * b
}
