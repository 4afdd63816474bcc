package opendkim

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/cmd/postvet/internal/keys"
	"github.com/postvet/postvet/policy/message"
)

// write writes a file into a directory of the test and returns its path.
func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func load(o Options) (*Tables, error) {
	o.Check = func(key []byte) error {
		_, err := keys.Parse(key)
		return err
	}
	return Load(o)
}

// der returns a small key, PKCS #8.
func der(t testing.TB) []byte {
	t.Helper()
	text, err := x509.MarshalPKCS8PrivateKey(ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestFind asks tables as opendkim does.
func TestFind(t *testing.T) {
	t.Parallel()
	const keyTable = `
# name domain:selector:key
main   example.org:main:DIR/main.private
news	example.org:news:DIR/main.private:rsa-sha256
third  provider.example:p:DIR/main.private
each   %:s2:DIR/%.private
other.example other.example:s3:INLINE
`
	tests := []struct {
		name, table string
		multiple    bool
		author      string
		want        string // "d/s" of each key, or the error
	}{
		{"an address", "file: ann@example.org news\nexample.org main", false, "Ann@example.org", "example.org/news"},
		{"the host behind it", "file: example.org main\nann@example.org news", false, "bob@example.org", "example.org/main"},
		{"all that fit", "file: example.org main\nann@example.org news\n* third", true, "ann@example.org", "example.org/news example.org/main"},
		{"below by address", "file: ann@.example.org news\n.example.org main", false, "ann@a.b.example.org", "example.org/news"},
		{"below", "file: ann@.example.org news\n.example.org main", false, "bob@a.b.example.org", "example.org/main"},
		{"not itself", "file: .example.org main", false, "bob@example.org", ""},
		{"a user of every host", "file: ann@* each", false, "ann@x.example", "x.example/s2"},
		{"everybody", "file: * each", false, "bob@x.example", "x.example/s2"},
		{"any address of a domain", "file: ann@example.org news\nexample.org main", false, "@example.org", "example.org/main"},
		{"% names the key", "file: * %", false, "bob@other.example", "other.example/s3"},
		{"% names none", "file: * %", false, "bob@x.example", ""},
		{"a foreign domain signs", "file: customer.example third", false, "bob@customer.example", "provider.example/p"},
		{"but not for everybody", "file: * third", false, "bob@customer.example", ""},
		{"only for its own", "file: * third", false, "bob@www.provider.example", "provider.example/p"},
		{"the first of two lines", "file: example.org main\nexample.org news", true, "bob@example.org", "example.org/main"},
		{"a pattern", "refile: *@example.org main", false, "bob@EXAMPLE.org", "example.org/main"},
		{"the first pattern", "refile: *@*.org main\n*@example.org news", false, "bob@example.org", "example.org/main"},
		{"in order of the lines", "refile: b*@example.org news\n*@example.org main", false, "bob@example.org", "example.org/news"},
		{"all patterns", "refile: *@example.org main\nbob@example.org news\n*@*ample.* each", true, "bob@example.org", "example.org/main example.org/news example.org/s2"},
		{"a host alone fits no address", "refile: example.org main", false, "bob@example.org", ""},
		{"several stars", "refile: b*b@*.example.org main", false, "bob@a.example.org", "example.org/main"},
		{"no such pattern", "refile: b*b@*.example.org main", false, "bo@a.example.org", ""},
		{"A-labels", "refile: *@bücher.example each", false, "bob@xn--bcher-kva.example", "xn--bcher-kva.example/s2"},
		{"a list", "csl:example.org=main,other.example=other.example", false, "bob@other.example", "other.example/s3"},
		{"a remark behind", "file: example.org main # ours", false, "bob@example.org", "example.org/main"},
		{"i= is left out", "file: example.org main:postmaster@example.org", false, "bob@example.org", "example.org/main"},
		{"no directory is left", "file: * each", false, "bob@../x", `keys: "../x" and "s2" are no domain and selector in lower case and A-labels`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			inline := base64.StdEncoding.EncodeToString(der(t))
			text := strings.NewReplacer("DIR", dir, "INLINE", inline).Replace(keyTable)
			block := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der(t)}))
			for _, name := range []string{"main", "x.example", "example.org", "xn--bcher-kva.example"} {
				write(t, dir, name+".private", block)
			}
			signing := tt.table
			if scheme, rows, ok := strings.Cut(tt.table, ": "); ok {
				signing = scheme + ":" + write(t, dir, "SigningTable", rows)
			}
			tables, err := load(Options{SigningTable: signing, KeyTable: write(t, dir, "KeyTable", text), Multiple: tt.multiple})
			if err != nil {
				t.Fatal(err)
			}
			local, domain, _ := strings.Cut(tt.author, "@")
			if n, ok := message.NormalizeDomain(domain); ok {
				domain = n
			}
			found, err := keys.InTable(tables, keys.NewFiles(true)).Keys(t.Context(), message.Mailbox{Local: local, Domain: domain})
			var got []string
			for i, k := range found {
				got = append(got, k.Domain+"/"+k.Selector)
				if k.Set != i {
					t.Errorf("set %d of key %d", k.Set, i)
				}
			}
			if err != nil {
				got = append(got, err.Error())
			}
			if d := cmp.Diff(tt.want, strings.Join(got, " ")); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

// TestKeyTablePatterns: a KeyTable may be named as one of patterns if it has none.
func TestKeyTablePatterns(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	signing := write(t, dir, "s", "example.org main\n")
	_, err := load(Options{SigningTable: signing, KeyTable: "refile:" + write(t, dir, "k", "main example.org:s1:/k\n")})
	if err != nil {
		t.Error(err)
	}
	_, err = load(Options{SigningTable: signing, KeyTable: "refile:" + write(t, dir, "k", "m* example.org:s1:/k\n")})
	if err == nil || !strings.Contains(err.Error(), `/k:1: the key "m*" is a pattern, which the name of a key cannot be; write each key on a line of its own`) {
		t.Error(err)
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, signing, keys, want string }{
		{"no key behind a name", "file: example.org", "main example.org:s1:/k", "DIR/SigningTable:1: \"example.org\" has no name of a key behind it; write a line such as \"*@example.org mail\" with the name of a key in the KeyTable"},
		{"no such key", "file: # ours\n\nexample.org maim", "main example.org:s1:/k", "DIR/SigningTable:3: \"example.org\" names the key \"maim\", which the KeyTable does not have; did you mean main?"},
		{"a pattern in a plain table", "file: *@example.org main", "main example.org:s1:/k", "DIR/SigningTable:1: \"*@example.org\" is a pattern, which fits nothing in a plain table; write \"refile:\" in front of the path in signing_table, or the name without \"*\""},
		{"two parts", "file: example.org main", "main example.org:s1", "DIR/KeyTable:1: the key \"main\" has not domain, selector and key with colons between; write a line such as \"mail example.org:2026a:/etc/dkimkeys/mail.private\""},
		{"no domain", "file: example.org main", "main example..org:s1:/k", "DIR/KeyTable:1: the key \"main\" has the domain \"example..org\", which is none; write one such as example.org, or % for that of the author"},
		{"no selector", "file: example.org main", "main example.org:s/1:/k", "DIR/KeyTable:1: the key \"main\" has the selector \"s/1\", which is none; write a line such as \"mail example.org:2026a:/etc/dkimkeys/mail.private\""},
		{"a relative path", "file: example.org main", "main example.org:s1:keys/main.private", "DIR/KeyTable:1: the key \"main\" has the file \"keys/main.private\", which is no absolute path; write a line such as \"mail example.org:2026a:/etc/dkimkeys/mail.private\""},
		{"no key at all", "file: example.org main", "main example.org:s1:SECRETSECRET", "DIR/KeyTable:1: the key \"main\" is not a private key: expected PEM that begins with -----BEGIN PRIVATE KEY-----, as openssl genpkey writes it; write a line such as \"mail example.org:2026a:/etc/dkimkeys/mail.private\""},
		{"an algorithm", "file: example.org main", "main example.org:s1:/k:rsa-sha1", "DIR/KeyTable:1: the key \"main\" has the algorithm \"rsa-sha1\"; write rsa-sha256 or ed25519-sha256, or leave it out"},
		{"a key twice", "file: example.org main", "main example.org:s1:/k\nmain example.org:s2:/k", "DIR/KeyTable:2: the key \"main\" stands in line 1 already, which counts; remove one"},
		{"no file", "/nonexistent/table", "main example.org:s1:/k", "/nonexistent/table: the SigningTable cannot be read: no such file or directory; name a readable file"},
		{"a database", "ldap://x", "main example.org:s1:/k", "the table: the SigningTable \"ldap://x\" is no table in a file; write a path, \"refile:\" and a path for a table with patterns, or a list such as \"csl:key=value\""},
		{"no text", "file: \x00\x01", "main example.org:s1:/k", "DIR/SigningTable: the SigningTable cannot be read: not a text file; name a readable file"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			signing := tt.signing
			if scheme, rows, ok := strings.Cut(signing, ": "); ok {
				signing = scheme + ":" + write(t, dir, "SigningTable", rows)
			}
			_, err := load(Options{SigningTable: signing, KeyTable: write(t, dir, "KeyTable", tt.keys)})
			if err == nil {
				t.Fatal("no error")
			}
			if d := cmp.Diff(tt.want, strings.ReplaceAll(err.Error(), dir, "DIR")); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

// TestLargeTable: of 100,000 lines each bad one is told, and a wrong file in a bounded
// text.
func TestLargeTable(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var signing, keyTable, wrong strings.Builder
	for i := range 100_000 {
		switch i {
		case 4711:
			signing.WriteString("*@broken.example\n")
		default:
			fmt.Fprintf(&signing, "*@d%d.example k%d\n", i, i)
		}
		fmt.Fprintf(&keyTable, "k%d d%d.example:s1:/etc/dkimkeys/d%d.private\n", i, i, i)
		fmt.Fprintf(&wrong, "d%d.example\n", i)
	}
	keyFile := write(t, dir, "KeyTable", keyTable.String())
	_, err := load(Options{SigningTable: "refile:" + write(t, dir, "SigningTable", signing.String()), KeyTable: keyFile})
	var faults *Faults
	if !errors.As(err, &faults) || len(faults.List) != 1 || faults.List[0].Line != 4712 || faults.More != 0 {
		t.Errorf("one bad line: %v", err)
	}
	_, err = load(Options{SigningTable: write(t, dir, "wrong", wrong.String()), KeyTable: keyFile})
	if !errors.As(err, &faults) || len(faults.List) != maxFaults || faults.More != 100_000-maxFaults || len(err.Error()) > 5000 {
		t.Errorf("a wrong file: %d octets", len(err.Error()))
	}
}

// TestFindings: a line that fits everybody is told, unless its key is that of each.
func TestFindings(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	keyTable := write(t, dir, "KeyTable", "main example.org:s1:/k\neach %:s1:/k\n")
	for line, want := range map[string]bool{
		"* main": true, "*@* main": true, "*@*.co.uk main": true, "ann@* main": true, "*@*example.org main": true,
		"*@*.example.org main": false, "*@example.org main": false, "* each": false,
	} {
		tables, err := load(Options{SigningTable: "refile:" + write(t, dir, "SigningTable", line), KeyTable: keyTable})
		if err != nil {
			t.Fatal(err)
		}
		if got := len(tables.Findings) > 0; got != want {
			t.Errorf("%s: %v", line, tables.Findings)
		}
	}
}

func FuzzLoad(f *testing.F) {
	f.Add("*@example.org main # x\n", "main example.org:s1:/k\n", "ann", "example.org")
	f.Add("* %\n", "% %:%:%\n", "", "a")
	f.Fuzz(func(t *testing.T, signing, keyTable, local, domain string) {
		dir := t.TempDir()
		for _, scheme := range []string{"file:", "refile:"} {
			tables, err := load(Options{SigningTable: scheme + write(t, dir, "s", signing), KeyTable: write(t, dir, "k", keyTable), Multiple: true})
			if err != nil {
				continue
			}
			for _, p := range tables.Keys(message.Mailbox{Local: local, Domain: domain}) {
				if p.Path == "" && p.Text == "" {
					t.Errorf("a key in no place: %+v", p)
				}
			}
		}
	})
}
