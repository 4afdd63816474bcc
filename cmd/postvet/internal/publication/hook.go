package publication

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/postvet/postvet/policy/foreign"
)

// hook publishes by a program of the administrator.
type hook struct {
	options Options
	program string
}

func (h *hook) String() string { return h.options.How }

// request is what the program reads from its standard input.
type request struct {
	Action string `json:"action"` // "set" or "remove"
	Name   string `json:"name"`
	Type   string `json:"type"`
	TTL    int    `json:"ttl"`
	Value  string `json:"value,omitempty"`
}

// maxOutput bounds what is kept of the program's output, in octets.
const maxOutput = 4 << 10

// Publish runs the program, which has made the change if it exits with 0. It gets the change
// as JSON on standard input, and in its environment. A program that does not end in time
// is killed with all that it has started.
func (h *hook) Publish(ctx context.Context, c Change) error {
	ctx, cancel := context.WithTimeout(ctx, h.options.Timeout)
	defer cancel()
	r := request{Action: "set", Name: c.Name, Type: "TXT", TTL: int(c.TTL / time.Second), Value: c.Value}
	if c.Value == "" {
		r.Action = "remove"
	}
	stdin, err := json.Marshal(r)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, h.program)
	cmd.Dir = "/"
	cmd.Env = append(os.Environ(), "POSTVET_ACTION="+r.Action, "POSTVET_NAME="+r.Name, "POSTVET_TYPE=TXT", "POSTVET_TTL="+strconv.Itoa(r.TTL), "POSTVET_VALUE="+r.Value)
	cmd.Stdin = bytes.NewReader(append(stdin, '\n'))
	out := &output{}
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	err = cmd.Run()
	last := out.log(h.options.Log)
	var exited *exec.ExitError
	switch {
	case err == nil, cmd.ProcessState != nil && cmd.ProcessState.Success(): // what it has started may go on
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("%s: it did not end within %v", h.program, h.options.Timeout)
	case errors.As(err, &exited) && exited.ExitCode() >= 0:
		return fmt.Errorf("%s: exit code %d%s", h.program, exited.ExitCode(), last)
	case errors.As(err, &exited):
		return fmt.Errorf("%s: ended by %s%s", h.program, exited.ProcessState, last)
	}
	return fmt.Errorf("%s: %w", h.program, errors.Unwrap(err))
}

// output keeps the first octets of what a program writes, and lets it write the rest.
type output struct {
	mu   sync.Mutex
	text []byte
	cut  bool
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	n := min(len(b), maxOutput-len(o.text))
	o.text = append(o.text, b[:n]...)
	o.cut = o.cut || n < len(b)
	return len(b), nil
}

// log hands on the lines, and returns the last one for an error.
func (o *output) log(to func(string)) (last string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for line := range strings.Lines(string(o.text)) {
		line = foreign.Line(strings.TrimSpace(line), 300)
		if line == "" {
			continue
		}
		last = ": " + line
		if to != nil {
			to(line)
		}
	}
	if o.cut && to != nil {
		to("(the program wrote more than is kept)")
	}
	return last
}
