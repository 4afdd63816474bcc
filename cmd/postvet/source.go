package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/postvet/postvet/policy"
	"github.com/postvet/postvet/policy/message"
)

// source is where a message comes from.
type source struct {
	name    string
	reader  io.Reader
	file    *os.File // to close; nil for standard input
	present bool     // there is a message
}

// stdinPatience is how long standard input may be silent if nobody asked for it
// to be read: a script's input may be a pipe that nobody writes to.
const stdinPatience = 2 * time.Second

// openSource opens the message that the arguments name.
func openSource(in *os.File, args []string, errOut io.Writer) (*source, error) {
	switch {
	case len(args) == 0:
		return unaskedInput(in, errOut, stdinPatience), nil
	case args[0] == "-":
		r := bufio.NewReader(in)
		if _, err := r.Peek(1); err == io.EOF {
			return &source{}, nil
		} else if err != nil {
			return nil, failed("%s; give the message to standard input, or name a file", fileError("standard input", err))
		}
		return &source{name: "standard input", reader: r, present: true}, nil
	}
	f, err := os.Open(args[0])
	if err != nil {
		return nil, failed("%s; name a file with one message", fileError(args[0], err))
	}
	return &source{name: args[0], reader: f, file: f, present: true}, nil
}

// unaskedInput reads standard input if it is a file or a pipe with something in
// it. Terminals and /dev/null hold no message.
func unaskedInput(in *os.File, errOut io.Writer, patience time.Duration) *source {
	none := &source{}
	if in == nil {
		return none
	}
	fi, err := in.Stat()
	if err != nil || fi.Mode()&os.ModeCharDevice != 0 || fi.IsDir() {
		return none
	}
	r := bufio.NewReader(in)
	first := make(chan error, 1)
	go func() {
		_, err := r.Peek(1)
		first <- err
	}()
	select {
	case err := <-first:
		if err != nil {
			return none
		}
		return &source{name: "standard input", reader: r, present: true}
	case <-time.After(patience):
		fmt.Fprintf(errOut, "postvet: standard input is silent, going on without a message; write \"-\" to wait for one\n")
		return none
	}
}

// feed gives the message to the checker as it would arrive, and to also, with
// CRLF line ends.
func (s *source) feed(msg *policy.Message, also io.Writer) error {
	r := message.NewReader(s.reader)
	header, err := r.Header()
	if err != nil {
		return s.unreadable(err)
	}
	for _, f := range header {
		msg.Field(f)
		_, _ = io.WriteString(also, f.Raw)
	}
	msg.EndOfHeader()
	_, _ = io.WriteString(also, "\r\n")
	if _, err := r.WriteTo(io.MultiWriter(msg, also)); err != nil {
		return s.unreadable(err)
	}
	return nil
}

func (s *source) unreadable(err error) error {
	return failed("%s; name a file with one message", fileError(s.name, err))
}

func (s *source) Close() {
	if s.file != nil {
		_ = s.file.Close()
	}
}
