package condition

import (
	"fmt"
	"maps"
	"regexp/syntax"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"

	"github.com/postvet/postvet/policy/addrlist"
	"github.com/postvet/postvet/policy/foreign"
)

// checker walks an expression while it is compiled. It rejects constructs that
// a rule must not use, finds comparisons that can never hold, and replaces the
// literal arguments of our functions by compiled values.
type checker struct {
	source string
	lists  map[string]*addrlist.List
	err    *Error
	// prior is true if err says more than the library's own error.
	prior bool
}

// Visit implements ast.Visitor. The library visits a node after its children.
func (c *checker) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.IdentifierNode:
		if n.Value == "$env" {
			c.fault(n, "$env is not available", "write the name of a fact")
		}
	case *ast.CallNode:
		c.call(n)
	case *ast.BinaryNode:
		c.binary(n)
	case *ast.BuiltinNode:
		c.builtin(n)
	case *ast.PredicateNode, *ast.PointerNode, *ast.ArrayNode, *ast.MemberNode, *ast.ConditionalNode, *ast.UnaryNode,
		*ast.StringNode, *ast.BoolNode, *ast.IntegerNode, *ast.FloatNode, *ast.ConstantNode:
	default:
		c.fault(n, "this is not available in a condition", "write comparisons joined by and, or and not")
	}
}

// fault records an error unless there is one.
func (c *checker) fault(n ast.Node, problem, remedy string) {
	if c.err == nil {
		c.err = errorAt(c.source, n, problem, remedy)
	}
}

// faultFirst is fault for a problem that the library would describe worse.
func (c *checker) faultFirst(n ast.Node, problem, remedy string) {
	if c.err == nil {
		c.prior = true
	}
	c.fault(n, problem, remedy)
}

// builtin rejects builtins that the library's parser accepts although they are
// disabled.
func (c *checker) builtin(n *ast.BuiltinNode) {
	switch {
	case !slices.Contains(allowed, n.Name):
		c.fault(n, n.Name+" is not available in a condition", "write any, all, none, one or count with a comparison in it")
	case n.Name == "count" && len(n.Arguments) < 2:
		c.fault(n, "count needs to know what to count", "write len(...) for the length of a list, or count(rcpts, # endsWith \"@example.org\")")
	}
}

// call checks a call and compiles its literal arguments.
func (c *checker) call(n *ast.CallNode) {
	callee, ok := n.Callee.(*ast.IdentifierNode)
	if !ok {
		c.fault(n, "only functions can be called", functionsText())
		return
	}
	known := slices.ContainsFunc(own, func(f Function) bool { return f.Name == callee.Value })
	if !known || len(n.Arguments) < 2 { // the library reports it
		return
	}
	var texts []*ast.StringNode
	for _, a := range n.Arguments[1:] {
		s, ok := a.(*ast.StringNode)
		if _, done := a.(*ast.ConstantNode); done {
			return
		}
		if !ok {
			c.fault(a, callee.Value+" compares with literals only", "write them in quotes")
			return
		}
		texts = append(texts, s)
	}
	if value, ok := c.compare(callee.Value, texts); ok {
		constant := &ast.ConstantNode{Value: value}
		constant.SetLocation(texts[0].Location())
		n.Arguments = []ast.Node{n.Arguments[0], constant}
	}
}

// compare compiles the texts that a function compares its first argument with. It
// adds a fault and returns false if a text is invalid.
func (c *checker) compare(function string, texts []*ast.StringNode) (any, bool) {
	switch function {
	case "within":
		var list prefixes
		for _, t := range texts {
			p, problem, remedy := parsePrefix(t.Value)
			if problem != "" {
				c.fault(t, problem, remedy)
				return nil, false
			}
			list = append(list, p)
		}
		return list, true
	case "below":
		set := domains{}
		for _, t := range texts {
			name, problem, remedy := parseDomain(t.Value)
			if problem != "" {
				c.fault(t, problem, remedy)
				return nil, false
			}
			set[name] = struct{}{}
		}
		return set, true
	}
	list, ok := c.lists[texts[0].Value]
	if !ok {
		names := slices.Sorted(maps.Keys(c.lists))
		c.fault(texts[0], "there is no list "+foreign.TerminalQuote(texts[0].Value, maxCited), suggest(texts[0].Value, names, "define it in [lists]"))
		return nil, false
	}
	return list, true
}

