package config

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestSecretsInWrongPlaces puts private keys, the names of their files, and passwords where
// something else belongs. The errors, which a reload writes into the log, show none of them.
func TestSecretsInWrongPlaces(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, key := range map[string]any{"rsa": rsaKey, "ed25519": edKey} {
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		text, plain := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), base64.StdEncoding.EncodeToString(der)
		lines := strings.Split(strings.TrimSpace(string(text)), "\n")
		bare := strings.Join(lines[1:len(lines)-1], "\n") + "\n"
		for file, content := range map[string]string{"pem": string(text), "bare": bare, "plain": plain + "\n"} {
			if err := os.WriteFile(filepath.Join(dir, name+"."+file), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		var texts []string
		for _, file := range []string{"pem", "bare", "plain"} {
			for _, text := range []string{
				"[sign.opendkim]\nsigning_table = \"csl:*=x\"\nkey_table = \"FILE\"\n",
				"[sign.opendkim]\nsigning_table = \"FILE\"\nkey_table = \"csl:x=example.org:s:/k\"\n",
				"[sign.opendkim]\nsigning_table = \"refile:FILE\"\nkey_table = \"csl:x=example.org:s:/k\"\n",
				"[sign.rspamd]\npath_map = \"FILE\"\n",
				"[sign.rspamd]\npath = \"/k\"\nselector_map = \"FILE\"\n",
				"[sign]\nkeys = \"/k\"\nlogins = \"FILE\"\n",
				"[sign]\nkeys = \"/k\"\nnetworks = [\"file:FILE\"]\n",
				"[lists]\na = [\"file:FILE\"]\n",
			} {
				texts = append(texts, strings.ReplaceAll(text, "FILE", filepath.Join(dir, name+"."+file)))
			}
		}
		for _, text := range []string{
			"[sign]\nkeys = \"KEY\"\n", "[sign]\nstate = \"KEY\"\n", "[sign]\nfiles = [\"a.example:KEY:/k\"]\n", "[sign]\nfiles = [\"KEY\"]\n", "[sign]\nnetworks = [\"KEY\"]\n",
			"[sign.opendkim]\nsigning_table = \"csl:*=x\"\nkey_table = \"KEY\"\n", "[sign.opendkim]\nsigning_table = \"csl:*=x\"\nkey_table = \"csl:x=example.org:KEY:s\"\n",
			"[sign.opendkim]\nsigning_table = \"csl:*=x\"\nkey_table = \"csl:x=KEY\"\n", "[sign.opendkim]\nsigning_table = \"csl:*=x\"\nkey_table = \"csl:x=example.org:s:/k:KEY\"\n",
			"[sign.shared]\nselector = \"KEY\"\nkey = \"KEY\"\n", "[sign.rspamd]\npath = \"KEY\"\n", "[sign.redis]\naddress = \"KEY\"\n", "[sign.vault]\nurl = \"KEY\"\n",
			"[sign.redis]\naddress = \"redis://:KEY@127.0.0.1:6379\"\n", "[sign.vault]\nurl = \"http://x:KEY@127.0.0.1\"\n", "[sign.sql]\ndsn = \"postgres://x:KEY@127.0.0.1/x\"\n",
		} {
			texts = append(texts, strings.ReplaceAll(text, "KEY", plain))
		}
		for i, text := range texts {
			path := filepath.Join(dir, "postvet.toml")
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := Load(path)
			if err == nil {
				t.Errorf("%d: no error: %.100s", i, text)
				continue
			}
			// All but the first octets, which are the same in all keys.
			for at := 24; at+12 <= len(plain); at += 12 {
				if strings.Contains(err.Error(), plain[at:at+12]) {
					t.Errorf("%.150s:\n%.500s\nshows the key", text, err)
					break
				}
			}
		}
	}
	for _, text := range []string{"[sign.redis]\naddress = \"redis://:sesame@127.0.0.1:6379\"\n", "[sign.vault]\nurl = \"http://x:sesame@127.0.0.1\"\n", "[sign.sql]\ndsn = \"postgres://x:sesame@127.0.0.1/x\"\n"} {
		path := filepath.Join(dir, "postvet.toml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(path); err == nil || strings.Contains(err.Error(), "sesame") {
			t.Errorf("%s: %v", text, err)
		}
	}
}
