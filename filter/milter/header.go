package milter

import (
	"bytes"
	"fmt"

	gomilter "github.com/emersion/go-milter"
)

// minRead is how much of a field is read even if the session accepts less, because it
// needs the name and the start of every field.
const minRead = 64 << 10

// header passes a header field of n octets to the session. Like libmilter it ignores what
// follows the second NUL.
func (c *Conn) header(n int) error {
	c.expect(byte(gomilter.CodeHeader))
	room := 0
	if c.state.message {
		room = c.session.HeaderRoom()
	}
	taken := min(n, max(room, minRead))
	data, err := c.payload(taken)
	if err != nil {
		return err
	}
	if err := c.discard(n - taken); err != nil {
		return err
	}
	cut := taken < n
	name, rest, ok := bytes.Cut(data, []byte{0})
	if !ok && !cut || len(name) == 0 {
		return fmt.Errorf("%w: a header field without a name or a value", errProtocol)
	}
	value, _, whole := bytes.Cut(rest, []byte{0})
	if c.state.message {
		both := string(data[:min(len(name)+1+len(value), len(data))]) // with the NUL between them
		f := Field{Name: both[:len(name)], Value: both[min(len(name)+1, len(both)):], Fits: n <= room, Truncated: cut && !whole}
		if !c.agreed.exactHeader() {
			f.Value = restoreSpace(f.Value)
		}
		c.session.Header(f)
	}
	c.goOn()
	return nil
}

// restoreSpace adds the space after the colon that an MTA without HDR_LEADSPC removes. A
// value that begins with a tab or a fold most likely had none.
func restoreSpace(value string) string {
	if value != "" && (value[0] == '\t' || value[0] == '\n' || value[0] == '\r') {
		return value
	}
	return " " + value
}

// body passes n octets of the body to the session without copying them.
func (c *Conn) body(n int) error {
	for n > 0 {
		if c.in.Buffered() == 0 {
			if _, err := c.in.Peek(1); err != nil {
				return unexpected(err)
			}
		}
		p, err := c.in.Peek(min(n, c.in.Buffered()))
		if err != nil {
			return unexpected(err)
		}
		if c.state.message {
			c.session.Body(p)
		}
		_, _ = c.in.Discard(len(p))
		n -= len(p)
	}
	return nil
}