// binary checks an operator and its operands.
func (c *checker) binary(n *ast.BinaryNode) {
	switch n.Operator {
	case "and", "or", "&&", "||", "<", "<=", ">", ">=", "+", "-", "*", "/", "%", "contains", "startsWith", "endsWith":
	case "==", "!=":
		c.compared(n.Left, n.Right)
		c.compared(n.Right, n.Left)
	case "in":
		if list, ok := n.Right.(*ast.ArrayNode); ok {
			for _, one := range list.Nodes {
				c.compared(n.Left, one)
			}
		}
		c.member(n.Left, n.Right)
	case "matches":
		c.pattern(n)
	default:
		c.fault(n, fmt.Sprintf("the operator %s is not available", n.Operator), "write comparisons joined by and, or and not")
	}
}

// compared checks the comparison of a fact with a literal.
func (c *checker) compared(left, right ast.Node) {
	f := factOf(left)
	text, ok := right.(*ast.StringNode)
	if f == nil || !ok {
		return
	}
	c.value(f, f.Name, text)
}

// member checks a literal that is searched in a list of facts.
func (c *checker) member(left, right ast.Node) {
	f := factOf(right)
	text, ok := left.(*ast.StringNode)
	if f == nil || !ok {
		return
	}
	c.value(f, "an entry of "+f.Name, text)
}

// value reports a literal that a fact can never equal. name is how the error names
// the fact.
func (c *checker) value(f *Fact, name string, text *ast.StringNode) {
	s := text.Value
	switch f.Kind {
	case KindWord:
		if slices.Contains(f.Words, s) {
			return
		}
		c.fault(text, fmt.Sprintf("%s is never %s", name, foreign.TerminalQuote(s, maxCited)), suggest(s, f.Words, "write one of "+strings.Join(quoted(f.Words), ", ")))
	case KindDomain, KindDomains:
		if s == "" {
			return
		}
		normal, problem, remedy := parseDomain(s)
		if problem != "" {
			c.fault(text, fmt.Sprintf("%s is never %s", name, foreign.TerminalQuote(s, maxCited)), remedy)
		} else if normal != s {
			c.fault(text, fmt.Sprintf("%s is never %s", name, foreign.TerminalQuote(s, maxCited)), fmt.Sprintf("write %q", normal))
		}
	case KindIP:
		if s == "" {
			return
		}
		p, problem, _ := parsePrefix(s)
		if problem != "" || !p.IsSingleIP() {
			c.fault(text, fmt.Sprintf("%s is never %s", name, foreign.TerminalQuote(s, maxCited)), fmt.Sprintf("write within(%s, %s)", f.Name, foreign.TerminalQuote(s, maxCited)))
		} else if p.Addr().String() != s {
			c.fault(text, fmt.Sprintf("%s is never %s", name, foreign.TerminalQuote(s, maxCited)), fmt.Sprintf("write %q", p.Addr()))
		}
	}
}

// factOf returns the fact that a node names, or nil if it names none.
func factOf(n ast.Node) *Fact {
	switch n := n.(type) {
	case *ast.IdentifierNode:
		return factNamed(facts, n.Value)
	case *ast.MemberNode:
		if property, ok := n.Property.(*ast.StringNode); ok {
			return factNamed(signatureFacts, property.Value)
		}
	}
	return nil
}

// maxPattern bounds a compiled pattern in instructions.
const maxPattern = 1000

// pattern checks the regular expression of matches.
func (c *checker) pattern(n *ast.BinaryNode) {
	text, ok := n.Right.(*ast.StringNode)
	if !ok {
		c.fault(n.Right, "matches needs a literal pattern", "write it in quotes")
		return
	}
	size, err := patternSize(text.Value)
	switch {
	case err != nil:
		c.faultFirst(text, "invalid pattern: "+strings.TrimPrefix(err.Error(), "error parsing regexp: "), "write a regular expression of RE2; between backquotes a backslash stands for itself")
	case size > maxPattern:
		c.faultFirst(text, "the pattern is too large", "write a shorter one, with smaller repetitions")
	}
}

// patternSize returns the number of instructions of a compiled pattern.
func patternSize(s string) (int, error) {
	re, err := syntax.Parse(s, syntax.Perl)
	if err != nil {
		return 0, err
	}
	p, err := syntax.Compile(re.Simplify())
	if err != nil {
		return 0, err
	}
	return len(p.Inst), nil
}
