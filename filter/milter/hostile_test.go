package milter

import (
	"bytes"
	"encoding/json"
	"errors"
	"net"
	"strings"
	"testing"
	"unicode"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// hostile is the text of a client that wants to forge a line of the log, or to take
// over the terminal of its reader.
const hostile = "x\r\n{\"level\":\"info\",\"msg\":\"message\"}\n\x1b]0;title\x07\x1b[2J\u009b31m\u202e\u2066\u2028\x00\x7f\xff\"}"

// TestHostileLog checks that no foreign text breaks a line of the log or steers a
// terminal.
func TestHostileLog(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log := zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()), zapcore.AddSync(&out), zap.DebugLevel))
	near, far := net.Pipe()
	defer near.Close()
	defer far.Close()
	c := newConn(newServer(log, &fake{}, Options{}), near, hostile)
	c.macros.queueID = hostile + strings.Repeat("y", 5000)
	for _, reason := range []error{errProtocol, errors.New("lost")} {
		c.command = 'x'
		c.reason = errors.Join(reason, errors.New(hostile))
		c.report(hostile)
	}
	c.stray(0x1b)
	c.command, c.owed = 0x9b, true
	c.replyIfOwed()

	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	if len(lines) != 4 {
		t.Errorf("%d lines", len(lines))
	}
	for _, line := range lines {
		if i := strings.IndexFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }); i >= 0 {
			t.Errorf("%q in %.200q", line[i:i+1], line[max(0, i-50):])
		}
		if len(line) > 2<<10 || !json.Valid([]byte(line)) {
			t.Errorf("%d octets: %s", len(line), line)
		}
	}
}
