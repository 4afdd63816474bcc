package config

import (
	"strings"
	"testing"
)

func TestQualify(t *testing.T) {
	t.Parallel()
	hosts := `127.0.0.1 localhost
127.0.1.1 MX.Example.Org mx  # the usual line of Debian
# 127.0.0.1 mail.example.org mail
10.0.0.1 other.example.org web
10.0.0.2 web.example.net www web2
`
	for _, tc := range []struct{ name, want string }{
		{"mx", "mx.example.org"},
		{"mail", "mail"},
		{"web", "web"}, // an alias of another name is not its short form
		{"localhost", "localhost"},
		{"", ""},
	} {
		if got := qualify(tc.name, strings.NewReader(hosts)); got != tc.want {
			t.Errorf("%q: got %q, want %q", tc.name, got, tc.want)
		}
	}
}
