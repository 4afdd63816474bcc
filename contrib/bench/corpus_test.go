package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// shape returns all of a case that follows from the seed, which is all but the
// signatures.
func shape(c Case) Case {
	c.Fields = slices.DeleteFunc(slices.Clone(c.Fields), func(f Field) bool { return f.Name == "DKIM-Signature" })
	return c
}

func newTestCorpus(t *testing.T, o CorpusOptions) *Corpus {
	t.Helper()
	o.KeyBits = 1024 // made sooner
	c, err := NewCorpus(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestCorpusFollowsFromSeed(t *testing.T) {
	t.Parallel()
	o := CorpusOptions{Seed: 7, Domains: 20, Messages: 80, Median: 1000}
	a, b := newTestCorpus(t, o), newTestCorpus(t, o)
	if len(a.Cases) != o.Messages {
		t.Fatalf("%d cases, want %d", len(a.Cases), o.Messages)
	}
	for i := range a.Cases {
		if diff := cmp.Diff(shape(a.Cases[i]), shape(b.Cases[i])); diff != "" {
			t.Fatalf("case %d differs between two runs:\n%s", i, diff)
		}
	}
	noKeys := func(zone string) string {
		return strings.Join(slices.DeleteFunc(strings.Split(zone, "\n"), func(l string) bool { return strings.Contains(l, "k=rsa") }), "\n")
	}
	if diff := cmp.Diff(noKeys(a.Zone), noKeys(b.Zone)); diff != "" {
		t.Errorf("the zone differs between two runs:\n%s", diff)
	}
	o.Seed++
	other := newTestCorpus(t, o)
	if cmp.Equal(shape(a.Cases[0]), shape(other.Cases[0])) && cmp.Equal(shape(a.Cases[1]), shape(other.Cases[1])) {
		t.Error("another seed gives the same messages")
	}
}

func TestCorpusMix(t *testing.T) {
	t.Parallel()
	c := newTestCorpus(t, CorpusOptions{Seed: 7, Domains: 50, Messages: 400, Median: 1000})
	kinds := map[string]int{}
	first := map[string]bool{}
	signatures := map[int]int{}
	for i := range c.Cases {
		k := &c.Cases[i]
		kinds[k.Kind]++
		n := 0
		for _, f := range k.Fields {
			switch f.Name {
			case "DKIM-Signature":
				n++
			case "Message-ID":
				_, domain, _ := strings.Cut(f.Value, "@")
				if i < c.Domains && first[domain] {
					t.Errorf("case %d is the second one of %s", i, domain)
				}
				first[domain] = true
			}
		}
		if n != len(k.Want.DKIM) {
			t.Errorf("case %d (%s) has %d signatures and wants %d results", i, k.Kind, n, len(k.Want.DKIM))
		}
		signatures[n]++
		if strings.Contains(string(k.Body), "footer added") != (k.Kind == "broken") {
			t.Errorf("case %d (%s): a footer where none belongs, or none", i, k.Kind)
		}
		if k.Chain < 1 || k.Chain > 3 {
			t.Errorf("case %d (%s): a chain of %d lookups", i, k.Kind, k.Chain)
		}
	}
	for _, kind := range []string{"good", "bounce", "broken", "spoof", "forwarded"} {
		if kinds[kind] == 0 {
			t.Errorf("no message is %s: %v", kind, kinds)
		}
	}
	for n := range 4 {
		if signatures[n] == 0 {
			t.Errorf("no message has %d signatures: %v", n, signatures)
		}
	}
	if _, err := NewCorpus(CorpusOptions{Domains: 2, Messages: 1}); err == nil {
		t.Error("fewer messages than domains: no error")
	}
}

func TestRaw(t *testing.T) {
	t.Parallel()
	const header = "A: one\r\nB:two\r\n\tfolded\r\n"
	c := Case{Fields: splitFields(header), Body: []byte("text\r\n")}
	want := []Field{{"A", " one"}, {"B", "two\n\tfolded"}}
	if diff := cmp.Diff(want, c.Fields); diff != "" {
		t.Errorf("splitFields (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(header+"\r\ntext\r\n", string(c.raw())); diff != "" {
		t.Errorf("raw (-want +got):\n%s", diff)
	}
}

func TestConnections(t *testing.T) {
	t.Parallel()
	cases := make([]Case, 5)
	for i, ip := range []string{"a", "b", "a", "a", "b"} {
		cases[i].Client.IP = ip
		cases[i].MailFrom = string(rune('0' + i))
	}
	names := func(n int) (all []string) {
		for _, conn := range connections(cases, n) {
			s := ""
			for _, c := range conn {
				s += c.MailFrom
			}
			all = append(all, s)
		}
		return all
	}
	if diff := cmp.Diff([]string{"0", "1", "2", "3", "4"}, names(1)); diff != "" {
		t.Errorf("one per connection (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"02", "14", "33"}, names(2)); diff != "" {
		t.Errorf("two per connection (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"0230", "1414"}, names(4)); diff != "" {
		t.Errorf("four per connection (-want +got):\n%s", diff)
	}
}
