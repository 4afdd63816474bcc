package opendkim

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/postvet/postvet/cmd/postvet/internal/keys"
	"github.com/postvet/postvet/policy/message"
)

// heap returns the octets that are in use.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestMemory: the tables of 100,000 domains, and as many parsed keys as are kept, take at
// most 150 MB. It runs alone, as it measures the whole program.
//
//nolint:paralleltest // it measures the heap
func TestMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("it parses 15,000 keys")
	}
	const domains, asked, most = 100_000, 15_000, 150 << 20
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	first := write(t, dir, "d0.example.org.private", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})))
	var signing, keyTable strings.Builder
	for i := range domains {
		fmt.Fprintf(&signing, "*@d%d.example.org key%d\n", i, i)
		fmt.Fprintf(&keyTable, "key%d d%d.example.org:2026q4:%s/d%d.example.org.private\n", i, i, dir, i)
		if i > 0 && i < asked {
			if err := os.Link(first, filepath.Join(dir, fmt.Sprintf("d%d.example.org.private", i))); err != nil {
				t.Fatal(err)
			}
		}
	}
	options := Options{SigningTable: "refile:" + write(t, dir, "SigningTable", signing.String()), KeyTable: write(t, dir, "KeyTable", keyTable.String())}
	signing.Reset()
	keyTable.Reset()
	before := heap()
	tables, err := load(options)
	if err != nil {
		t.Fatal(err)
	}
	loaded := heap()
	s := keys.InTable(tables, keys.NewFiles(true))
	for i := range asked {
		found, err := s.Keys(t.Context(), message.Mailbox{Local: "ann", Domain: fmt.Sprintf("d%d.example.org", i)})
		if err != nil || len(found) != 1 {
			t.Fatalf("%d: %d keys, %v", i, len(found), err)
		}
	}
	full := heap()
	t.Logf("%d domains: tables %d MB, tables and keys %d MB", domains, (loaded-before)>>20, (full-before)>>20)
	if full-before > most {
		t.Errorf("%d MB", (full-before)>>20)
	}
	runtime.KeepAlive(s)
	runtime.KeepAlive(tables)
}

// BenchmarkFind asks a table of 100,000 domains.
func BenchmarkFind(b *testing.B) {
	dir := b.TempDir()
	var signing, keyTable strings.Builder
	for i := range 100_000 {
		fmt.Fprintf(&signing, "*@d%d.example.org key%d\n", i, i)
		fmt.Fprintf(&keyTable, "key%d d%d.example.org:2026q4:/k/d%d.private\n", i, i, i)
	}
	for name, text := range map[string]string{"s": signing.String(), "k": keyTable.String()} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			b.Fatal(err)
		}
	}
	tables, err := load(Options{SigningTable: "refile:" + dir + "/s", KeyTable: dir + "/k"})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if len(tables.Keys(message.Mailbox{Local: "ann", Domain: "d99999.example.org"})) != 1 {
			b.Fatal("no key")
		}
	}
}
