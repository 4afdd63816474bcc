package dkim

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/postvet/postvet/dnscache"
)

// A second opinion verifies no more signatures than our own verification does.
func TestSecondOpinionIsBounded(t *testing.T) {
	t.Parallel()
	var raw strings.Builder
	for i := range 50 {
		fmt.Fprintf(&raw, "DKIM-Signature: v=1; a=rsa-sha256; d=example.org; s=s%d; h=from; bh=MHIQIW8Bdmnp4hFyiArKfDHrXlhGqgPuwVFTQ3FyAjs=; b=MHIQ\r\n", i)
	}
	raw.WriteString("From: a@example.org\r\n\r\nHello.\r\n")
	ours := verify(zoneMap(nil), raw.String(), Options{MaxSignatures: 2})
	if len(ours) != 50 {
		t.Fatalf("%d results", len(ours))
	}
	var mu sync.Mutex
	asked := map[string]bool{}
	r := resolverFunc(func(_ context.Context, name string, _ dnscache.Type) *dnscache.Answer {
		mu.Lock()
		defer mu.Unlock()
		asked[name] = true
		return &dnscache.Answer{Outcome: dnscache.NXDomain}
	})
	list := SecondOpinion(t.Context(), strings.NewReader(raw.String()), r, ours)
	if len(list) != 2 || !list[0].Agrees || !list[1].Agrees || len(asked) != 2 || !asked["s1._domainkey.example.org"] {
		t.Errorf("%d opinions, asked for %v", len(list), asked)
	}
}
