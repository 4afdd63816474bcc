package foreign

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"math/rand/v2"
	"strings"
	"testing"
)

func TestHideKeys(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ text, want string }{
		{"", ""},
		{"*@example.org", "*@example.org"},
		{"/usr/local/etc/opendkim/keys/mail/private/signing2026", "/usr/local/etc/opendkim/keys/mail/private/signing2026"},
		{"/tmp/TestOfCAs486953380/001/none", "/tmp/TestOfCAs486953380/001/none"},
		{"a key MC4CAQAwBQYDK2VwBCIEIDzjzGWb3DnRD4bumuQMty05xrpaJyUt6vVEPOCLsyxL.", "a key [64 octets hidden]."},
		{"mail:AAAAC3NzaC1lZDI1NTE5AAAA:MC4CAQAwBQYDK2VwBCIEIDzjz", "mail:[24 octets hidden]:[25 octets hidden]"},
	} {
		if got := HideKeys(tt.text); got != tt.want {
			t.Errorf("%q: %q, want %q", tt.text, got, tt.want)
		}
	}
}

// TestHideKeysOfAll hides each line of keys, whatever their secret is.
func TestHideKeysOfAll(t *testing.T) {
	t.Parallel()
	r := rand.NewChaCha8([32]byte{1})
	for range 500 {
		seed := make([]byte, ed25519.SeedSize)
		_, _ = r.Read(seed)
		der, err := x509.MarshalPKCS8PrivateKey(ed25519.NewKeyFromSeed(seed))
		if err != nil {
			t.Fatal(err)
		}
		text := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})) + base64.StdEncoding.EncodeToString(seed)
		for line := range strings.Lines(text) {
			line = strings.TrimSpace(line)
			if got := HideKeys(line); got == line && !strings.HasPrefix(line, "-----") {
				t.Errorf("%s stays", line)
			}
		}
	}
}
