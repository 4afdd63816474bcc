package redis_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/keys/redis"
	"github.com/postvet/postvet/contrib/keyservers"
)

// TestLyingServer: a server that answers with nonsense or without end costs an error. It
// ends neither the service nor its memory.
func TestLyingServer(t *testing.T) {
	t.Parallel()
	const tooLarge, noAnswer = "the server answers with more than a key can have", "the server does not speak the protocol of Redis"
	for _, tt := range []struct{ name, hello, answer, want string }{
		{"a string of any length", "", "$9223372036854775807\r\n", tooLarge},
		{"a length beyond all numbers", "", "$92233720368547758080\r\n", tooLarge},
		{"a string of 2 GB", "", "$2147483647\r\nx", tooLarge},
		{"a negative length", "", "$-5\r\n", noAnswer},
		{"a length that is none", "", "$x\r\n", noAnswer},
		{"a string in pieces", "", "$?\r\n;9223372036854775807\r\n", noAnswer},
		{"a list of any length", "", "*9223372036854775807\r\n", tooLarge},
		{"a table of any length", "", "%4611686018427387904\r\n", tooLarge},
		{"a table of a negative length", "", "%-1\r\n", noAnswer},
		{"lists in lists", "", strings.Repeat("*1\r\n", 100000), tooLarge},
		{"lists in lists beside strings", "", strings.Repeat("*2\r\n:1\r\n", 100000), tooLarge},
		{"an attribute", "", "|9223372036854775807\r\n", noAnswer},
		{"behind a truth value", "", "#tXY$9223372036854775807\r\n", noAnswer},
		{"behind a null", "", "_XY$9223372036854775807\r\n", noAnswer},
		{"a line without end", "", "+" + strings.Repeat("x", 1<<20), tooLarge},
		{"half a line end", "", "$55\n", noAnswer},
		{"zeros", "", strings.Repeat("\x00", 100) + "\r\n", noAnswer},
		{"another protocol", "", "HTTP/1.1 400 Bad Request\r\n\r\n", noAnswer},
		{"a list instead of a string", "", "*2\r\n$1\r\na\r\n*1\r\n$-1\r\n", "valkey message type array is not a string"},
		{"a list at the greeting", "*9223372036854775807\r\n", "", tooLarge},
		{"a table at the greeting", "%9223372036854775807\r\n", "", tooLarge},
		{"the key", "", "$3\r\nKEY\r\n", ""},
		{"a null", "", "_\r\n", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			address := keyservers.Listen(t, func(c net.Conn) { lie(c, tt.hello, tt.answer) })
			s := redis.New(redis.Options{Address: address, Keys: "k", Selector: "s"})
			defer s.Close()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			_, err := s.Ask(ctx, "example.org")
			for range 3 { // a machine that stands still is late for the limits of a connection
				if !errors.Is(err, context.DeadlineExceeded) {
					break
				}
				_, err = s.Ask(ctx, "example.org")
			}
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.HasSuffix(err.Error(), tt.want)) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
}

// lie serves a connection. It answers HGET and, if hello is not empty, HELLO as given.
func lie(c net.Conn, hello, answer string) {
	defer c.Close()
	answers := map[string]string{
		"HGET":  answer,
		"HELLO": "%2\r\n+version\r\n+7.2.0\r\n+modules\r\n*1\r\n%1\r\n$4\r\nname\r\n$4\r\njson\r\n",
	}
	if hello != "" {
		answers["HELLO"] = hello
	}
	for r := bufio.NewReader(c); ; {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		word := strings.ToUpper(strings.TrimSpace(line))
		switch given, known := answers[word]; {
		case known:
			_, _ = io.WriteString(c, given)
		case word == "CLIENT" || word == "SELECT":
			_, _ = io.WriteString(c, "+OK\r\n")
		}
	}
}
