package condition

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"

	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/spelling"
)

// Error is an error in an expression, with its place and remedy.
type Error struct {
	// Line and Column count from 1, Column in characters.
	Line, Column int
	// Source is the erroneous line of the expression.
	Source string
	// Problem says what is wrong, Remedy what to write instead.
	Problem, Remedy string
}

// Error returns one line: "line 1, column 9: problem; remedy".
func (e *Error) Error() string {
	s := fmt.Sprintf("line %d, column %d: %s", e.Line, e.Column, e.Problem)
	if e.Remedy != "" {
		s += "; " + e.Remedy
	}
	return s
}

// Caret returns the erroneous line and below it a caret at the place.
func (e *Error) Caret() string {
	const before, after = 50, 30 // characters shown of a long line
	line := []rune(foreign.Terminal(strings.ReplaceAll(e.Source, "\t", " "), foreign.Whole))
	at := min(max(e.Column-1, 0), len(line))
	if from := at - before; from > 0 {
		line, at = line[from:], before
	}
	if to := at + after; to < len(line) {
		line = line[:to]
	}
	return strings.TrimRight(string(line), " ") + "\n" + strings.Repeat(" ", at) + "^"
}

// errorAt returns an error at the place of a node.
func errorAt(source string, n ast.Node, problem, remedy string) *Error {
	from := 0
	if n != nil {
		from = n.Location().From
	}
	e := place(source, from)
	e.Problem, e.Remedy = problem, remedy
	return e
}

// place returns an Error with the line and column of the n-th character.
func place(source string, n int) *Error {
	e := &Error{Line: 1, Column: 1}
	rest := source
	for n > 0 && rest != "" {
		r, size := utf8.DecodeRuneInString(rest)
		rest = rest[size:]
		n--
		if r == '\n' {
			e.Line, e.Column = e.Line+1, 1
		} else {
			e.Column++
		}
	}
	lines := strings.Split(source, "\n")
	e.Source = strings.TrimSuffix(lines[e.Line-1], "\r")
	return e
}

var (
	unknownName   = regexp.MustCompile(`^unknown name (\S+)`)
	unknownField  = regexp.MustCompile(`has no field (\S+)`)
	mismatched    = regexp.MustCompile(`^invalid operation: (\S+) \(mismatched types? (.+)\)`)
	inArray       = regexp.MustCompile(`^cannot use (.+) as type (.+) in array`)
	unexpected    = regexp.MustCompile(`^unexpected token (\w+)(?:\("(.*)"\))?`)
	wrongArgument = regexp.MustCompile(`^cannot use (.+) as argument \(type (.+)\) to call (\w+)`)
	wrongResult   = regexp.MustCompile(`^expected bool, but got (.+)`)
)

