package config

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/postvet/postvet/policy/dmarc"
)

func writeFile(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// The list files of opendkim and opendmarc are read unchanged, beside single
// entries, and again each time the configuration is.
func TestListFiles(t *testing.T) {
	t.Parallel()
	peers := writeFile(t, "PeerList", "127.0.0.1\n# ours\n10.0.0.0/8\n!10.9.9.9\nlocalhost\n.internal.example # all of it\n")
	text := []byte("[exempt]\naddresses = ['192.0.2.7', 'file:" + peers + "']\n")
	c, err := Parse("x", text)
	if err != nil {
		t.Fatal(err)
	}
	set := c.Exempt.Addresses.Set
	for ip, want := range map[string]bool{"192.0.2.7": true, "127.0.0.1": true, "10.1.1.1": true, "10.9.9.9": false, "192.0.2.8": false} {
		if got := set.Address(netip.MustParseAddr(ip)); got != want {
			t.Errorf("%s: %v", ip, got)
		}
	}
	if !set.Name("localhost") || !set.Name("mx.internal.example") || set.Name("internal.example") {
		t.Error("names of the file")
	}
	var shown strings.Builder
	if err := c.Write(&shown); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(shown.String(), `addresses = ["192.0.2.7", "file:`+peers+`"]`) {
		t.Errorf("%s", shown.String())
	}
	if err := os.WriteFile(peers, []byte("192.0.2.8\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if c, err = Parse("x", text); err != nil || !c.Exempt.Addresses.Set.Address(netip.MustParseAddr("192.0.2.8")) {
		t.Errorf("not read anew: %v", err)
	}
}

func TestListFileErrors(t *testing.T) {
	t.Parallel()
	bad := writeFile(t, "bad", "127.0.0.1\n\nnot a name\n")
	binary := writeFile(t, "binary", "\x7fELF\x1b[2J\n")
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ name, entry, want string }{
		{"bad line", "file:" + bad, `x:2: trust.forwarders: ` + bad + `:3: "not a name" has several words; write one entry a line, and remarks after "#"`},
		{"binary", "file:" + binary, binary + `:1: "\x7fELF\x1b[2J" is no address and no prefix; write an address such as "192.0.2.0/24", a name such as "mx.example.org", or a signer such as "dkim:example.org"`},
		{"absent", "file:/nonexistent/list", `"/nonexistent/list" cannot be read: no such file or directory; name a readable file of entries, one a line`},
		{"directory", "file:/tmp", `"/tmp" is no file; name a readable file of entries, one a line`},
		{"pipe that nobody writes to", "file:" + fifo, `is no file; name a readable file`},
		{"device without end", "file:/dev/zero", `"/dev/zero" is no file; name a readable file`},
		{"relative", "file:list", `"list" is no absolute path of a file; write a path such as`},
		{"nothing", "file:", `"" is no absolute path of a file`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			_, err := Parse("x", []byte("[trust]\nforwarders = ['"+tc.entry+"']\n"))
			if err == nil || !strings.HasPrefix(err.Error(), "x:2: trust.forwarders: ") || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got  %v\nwant %s", err, tc.want)
			}
		})
	}
}

// The example of a path is a file that the key may name.
func TestListFileExample(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ text, want string }{
		{"[trust]\nrelays = ['file:list']", `x:2: trust.relays: "list" is no absolute path of a file; write a path such as "file:/etc/postvet/addresses"`},
		{"[trust]\nforwarders = ['file:list']", `x:2: trust.forwarders: "list" is no absolute path of a file; write a path such as "file:/etc/postvet/hosts"`},
		{"[trust]\nsealers = ['file:lists/']", `x:2: trust.sealers: "lists/" is no absolute path of a file; write a path such as "file:/etc/postvet/domains"`},
		{"[exempt]\naddresses = ['file:']", `x:2: exempt.addresses: "" is no absolute path of a file; write a path such as "file:/etc/postvet/hosts"`},
		{"[policy]\nown_domains = ['file:own']", `x:2: policy.own_domains: "own" is no absolute path of a file; write a path such as "file:/etc/postvet/domains"`},
		{"[lists]\nvip = ['file:vip']", `x:2: lists.vip: "vip" is no absolute path of a file; write a path such as "file:/etc/postvet/hosts"`},
		{"[dns]\nsnapshot = 'dns'", `x:2: dns.snapshot: "dns" is no absolute path of a file; write a path such as "/var/lib/postvet/dns.snapshot"`},
	} {
		if _, err := Parse("x", []byte(tc.text+"\n")); err == nil || err.Error() != tc.want {
			t.Errorf("got  %v\nwant %s", err, tc.want)
		}
	}
}

// A pipe that nobody writes to is an error and no reason to wait, as the configuration
// and as a file that it names.
func TestPipeWithoutWriter(t *testing.T) {
	t.Parallel()
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := unix.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	rules := writeFile(t, "rules", "rules = ['"+pipe+"']\n")
	shadow := writeFile(t, "shadow", "shadow_rules = ['"+pipe+"']\n")
	for _, tc := range []struct{ file, want string }{
		{pipe, "read " + pipe + ": is a pipe that nobody writes to"},
		{rules, rules + `:1: rules: "` + pipe + `" cannot be read: is a pipe that nobody writes to; name a readable file of rules`},
		{shadow, shadow + `:1: shadow_rules: "` + pipe + `" cannot be read: is a pipe that nobody writes to; name a readable file of rules`},
	} {
		t.Run(filepath.Base(tc.file), func(t *testing.T) {
			t.Parallel()
			if _, err := Load(tc.file); err == nil || err.Error() != tc.want {
				t.Errorf("got  %v\nwant %s", err, tc.want)
			}
		})
	}
}

// Domains may have quotes or not, in any case and alphabet.
func TestAuthorOverrides(t *testing.T) {
	t.Parallel()
	c, err := Parse("x", []byte(`[author_overrides]
"Bank.Example" = "reject"
mail.bank.example = "quarantine"
"bücher.example" = "none"
deep.down.below.many.labels.example = "reject"
"github.io" = "none"
lan = "none"
example.co.uk = "reject"
`))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]dmarc.Policy{
		"bank.example": "reject", "mail.bank.example": "quarantine", "xn--bcher-kva.example": "none",
		"deep.down.below.many.labels.example": "reject", "github.io": "none", "lan": "none", "example.co.uk": "reject",
	}
	got := map[string]dmarc.Policy{}
	for domain, o := range c.AuthorOverrides {
		got[domain] = o.Policy
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}
