package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestEverybody is about lists that are wide: which of them are of one
// organization, and which of everybody.
func TestEverybody(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "hosts")
	if err := os.WriteFile(file, []byte("# all\n192.0.2.1\n0.0.0.0/0\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ list, want string }{
		{`"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8", "fc00::/7", "fe80::/10"`, ""},
		{`"17.0.0.0/8", "19.0.0.0/8", "2a00::/12"`, ""},
		{`"0.0.0.0/0", "!0.0.0.0/1", "!128.0.0.0/1"`, ""},
		{`"0.0.0.0/0"`, "exempts everybody, by 0.0.0.0/0;"},
		{`"::/0"`, "exempts everybody, by ::/0;"},
		{`"0.0.0.0/0", "!192.0.2.0/24"`, "exempts everybody, by 0.0.0.0/0;"},
		{`"0.0.0.0/0", "!198.51.100.0/24"`, "exempts nearly everybody: 100 % of the hosts with IPv4, by 0.0.0.0/0;"},
		{`"2400::/6", "2800::/5"`, "exempts nearly everybody: 83 % of the hosts with IPv6, by 2800::/5;"},
		{`"file:` + file + `"`, "exempts everybody, by 0.0.0.0/0 in " + file + ";"},
	} {
		_, err := Parse("p.toml", []byte("[exempt]\naddresses = ["+tc.list+"]\n"))
		if tc.want == "" {
			if err != nil {
				t.Errorf("%s: %v", tc.list, err)
			}
			continue
		}
		if err == nil || !strings.HasPrefix(err.Error(), "p.toml:2: exempt.addresses: "+tc.want) {
			t.Errorf("%s: %v, want %s", tc.list, err, tc.want)
		}
	}
}

// TestAllBadLines: every bad line of a file of entries is named at once.
func TestAllBadLines(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "hosts")
	if err := os.WriteFile(file, []byte("192.0.2.1\n192.0.2.300\n# a remark\na b\nmx.example\n10.0.0.1/8\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Parse("p.toml", []byte("[exempt]\nnames = [\"file:"+file+"\"]\n"))
	if err == nil || !strings.Contains(err.Error(), file+":2: \"192.0.2.300\"") || !strings.Contains(err.Error(), "(bad, too: line 4, 6);") {
		t.Error(err)
	}
}

// TestAllBadEntries: every bad entry of a list is named at once, too.
func TestAllBadEntries(t *testing.T) {
	t.Parallel()
	many := strings.Repeat(`"a..b", `, 30)
	for _, tc := range []struct{ text, want string }{
		{`[exempt]
addresses = ["192.0.2.300", "192.0.2.1", "mx.example", "10.0.0.1/8"]`, `(bad, too: "mx.example", "10.0.0.1/8");`},
		{`[trust]
forwarders = ["a..b", "mx.example", "file:/absent", "c..d"]`, `(bad, too: "c..d");`},
		{`[dns]
resolvers = ["nonsense", "127.0.0.1", "127.0.0.1:99999"]`, `(bad, too: "127.0.0.1:99999");`},
		{`[lists]
x = [` + many + `"192.0.2.1"]`, `, ...);`},
	} {
		_, err := Parse("p.toml", []byte(tc.text+"\n"))
		if err == nil || !strings.Contains(err.Error(), tc.want) || len(err.Error()) > 500 {
			t.Errorf("%s: %v, want %s", tc.text, err, tc.want)
		}
	}
}
