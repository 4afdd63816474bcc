package config

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// writePair writes a certificate and its key, in PEM.
func writePair(t *testing.T, cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	text, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: text}} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestWebCertificate: files with which the service does not start are faults, and a key that
// others can read is a warning.
func TestWebCertificate(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	writePair(t, path("a.pem"), path("a.key"))
	writePair(t, path("b.pem"), path("b.key"))
	writePair(t, path("open.pem"), path("open.key"))
	if err := os.Chmod(path("open.key"), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, x := range map[string]struct{ cert, key, fault, warning string }{
		"a pair":     {"a.pem", "a.key", "", ""},
		"no key":     {"a.pem", "none.key", `:5: web.tls_key: "DIR/none.key" does not exist, so that the service does not start; name a file in PEM`, ""},
		"no cert":    {"none.pem", "a.key", `:4: web.tls_cert: "DIR/none.pem" does not exist`, ""},
		"of another": {"a.pem", "b.key", "private key does not match public key; name a certificate with its chain", ""},
		"exchanged":  {"a.key", "a.pem", "so that the service does not start: tls: failed to find certificate", ""},
		"open":       {"open.pem", "open.key", "", `:5: web.tls_key: "DIR/open.key" can be read by others (mode 0644), who can pretend to be this page; run chmod 640`},
	} {
		c, err := loadWeb(t, "listen = \"inet:127.0.0.1:8895\"\nusers = [\"ann:"+strongHash+":admin\"]\ntls_cert = \""+path(x.cert)+"\"\ntls_key = \""+path(x.key)+"\"", "", 0o600)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for what, of := range map[string]struct {
			got  Errors
			want string
		}{"faults": {c.StartFaults(), x.fault}, "warnings": {c.Warnings(), x.warning}} {
			if got := strings.ReplaceAll(of.got.Error(), dir, "DIR"); (of.want == "") != (len(of.got) == 0) || !strings.Contains(got, of.want) {
				t.Errorf("%s: %s %q, want %q", name, what, got, of.want)
			}
		}
	}
}
