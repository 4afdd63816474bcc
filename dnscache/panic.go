package dnscache

import (
	"fmt"
	"runtime/debug"
	"strconv"
	"sync/atomic"

	"go.uber.org/zap"
)

// PanicError is the Err of a lookup that panicked. This is a fault of this program and says
// nothing about the name. The Outcome is ServFail, which is not kept in the cache. The panic
// is counted in [Stats] and logged with its stack.
type PanicError struct {
	Value any    // what recover returned
	Stack []byte // of the goroutine that panicked
}

// maxPanicText bounds the text of a panic's value in Error.
const maxPanicText = 200

func (e *PanicError) Error() string { return "panic: " + e.text() }

// text returns the panic's value as printable ASCII on one line, since it may contain
// foreign text. Package foreign does this elsewhere, but dnscache imports nothing of policy.
func (e *PanicError) text() string {
	s := fmt.Sprint(e.Value)
	if len(s) > maxPanicText {
		s = s[:maxPanicText]
	}
	s = strconv.QuoteToASCII(s)
	return s[1 : len(s)-1]
}

// panics counts and logs the panics of a resolver's goroutines. A panic must not end the
// program, since that would stop all mail.
type panics struct {
	log   *zap.Logger
	count atomic.Uint64
}

// caught counts and logs a value that recover returned.
func (p *panics) caught(during string, value any) *PanicError {
	p.count.Add(1)
	e := &PanicError{Value: value, Stack: debug.Stack()}
	p.log.Error("panic", zap.String("during", during), zap.String("panic", e.text()), zap.ByteString("stack", e.Stack))
	return e
}
