package socket

import (
	"strconv"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	t.Parallel()
	tests := []struct {
		in            string
		network, addr string
		err           string
	}{
		{"inet:127.0.0.1:8890", "tcp", "127.0.0.1:8890", ""},
		{"inet:localhost:8890", "tcp", "localhost:8890", ""},
		{"inet:[::1]:8890", "tcp", "[::1]:8890", ""},
		{"inet:8890", "tcp", "127.0.0.1:8890", ""},
		{"inet::8890", "tcp", "127.0.0.1:8890", ""},
		{"inet:*:8890", "tcp", ":8890", ""},
		{"inet:8890@127.0.0.1", "tcp", "127.0.0.1:8890", ""},
		{"inet:8890@0.0.0.0", "tcp", "0.0.0.0:8890", ""},
		{"inet:8890@[::1]", "tcp", "[::1]:8890", ""},
		{"inet6:8890@::1", "tcp6", "[::1]:8890", ""},
		{"inet6:8890", "tcp6", "[::1]:8890", ""},
		{"INET:8890", "tcp", "127.0.0.1:8890", ""},
		{"127.0.0.1:8890", "tcp", "127.0.0.1:8890", ""},
		{"[::1]:8890", "tcp", "[::1]:8890", ""},
		{":8890", "tcp", "127.0.0.1:8890", ""},
		{"localhost:smtp", "tcp", "localhost:smtp", ""},
		{"unix:/run/postvet/milter.sock", "unix", "/run/postvet/milter.sock", ""},
		{"local:/run/postvet/milter.sock", "unix", "/run/postvet/milter.sock", ""},
		{"/run/postvet/milter.sock", "unix", "/run/postvet/milter.sock", ""},
		{"systemd:postvet.socket", "systemd", "postvet.socket", ""},
		{"fd:3", "fd", "3", ""},

		{"", "", "", "neither inet:host:port nor unix:/path"},
		{"8890", "", "", "neither inet:host:port nor unix:/path"},
		{"unix:postvet/milter.sock", "", "", "must be absolute (Postfix looks for a relative one below its queue directory, such as /var/spool/postfix/postvet/milter.sock)"},
		{"unix:/" + strings.Repeat("x", 107), "", "", "108 octets"},
		{"unix:/run/", "", "", "names no file"},
		{"unix:", "", "", "must be absolute"},
		{"inet:", "", "", `"" is not a port`},
		{"inet:localhost", "", "", `"localhost" is not a port`},
		{"inet:localhost:70000", "", "", "not between"},
		{"inet:-1@localhost", "", "", "not between"},
		{"inet:::1:8890", "", "", "needs brackets: [::1]:8890"},
		{"http://127.0.0.1:8895", "", "", "a URL is no address"},
		{"inet:8890@a@b", "", "", "malformed host"},
		{"inet:a b:8890", "", "", "malformed host"},
		{"smtp:no", "", "", `"no" is not a port`},
		{"systemd:", "", "", "FileDescriptorName="},
		{"fd:2", "", "", "first one is 3"},
		{"fd:x", "", "", "not the number"},
	}
	for _, tt := range tests {
		a, err := Parse(tt.in)
		switch {
		case tt.err == "" && (err != nil || a != Address{tt.network, tt.addr}):
			t.Errorf("%q: %+v, %v", tt.in, a, err)
		case tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err) || !strings.Contains(err.Error(), strconv.Quote(tt.in))):
			t.Errorf("%q: %v", tt.in, err)
		}
		if tt.err == "" && tt.addr[0] != ':' {
			if b, err := Parse(a.String()); err != nil || b != a {
				t.Errorf("%q: String %q is %+v, %v", tt.in, a, b, err)
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"inet:8890@[::1]", "unix:/x", "[]:1", "inet6:@", "fd:3", "/"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := Parse(s)
		if (err == nil) != (a.Network != "" && a.Address != "") {
			t.Fatalf("%q: %+v %v", s, a, err)
		}
	})
}
