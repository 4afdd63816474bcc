//go:build linux

package realmta

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// ContentFilter is an SMTP server that takes mail from an MTA, changes it, and hands it in
// again at another port, as amavis does.
type ContentFilter struct {
	server smtpServer
	out    string

	mu   sync.Mutex
	errs []error
}

// StartContentFilter starts a filter that listens on a port of 127.0.0.1, and hands mail
// in at out. Close ends it.
func StartContentFilter(port, out string) (*ContentFilter, error) {
	f := &ContentFilter{out: out}
	f.server = smtpServer{name: "filter", take: f.take}
	if err := f.server.listen(net.JoinHostPort("127.0.0.1", port)); err != nil {
		return nil, err
	}
	return f, nil
}

// Close ends the filter once the MTA has ended its sessions, and returns their errors.
func (f *ContentFilter) Close() error {
	err := f.server.wait()
	f.mu.Lock()
	defer f.mu.Unlock()
	return errors.Join(append(f.errs, err)...)
}

// take hands a message on. What fails is told at the end too.
func (f *ContentFilter) take(r Relayed) (reply string) {
	reply, err := f.handOn(r)
	if err != nil {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.errs = append(f.errs, err)
		return fmt.Sprintf("451 4.3.0 %v", err)
	}
	return reply
}

// handOn changes a message and hands it in. It returns the reply to it.
func (f *ContentFilter) handOn(r Relayed) (reply string, err error) {
	c, err := Dial(context.Background(), "127.0.0.1", f.out)
	if err != nil {
		return "", err
	}
	defer c.Close()
	if _, err := c.Cmd("EHLO localhost"); err != nil {
		return "", err
	}
	head, body, _ := bytes.Cut(r.Message, []byte("\r\n\r\n"))
	var b bytes.Buffer
	fmt.Fprintf(&b, "X-Virus-Scanned: by a filter\r\nReceived: from localhost ([127.0.0.1])\r\n\tby localhost (filter [127.0.0.1]) with ESMTP;\r\n\t%s\r\n", time.Now().Format(time.RFC1123Z))
	fmt.Fprintf(&b, "%s\r\n\r\n%s\r\nScanned by a filter.\r\n", head, body)
	answer, err := c.Send(address(r.Mail), r.Recipients, b.Bytes())
	if err != nil {
		return "", err
	}
	return answer.String(), nil
}
