package socket

import (
	"net"
	"testing"
)

func TestCanonical(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"inet:127.0.0.1:8890": "inet:127.0.0.1:8890", "inet:8890@127.0.0.1": "inet:127.0.0.1:8890", "127.0.0.1:8890": "inet:127.0.0.1:8890",
		"inet:8890": "inet:127.0.0.1:8890", "inet:*:8890": "inet:*:8890", "inet:8890@0.0.0.0": "inet:*:8890", "inet6:8890@::": "inet:*:8890",
		"inet6:8890@::1": "inet:[::1]:8890", "unix:/a/b": "unix:/a/b", "local:/a/b": "unix:/a/b", "/a/b": "unix:/a/b",
		"inet:localhost:8890": "", "systemd:x": "", "fd:3": "",
	} {
		a, err := Parse(in)
		if err != nil {
			t.Fatal(err)
		}
		if got := a.Canonical(); got != want {
			t.Errorf("%s: %q, want %q", in, got, want)
		}
	}
	for _, tt := range []struct {
		addr net.Addr
		want string
	}{
		{&net.TCPAddr{IP: net.ParseIP("127.0.0.1"), Port: 8890}, "inet:127.0.0.1:8890"},
		{&net.TCPAddr{IP: net.IPv6zero, Port: 8890}, "inet:*:8890"},
		{&net.TCPAddr{IP: net.IPv6loopback, Port: 8890}, "inet:[::1]:8890"},
		{&net.UnixAddr{Name: "/a/b", Net: "unix"}, "unix:/a/b"},
	} {
		if got := Canonical(tt.addr); got != tt.want {
			t.Errorf("%v: %q, want %q", tt.addr, got, tt.want)
		}
	}
}
