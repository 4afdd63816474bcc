//go:build linux

package sql_test

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/keys/sql"
	"github.com/postvet/postvet/contrib/keyservers"
)

// message is one of PostgreSQL's protocol.
func message(kind byte, body string) string {
	return string(kind) + string(binary.BigEndian.AppendUint32(nil, uint32(len(body)+4))) + body
}

// TestLyingServer: a server that answers with nonsense or without end costs an error. It
// ends neither the service nor its memory.
func TestLyingServer(t *testing.T) {
	const tooLarge = "the server answers with more than a key can have"
	columns := message('T', "\x00\x02a\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x19\xff\xff\xff\xff\xff\xff\x00\x00b\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x19\xff\xff\xff\xff\xff\xff\x00\x00")
	row := message('D', "\x00\x02\x00\x00\x00\x02s1\x00\x00\x00\x03KEY")
	end := message('C', "SELECT 1\x00") + message('Z', "I")
	for _, tt := range []struct{ name, answer, want string }{
		{"the key", message('1', "") + message('2', "") + columns + row + end, ""},
		{"a message of 2 GB", "T\x7f\xff\xff\xff\x00\x02", tooLarge},
		{"a negative length", "T\x80\x00\x00\x04\x00\x02", tooLarge},
		{"no length", "T\x00\x00\x00\x00\x00\x02", tooLarge},
		{"a row of 64 MB", message('1', "") + message('2', "") + columns + message('D', strings.Repeat("x", 64<<20)), tooLarge},
		{"columns that are not there", message('1', "") + message('2', "") + message('T', "\xff\xff"), "*"},
		{"a field that is not there", message('1', "") + message('2', "") + columns + message('D', "\x00\x02\x7f\xff\xff\xffs1"), "*"},
		{"rows without end", message('1', "") + message('2', "") + columns + strings.Repeat(row, 100000), "example.org has more than 50 keys"},
		{"notices without end", strings.Repeat(message('N', "Mx\x00\x00"), 100000), "*"},
		{"another protocol", "HTTP/1.1 400 Bad Request\r\n\r\n", tooLarge},
		{"the end", "", "*"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			host, port, _ := net.SplitHostPort(keyservers.Listen(t, func(c net.Conn) { lie(c, tt.answer) }))
			d := sql.New(sql.Options{DSN: "host=" + host + " port=" + port + " user=x dbname=x sslmode=disable", Query: query})
			defer d.Close()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := d.Ask(ctx, "example.org")
			runtime.ReadMemStats(&after)
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || tt.want != "*" && !strings.HasSuffix(err.Error(), tt.want)) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
			if grown := after.TotalAlloc - before.TotalAlloc; grown > 16<<20 {
				t.Errorf("%d octets were allocated", grown)
			}
		})
	}
}

// lie serves a connection: it lets everybody in, and answers what follows as given.
func lie(c net.Conn, answer string) {
	defer c.Close()
	start := make([]byte, 4)
	if _, err := io.ReadFull(c, start); err != nil {
		return
	}
	if _, err := io.CopyN(io.Discard, c, int64(binary.BigEndian.Uint32(start))-4); err != nil {
		return
	}
	_, _ = io.WriteString(c, message('R', "\x00\x00\x00\x00")+message('Z', "I"))
	if _, err := c.Read(make([]byte, 64<<10)); err != nil {
		return
	}
	_, _ = io.Copy(c, struct{ io.Reader }{strings.NewReader(answer)}) // in small pieces
}
