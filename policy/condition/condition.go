// Package condition says when a rule of the admin's applies: as an expression
// over what is known of a message, and as plain keys for what needs none.
//
// # The language
//
// Expressions are those of expr-lang/expr. Its operators are words (and, or,
// not, in, contains, startsWith, endsWith, matches), and a list is asked with
// any(rcpts, # endsWith "@example.org"), which reads as it is spoken. CEL, the
// alternative, writes &&, || and rcpts.exists(r, r.endsWith("...")), and brings
// protocol buffers and a parser generator along. CEL's one advantage, a cost
// limit, is built here.
//
// What an expression may name is a field of [Facts]; what it may call are any,
// all, none, one, count, len and lower of expr, and within, below and listed of
// this package. It cannot build lists, name a pattern that is not a literal, or
// reach anything outside of the message.
//
// # Limits
//
// An expression has at most [MaxSource] octets, 500 nodes, and for the worst
// message that there can be (1000 recipients, 100 signatures, texts of
// [MaxText] octets) at most [MaxCost] steps. All is checked when it is compiled:
// what compiles ends, soon. Patterns are RE2's, whose time grows with the text
// alone.
//
// A condition that fails while it runs, such as one that divides by zero, does
// not hold, and says so in an error.
package condition

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/vm"

	"github.com/postvet/postvet/policy/addrlist"
)

// Limits of an expression.
const (
	// MaxSource is its length in octets.
	MaxSource = 4096
	// MaxText is how much of each text a condition sees, in octets. Who fills in
	// Facts cuts there.
	MaxText = 512
	// MaxCost is the number of steps it may take for the worst message. A step
	// is some ten nanoseconds.
	MaxCost = 5_000_000

	maxNodes = 500
	maxCited = 65 // a text that an error cites, with its quotes
)

// Options inform a compilation. The zero value works.
type Options struct {
	// Lists are what listed() may name.
	Lists map[string]*addrlist.List
}

// Condition is a compiled expression. It is safe for concurrent use.
type Condition struct {
	source  string
	program *vm.Program
	cost    int
	// always is set if the expression says the same of every message.
	always *bool
	needs  needs
	uses   uses
}

// Compile reads an expression and checks all of it: names, types, functions,
// words that a fact cannot be, and cost. An error is an *Error.
func Compile(source string, o Options) (*Condition, error) {
	if len(source) > MaxSource {
		return nil, &Error{Line: 1, Column: 1, Problem: fmt.Sprintf("the expression has %d octets", len(source)), Remedy: fmt.Sprintf("write at most %d, or split the rule", MaxSource)}
	}
	if strings.TrimSpace(source) == "" {
		return nil, &Error{Line: 1, Column: 1, Problem: "the expression is empty", Remedy: `write one such as 'dmarc == "fail"'`}
	}
	check := &checker{source: source, lists: o.Lists}
	program, err := compile(source, check)
	if check.err != nil && (err == nil || check.prior) {
		return nil, check.err
	}
	if err != nil {
		return nil, explain(source, err)
	}
	tree := program.Node()
	c := &Condition{source: source, program: program, needs: needsOf(tree), uses: usesOf(tree)}
	var loop ast.Node
	if c.cost, loop = cost(tree); c.cost > MaxCost {
		steps := fmt.Sprint(c.cost)
		if c.cost == math.MaxInt32 {
			steps = "billions of"
		}
		return nil, errorAt(source, loop, fmt.Sprintf("it could take %s steps for one message, %d are allowed", steps, MaxCost),
			"use one of any, all, none and count inside another, and matches inside them, only on short lists")
	}
	if v, known := constant(tree); known {
		c.always = &v
	}
	return c, nil
}

// compile turns a panic of the library, which only a fault of it can cause,
// into an error.
func compile(source string, check *checker) (program *vm.Program, err error) {
	defer func() {
		if v := recover(); v != nil {
			program, err = nil, fmt.Errorf("%v", v)
		}
	}()
	return expr.Compile(source, append(functions(),
		expr.Env(&Facts{}),
		expr.AsBool(), expr.WarnOnAny(),
		expr.MaxNodes(maxNodes),
		expr.Patch(check),
	)...)
}

// machines are reused: a machine keeps its stack.
var machines = sync.Pool{New: func() any { return &vm.VM{MemoryBudget: 10_000} }}

// Holds reports whether the condition holds. If it fails while it runs it does
// not, and the error says why and where.
func (c *Condition) Holds(f *Facts) (holds bool, err error) {
	if c.always != nil {
		return *c.always, nil
	}
	m := machines.Get().(*vm.VM)
	out, err := m.Run(c.program, f)
	if err != nil {
		// The machine may be in any state.
		return false, errors.New(runError(err))
	}
	machines.Put(m)
	holds, ok := out.(bool)
	if !ok {
		return false, errors.New("the expression gave no true or false")
	}
	return holds, nil
}

func runError(err error) string {
	var at *file.Error
	if errors.As(err, &at) {
		return fmt.Sprintf("%s (column %d)", at.Message, at.Column+1)
	}
	return err.Error()
}

// Cost is the number of steps that the worst message takes.
func (c *Condition) Cost() int { return c.cost }

// Always reports whether the expression says the same of every message, and
// what.
func (c *Condition) Always() (value, constant bool) {
	if c.always == nil {
		return false, false
	}
	return *c.always, true
}

// String returns the source.
func (c *Condition) String() string { return c.source }
