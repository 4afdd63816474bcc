//go:build linux

package main

import (
	"cmp"
	"fmt"
	"net/netip"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/postvet/postvet/dnscache"
)

// setup is what one domain publishes, and what Postvet says about it. Its file has zones,
// whose header names the origin and "unsigned", "alone", "expired" or "bogus"; changes to signed
// zones ("forged"); the reverse names of its addresses ("reverse"); and the wanted outputs.
type setup struct {
	file    string
	archive *txtar.Archive
	domain  string // that of the first zone, or of "name", without the dot
	zones   []*signedZone
	wanted  map[string]string
}

// keyTexts are the public keys of RSA that stand for their sizes.
var keyTexts = strings.NewReplacer(
	"KEY2048", "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAtx2iWTDl5DqRGV0gatViraDx5U/6NLQRVJs6LT1FK5lfsvgjY9Exw3TcKhoMnX+mCDAGu/IhPeNJRty1qyD3tgpv3Tt3dpghM2sLyf+zWLZH6rFenqLo1Dxh2z6FE25fVgYI3H5iaCc0mSMdZoDqbxQ4xstD\" \"x2pnjPbx/LU6LfjQy0aapvIg8lDmcMZW5XKkrSsIIg28wTH+JKrZagJNVmfWf1kS4Ai8WCTo9AiFkPn3jgr//MsPn22vvbpYaOjUmQVPP9yiX5C5m1lQjRlI2ZOvz+fpy8fTmyLn5YFpmbQKDyEZ5bplUy9hxMWZCTaGKwEmUCGMd4qhzuM3R7BsNwIDAQAB",
	"KEY1024", "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDUD2TWmfF4rMvGBLRwSP4IRutj6ae/nDOzj3j5FgCP9ncm0exYIPuUXKGZ3VcUIo00Lercz2Nhq9lpBJ9GlVdbevFAnOQSH/N8r++2DJDXrW2vGkOcau7gEmCoVGRXRSMmi4QH2/e7cOSVyyqcXSEsdbN78wOjLWu15EcHF4bJ1wIDAQAB",
	"KEY512", "MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBALtbsC6HfnfPBLaJwFAsdKxXx7pavvxVBKFTHRca7CpMzwiP/fhnifO+ARRKDdqW1lHSZ7/fPblApQhxIQML2jsCAwEAAQ==",
)

// record is a record in the form of zone files, with absolute names.
type record struct{ name, ttl, kind, data string }

func (r record) String() string {
	return strings.Join(strings.Fields(r.name+" "+r.ttl+" "+r.kind+" "), " ") + " " + r.data
}

var recordLine = regexp.MustCompile(`^(\S+)\s+(?:(\d+)\s+)?([A-Z]+)\s+(.*)$`)

// parseRecord reads one line, with names relative to an origin.
func parseRecord(line, origin string) (record, error) {
	m := recordLine.FindStringSubmatch(line)
	if m == nil {
		return record{}, fmt.Errorf("no record: %q", line)
	}
	r := record{absolute(m[1], origin), m[2], m[3], m[4]}
	switch r.kind {
	case "MX", "CNAME", "PTR", "NS":
		before, target := "", r.data
		if i := strings.LastIndexByte(r.data, ' '); i >= 0 {
			before, target = r.data[:i+1], r.data[i+1:]
		}
		r.data = before + absolute(target, origin)
	}
	return r, nil
}

func absolute(name, origin string) string {
	switch {
	case name == "@":
		return origin
	case strings.HasSuffix(name, "."):
		return name
	}
	return name + "." + strings.TrimPrefix(origin, ".")
}

// readSetups reads all files.
func readSetups(t *testing.T) (all []*setup) {
	t.Helper()
	files, err := filepath.Glob("testdata/setups/*.txtar")
	if err != nil || len(files) < 30 {
		t.Fatalf("%d set-ups, %v", len(files), err)
	}
	for _, file := range files {
		a, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, readSetup(t, file, a))
	}
	return all
}

func readSetup(t *testing.T, file string, a *txtar.Archive) *setup {
	t.Helper()
	s := &setup{file: file, archive: a, wanted: map[string]string{}}
	for _, f := range a.Files {
		text := string(f.Data)
		kind, rest, _ := strings.Cut(f.Name, " ")
		switch kind {
		case "zone":
			s.zones = append(s.zones, readZone(t, rest, text))
		case "forged":
			i := slices.IndexFunc(s.zones, func(z *signedZone) bool { return z.origin == rest+"." })
			if i < 0 {
				t.Fatalf("%s: no zone %s", file, rest)
			}
			s.zones[i].forged = text
		case "reverse":
			s.zones = append(s.zones, reverseZone(t, text))
		case "name":
			s.domain = strings.TrimSpace(text)
		case "domain", "route", "json":
			s.wanted[kind] = text
		default:
			t.Fatalf("%s: %s is not known", file, f.Name)
		}
	}
	if s.domain == "" {
		s.domain = strings.TrimSuffix(s.zones[0].origin, ".")
	}
	return s
}

// readZone reads a zone, whose header is its origin and what is wrong with it.
func readZone(t *testing.T, header, text string) *signedZone {
	t.Helper()
	words := strings.Fields(header)
	z := &signedZone{origin: cmp.Or(strings.TrimSuffix(words[0], "."), "") + "."}
	for _, w := range words[1:] {
		switch w {
		case "unsigned":
			z.unsigned = true
		case "alone":
			z.alone = true
		case "expired":
			z.expired = true
		case "bogus":
			z.bogus = true
		default:
			t.Fatalf("%s: %s is not known", header, w)
		}
	}
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		r, err := parseRecord(keyTexts.Replace(line), z.origin)
		if err != nil {
			t.Fatalf("%s: %v", header, err)
		}
		z.lines = append(z.lines, r)
	}
	return z
}

// reverseZone reads addresses and their names. All set-ups add to one zone, "arpa", which is
// not signed.
func reverseZone(t *testing.T, text string) *signedZone {
	t.Helper()
	z := &signedZone{origin: "arpa.", unsigned: true}
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		z.lines = append(z.lines, record{dnscache.ReverseName(netip.MustParseAddr(f[0])) + ".", "", "PTR", f[1]})
	}
	return z
}

// merge returns the zones of set-ups as one tree with those of the top.
func merge(setups []*setup) map[string]*signedZone {
	zones := map[string]*signedZone{
		".":        {origin: "."},
		"example.": {origin: "example.", lines: []record{{"ready.example.", "", "TXT", "yes"}, {"ns.example.", "", "A", "127.0.0.1"}, {"ns2.example.", "", "A", "127.0.0.1"}}},
		"com.":     {origin: "com."}, "org.": {origin: "org."}, "net.": {origin: "net."},
		"arpa.": {origin: "arpa.", unsigned: true},
	}
	for _, s := range setups {
		for _, z := range s.zones {
			if known := zones[z.origin]; known != nil {
				known.lines = append(known.lines, z.lines...)
				continue
			}
			clone := *z
			clone.lines = slices.Clone(z.lines)
			zones[z.origin] = &clone
		}
	}
	return zones
}
