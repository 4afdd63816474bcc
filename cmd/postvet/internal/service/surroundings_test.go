package service

import "testing"

func TestReachable(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]bool{
		"inet:127.0.0.1:8890": false, "inet:[::1]:8890": false, "inet:*:8890": true, "inet:10.0.0.2:8890": true,
		"unix:/run/postvet/postvet.sock": true, "": true,
	} {
		if got := reachable(s); got != want {
			t.Errorf("%q: %v", s, got)
		}
	}
}

func TestNamesResolver(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"": false, "\n": false, "# nameserver 192.0.2.1\n": false, "search example.org\noptions ndots:0\n": false, "nameserver\n": false,
		"search example.org\nnameserver 127.0.0.11\n": true, " nameserver\t::1": true,
	} {
		if got := namesResolver(text); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func TestShown(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ postfix, canonical, want string }{
		{"inet:127.0.0.1:8890", "inet:*:8890", "inet:*:8890"}, // a container's
		{"inet:127.0.0.1:8890", "inet:127.0.0.1:8890", "inet:127.0.0.1:8890"},
		{"unix:postvet/postvet.sock", "unix:/var/spool/postfix/postvet/postvet.sock", "unix:postvet/postvet.sock"},
	} {
		if got := shown(c.postfix, c.canonical); got != c.want {
			t.Errorf("%s at %s: %s", c.postfix, c.canonical, got)
		}
	}
}