// explain rewrites an error of the library in our terms.
func explain(source string, err error) *Error {
	e := &Error{Line: 1, Column: 1, Source: firstLine(source), Problem: err.Error()}
	var at *file.Error
	if errors.As(err, &at) {
		e = place(source, at.From)
		e.Problem = at.Message
	}
	e.Problem, _, _ = strings.Cut(e.Problem, "\n")
	e.Remedy = "write a comparison such as 'dmarc == \"fail\"'"
	switch m := e.Problem; {
	case unknownName.MatchString(m):
		name := unknownName.FindStringSubmatch(m)[1]
		e.Problem = "unknown name " + name
		e.Remedy = suggestName(name)
	case strings.HasPrefix(m, "type string has no field") || strings.HasPrefix(m, "type int has no field") || strings.HasPrefix(m, "type bool has no field"):
		e.Problem, e.Remedy = "this has no parts", "write the name of a fact without a dot"
	case unknownField.MatchString(m):
		name := unknownField.FindStringSubmatch(m)[1]
		e.Problem = "there is no " + name + " here"
		e.Remedy = suggest(name, names(signatureFacts), "a signature has "+strings.Join(names(signatureFacts), ", "))
	case mismatched.MatchString(m):
		part := mismatched.FindStringSubmatch(m)
		e.Problem = fmt.Sprintf("%s cannot be applied to %s", part[1], typeNames(part[2]))
		e.Remedy = mismatchRemedy(part[1], part[2])
	case inArray.MatchString(m):
		part := inArray.FindStringSubmatch(m)
		e.Problem = fmt.Sprintf("%s is searched in a list of another kind (%s)", typeNames(part[1]), typeNames(part[2]))
		e.Remedy = "write entries of the same kind"
	case wrongResult.MatchString(m):
		e.Problem = "the expression is " + typeNames(wrongResult.FindStringSubmatch(m)[1]) + ", not true or false"
	case strings.Contains(m, "exceeds maximum allowed nodes"):
		e.Problem = fmt.Sprintf("the expression has more than %d parts", maxNodes)
		e.Remedy = "split the rule, or put the values into a list"
	case unexpected.MatchString(m):
		part := unexpected.FindStringSubmatch(m)
		if part[1] == "EOF" {
			e.Problem, e.Remedy = "the expression ends too early", "write what is missing"
			break
		}
		e.Problem = foreign.TerminalQuote(part[2], maxCited) + " is not expected here"
		if part[2] == "=" {
			e.Remedy = "compare with =="
		} else {
			e.Remedy = "join comparisons with and, or and not, and close every bracket and quote"
		}
	case wrongArgument.MatchString(m):
		part := wrongArgument.FindStringSubmatch(m)
		e.Problem = fmt.Sprintf("%s takes %s, but this is %s", part[3], typeNames(part[2]), typeNames(part[1]))
		e.Remedy = functionsText()
	case strings.HasPrefix(m, "invalid char escape"):
		e.Problem, e.Remedy = "an unknown escape", "double the backslash, or put the text between backquotes"
	case strings.HasPrefix(m, "builtin ") && strings.Contains(m, "takes only array"):
		e.Problem, e.Remedy = "this is no list", "write the name of a list: "+strings.Join(lists(), ", ")
	case strings.HasPrefix(m, "literal not terminated"):
		e.Problem, e.Remedy = "a quote is not closed", "close it"
	case strings.HasPrefix(m, "not enough arguments") || strings.HasPrefix(m, "too many arguments"):
		e.Remedy = functionsText()
	}
	return e
}

// typeNames replaces the names of Go types by words.
func typeNames(s string) string {
	return strings.NewReplacer("[]string", "a list of texts", "[]condition.Signature", "the list of signatures",
		"condition.Signature", "a signature", "string", "a text", "bool", "true or false", "int", "a number",
		"float64", "a number", "[]interface {}", "a list", "interface {}", "a value").Replace(s)
}

// mismatchRemedy returns the remedy for an operator between values of different
// types.
func mismatchRemedy(operator, types string) string {
	switch {
	case strings.Contains(types, "[]condition.Signature"):
		return `write any(signatures, .result == "pass" and .domain == "example.org")`
	case strings.Contains(types, "[]string"):
		return `write "user@example.org" in rcpts, or any(rcpts, # endsWith "@example.org")`
	case strings.Contains(types, "bool") && strings.Contains(types, "string"):
		return "write true or false without quotes, or compare before and, or and not"
	case strings.Contains(types, "int") && strings.Contains(types, "string"):
		return "write numbers without quotes"
	}
	return "compare values of the same kind with " + operator
}

// suggestName returns the remedy for an unknown name.
func suggestName(name string) string {
	for _, f := range own {
		if f.Name == name {
			return "write " + f.Form
		}
	}
	for _, f := range facts {
		if slices.Contains(f.Words, name) {
			return fmt.Sprintf("write %q in quotes", name)
		}
	}
	candidates := append(names(facts), allowed...)
	for _, f := range own {
		candidates = append(candidates, f.Name)
	}
	candidates = append(candidates, "and", "or", "not", "in", "contains", "startsWith", "endsWith", "matches", "true", "false")
	return suggest(name, candidates, "\"postvet policy explain --facts\" prints every name; write texts in quotes")
}

// functionsText returns a remedy that shows how to call our functions.
func functionsText() string {
	var forms []string
	for _, f := range own {
		forms = append(forms, f.Form)
	}
	return "write " + strings.Join(forms, ", ")
}

func names(table []Fact) []string {
	out := make([]string, len(table))
	for i, f := range table {
		out[i] = f.Name
	}
	return out
}

// lists returns the names of the facts that are lists.
func lists() (out []string) {
	for _, f := range facts {
		if f.Most > 0 {
			out = append(out, f.Name)
		}
	}
	return out
}

func quoted(words []string) []string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = strconv.Quote(w)
	}
	return out
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

// suggest returns a remedy that names the candidate most similar to word, or
// otherwise if none is similar.
func suggest(word string, candidates []string, otherwise string) string {
	if name := spelling.Nearest(word, candidates); name != "" {
		return "did you mean " + name + "?"
	}
	return otherwise
}
