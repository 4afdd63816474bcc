package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A file of authorities is read with the configuration, and again with each reload. A file
// that cannot be used is a mistake, with its name and what is wrong.
func TestTLSCA(t *testing.T) {
	t.Parallel()
	authority, err := os.ReadFile("testdata/authority.pem")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	main, file := filepath.Join(dir, "postvet.toml"), filepath.Join(dir, "ca.pem")
	write := func(path, text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(main, "[dns]\ntls_ca = \"ca.pem\"\n")
	const broken = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n"
	for _, c := range []struct{ name, text, want string }{
		{"no PEM", "hello", "has no certificate in PEM"},
		{"a key", "-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n", "has no certificate, but something else: private key"},
		{"a broken one behind a good one", string(authority) + broken, "has a certificate that cannot be read, number 2: x509: "},
		{"empty", "", "has no certificate in PEM"},
	} {
		write(file, c.text)
		if _, err := Load(main); err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), main+":2: dns.tls_ca: ") || !strings.Contains(err.Error(), file) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(main); err == nil || !strings.Contains(err.Error(), file+`" cannot be read: `) {
		t.Errorf("no file: %v", err)
	}
	write(file, "comment\n"+string(authority))
	one, err := Load(main)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Load(main)
	if err != nil || !one.SameDNS(again) || one.ResolverOptions(nil).RootCAs == nil || one.SameDNS(Default()) {
		t.Errorf("read again without a change: %v", err)
	}
	other, err := os.ReadFile("testdata/authority2.pem")
	if err != nil {
		t.Fatal(err)
	}
	write(file, string(other))
	if next, err := Load(main); err != nil || next.SameDNS(one) {
		t.Errorf("another authority in the same file: %v", err)
	}
	c := Default()
	if err := c.SetFlag("--tls-ca", "dns.tls_ca", file); err != nil {
		t.Fatal(err)
	}
	if err := c.Check(); err != nil || c.DNS.Authorities == nil {
		t.Errorf("by the flag: %v", err)
	}
	if err := c.SetFlag("--tls-ca", "dns.tls_ca", file+"x"); err != nil {
		t.Fatal(err)
	}
	if err := c.Check(); err == nil || !strings.HasPrefix(err.Error(), "--tls-ca: dns.tls_ca: ") {
		t.Errorf("by the flag: %v", err)
	}
}
