package mtasetup

import (
	"net"
	"strings"
	"testing"
)

func TestSocket(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		addr                    net.Addr
		postfix, sendmail, note string
	}{
		{&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8890}, "inet:127.0.0.1:8890", "inet:8890@127.0.0.1", ""},
		{&net.TCPAddr{IP: net.IPv6loopback, Port: 8890}, "inet:[::1]:8890", "inet6:8890@::1", ""},
		{&net.TCPAddr{IP: net.IPv6unspecified, Port: 8890}, "inet:127.0.0.1:8890", "inet:8890@127.0.0.1", "firewall"},
		{&net.UnixAddr{Net: "unix", Name: "/run/postvet/s"}, "unix:/run/postvet/s", "unix:/run/postvet/s", "chroot"},
		{&net.UnixAddr{Net: "unix", Name: "/var/spool/postfix/postvet/s"}, "unix:postvet/s", "unix:/var/spool/postfix/postvet/s", "relative"},
	} {
		s := ofAddr(tc.addr)
		if s.Postfix != tc.postfix || s.Sendmail != tc.sendmail || !strings.Contains(s.Note, tc.note) || (tc.note == "") != (s.Note == "") {
			t.Errorf("%v: got %+v", tc.addr, s)
		}
	}
}
