package dnscache

import (
	"fmt"
	"runtime/debug"
	"strconv"
	"sync/atomic"

	"go.uber.org/zap"
)

// PanicError is the Err of a lookup that panicked, which is a fault of this
// program and says nothing about the name. The lookup's Outcome is ServFail; it
// is not kept in the cache. The panic is counted in [Stats] and logged with the
// stack.
type PanicError struct {
	Value any    // what recover returned
	Stack []byte // of the goroutine that panicked
}

// maxPanicText bounds what Error cites of a panic's value.
const maxPanicText = 200

func (e *PanicError) Error() string { return "panic: " + e.text() }

// text returns the panic's value as printable ASCII on one line. It is the one
// foreign text of a log line that the cache writes by itself; the cache imports
// nothing of policy, and so not package foreign, which does this elsewhere.
func (e *PanicError) text() string {
	s := fmt.Sprint(e.Value)
	if len(s) > maxPanicText {
		s = s[:maxPanicText]
	}
	s = strconv.QuoteToASCII(s)
	return s[1 : len(s)-1]
}

// panics counts and logs the panics of a resolver's goroutines. None of them may
// end the program, as that would stop the mail of everybody.
type panics struct {
	log   *zap.Logger
	count atomic.Uint64
}

// caught counts and logs what recover returned.
func (p *panics) caught(during string, value any) *PanicError {
	p.count.Add(1)
	e := &PanicError{Value: value, Stack: debug.Stack()}
	p.log.Error("panic", zap.String("during", during), zap.String("panic", e.text()), zap.ByteString("stack", e.Stack))
	return e
}
