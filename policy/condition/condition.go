// Package condition decides whether a rule of the administrator applies to a
// message. A condition is an expression over the facts of the message
// ([Compile]), or a plain key with a list of values ([NewTest]).
//
// # The language
//
// Expressions are those of expr-lang/expr. Its operators are words (and, or,
// not, in, contains, startsWith, endsWith, matches), and any(rcpts, # endsWith
// "@example.org") searches a list. The alternative CEL writes &&, || and
// rcpts.exists(r, r.endsWith("...")) and depends on protocol buffers and a
// parser generator. Its one advantage is a cost limit, which this package adds.
//
// An expression may name the fields of [Facts]. It may call any, all, none,
// one, count, len and lower of expr, and within, below and listed of this
// package. It cannot build lists, use a pattern that is not a literal, or reach
// anything outside of the message.
//
// # Limits
//
// An expression has at most [MaxSource] octets and 500 nodes. It takes at most
// [MaxCost] steps for the most expensive message (1000 recipients, 100
// signatures, texts of [MaxText] octets). Compile checks all limits, so a
// compiled expression always ends soon. Patterns are RE2's, whose time is
// linear in the text.
//
// # Errors
//
// An [Error] of Compile names the place, the problem and the remedy. A
// condition that fails at run time, for example by a division by zero, does not
// hold and returns an error.
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
	// MaxSource bounds the length in octets.
	MaxSource = 4096
	// MaxText bounds each text that a condition sees, in octets. The caller
	// cuts the texts in Facts.
	MaxText = 512
	// MaxCost bounds the steps for the most expensive message. A step takes
	// about ten nanoseconds.
	MaxCost = 5_000_000

	maxNodes = 500
	maxCited = 65 // bounds a text cited in an error, with its quotes
)

// Options configure a compilation. The zero value works.
type Options struct {
	// Lists are the lists that listed() may name.
	Lists map[string]*addrlist.List
}

// Condition is a compiled expression. It is safe for concurrent use.
type Condition struct {
	source  string
	program *vm.Program
	cost    int
	// always is the result if it is the same for every message, else nil.
	always *bool
	needs  needs
	uses   uses
}

// Compile parses an expression and checks names, types, functions, words that a
// fact cannot have, and cost. An error is an *Error.
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

// compile returns a panic of the library, which only a defect in it can cause,
// as an error.
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

// machines holds virtual machines for reuse, because a machine keeps its stack.
var machines = sync.Pool{New: func() any { return &vm.VM{MemoryBudget: 10_000} }}

// Holds reports whether the condition holds. A condition that fails at run time
// does not hold; the error says why and where.
func (c *Condition) Holds(f *Facts) (holds bool, err error) {
	if c.always != nil {
		return *c.always, nil
	}
	m := machines.Get().(*vm.VM)
	out, err := m.Run(c.program, f)
	if err != nil {
		// The machine may be in an undefined state, so it is not reused.
		return false, errors.New(runError(err))
	}
	machines.Put(m)
	holds, ok := out.(bool)
	if !ok {
		return false, errors.New("the expression gave no true or false")
	}
	return holds, nil
}

// runError returns the text of a run-time error with its place.
func runError(err error) string {
	var at *file.Error
	if errors.As(err, &at) {
		return fmt.Sprintf("%s (column %d)", at.Message, at.Column+1)
	}
	return err.Error()
}

// Cost returns the number of steps for the most expensive message.
func (c *Condition) Cost() int { return c.cost }

// Always reports whether the result is the same for every message, and which it
// is.
func (c *Condition) Always() (value, constant bool) {
	if c.always == nil {
		return false, false
	}
	return *c.always, true
}

// String returns the source.
func (c *Condition) String() string { return c.source }
