package control

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"net"
	"time"
)

// serve reads one request and writes one response, or those of a [Stream].
func (s *Server) serve(c *conn) {
	q, err := s.request(c)
	if errors.Is(err, errGone) {
		return
	}
	var result any
	if err == nil {
		var give func()
		if give, err = s.take(c); err == nil {
			defer give() // a response that is being written needs memory
			c.idle.Remove()
			if q.Body != nil {
				s.extendRead(c)
			}
			result, err = s.opt.Handler(s.ctx, c.peer, q)
		}
	}
	if stream, ok := result.(Stream); ok && err == nil {
		s.stream(c, stream)
		return
	}
	_ = s.respond(c, result, err) // a client that is gone needs no answer
}

// respond writes a response within the time for one.
func (s *Server) respond(c net.Conn, result any, err error) error {
	s.mu.Lock()
	if !s.closed {
		_ = c.SetWriteDeadline(time.Now().Add(s.opt.Timeout))
	}
	s.mu.Unlock()
	return s.write(c, result, err)
}

// errGone means that nobody waits for an answer.
var errGone = errors.New("control: no request came")

// request reads the request of a connection.
func (s *Server) request(c *conn) (Request, error) {
	in := bufio.NewReaderSize(c, maxRequest)
	line, err := readLine(in)
	if err != nil {
		var r *Refusal
		if errors.As(err, &r) {
			return Request{}, r
		}
		select {
		case <-c.replaced:
			return Request{}, errReplaced
		default:
			return Request{}, errGone
		}
	}
	q, refusal := parseRequest(line)
	if refusal != nil {
		return Request{}, refusal
	}
	if q.Do == DoCacheLoad {
		q.Body = in
	}
	return q, nil
}

// extendRead gives a client the time to send what follows its request.
func (s *Server) extendRead(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		_ = c.SetReadDeadline(time.Now().Add(TransferTime))
	}
}

// readLine reads a line, which may lack its end at the end of the stream.
func readLine(b *bufio.Reader) ([]byte, error) {
	line, err := b.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return nil, refuse(CodeRequest, "the request is longer than %d octets; write one line of JSON", maxRequest)
	case errors.Is(err, io.EOF) && len(line) > 0:
	case err != nil:
		return nil, err
	}
	return line, nil
}

func (s *Server) write(c net.Conn, result any, err error) error {
	r := Response{V: Version, Postvet: s.opt.Postvet}
	if err == nil {
		r.Result, err = json.Marshal(result)
	}
	if err != nil {
		r.Result, r.Code, r.Errors = nil, CodeFailed, []string{err.Error()}
		var refusal *Refusal
		if errors.As(err, &refusal) {
			r.Code, r.Errors = refusal.Code, refusal.Errors
		}
	}
	b, err := json.Marshal(r)
	if err != nil {
		return err // impossible: r holds strings and what was marshalled before
	}
	_, err = c.Write(append(b, '\n'))
	return err
}
