package dkim

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/postvet/postvet/dnscache/dnstest"
	"github.com/postvet/postvet/policy/message"
)

// splitMessage cuts a message with CRLF line ends at its first empty line.
func splitMessage(raw string) (message.Header, string) {
	var h message.Header
	for raw != "" {
		if strings.HasPrefix(raw, "\r\n") {
			return h, raw[2:]
		}
		end := 0
		for {
			i := strings.Index(raw[end:], "\r\n")
			if i < 0 {
				end = len(raw)
				break
			}
			end += i + 2
			if end == len(raw) || raw[end] != ' ' && raw[end] != '\t' {
				break
			}
		}
		name, _, ok := strings.Cut(raw[:end], ":")
		if !ok {
			return h, raw
		}
		h = append(h, message.Field{Name: strings.TrimRight(name, " \t"), Raw: raw[:end]})
		raw = raw[end:]
	}
	return h, ""
}

// verify verifies a message with its body in chunks.
func verify(r Resolver, raw string, o Options) []Result {
	h, body := splitMessage(raw)
	var bodies Bodies
	v := NewVerifier(h, &bodies, o)
	v.Probe(&bodies)
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	keys := v.LookupKeys(ctx, r)
	for len(body) > 0 {
		n := min(len(body), 1000)
		bodies.Write([]byte(body[:n]))
		body = body[n:]
	}
	bodies.Close()
	return v.Finish(keys)
}

// corpora returns the folder of the public test suites. Without it the test is
// skipped.
func corpora(t testing.TB) string {
	dir := os.Getenv("POSTVET_CORPORA")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "corpora")
	}
	if _, err := os.Stat(filepath.Join(dir, "dkim")); err != nil {
		t.Skipf("the conformance corpora are not here (set POSTVET_CORPORA): %v", err)
	}
	return dir
}

// zone returns the zone text of TXT records and faults.
func zone(txt map[string][]string, faults map[string]string) string {
	var z strings.Builder
	for name, records := range txt {
		if strings.ContainsAny(name, "()\"; ") {
			continue // a lookup cannot ask for such a name
		}
		for _, s := range records {
			z.WriteString(dnstest.TXT(name, s))
		}
	}
	for name, fault := range faults {
		if fault == "NXDOMAIN" {
			continue // names outside the zone do not exist
		}
		fmt.Fprintf(&z, "$FAULT %s TXT %s\n", strings.TrimSuffix(name, "/TXT"), fault)
	}
	return z.String()
}
