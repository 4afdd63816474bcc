package dnscache_test

import (
	"context"
	"fmt"
	"log"
	"strings"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/dnscache/dnstest"
)

func Example() {
	// In place of a real resolver. Without Upstreams, those of resolv.conf are asked.
	server, err := dnstest.NewServer(`example.org. TXT "v=spf1 mx -all"`)
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()
	r, err := dnscache.New(dnscache.Options{Upstreams: []string{server.Addr()}})
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()

	for _, name := range []string{"example.org", "Example.ORG.", "nobody.example.org"} {
		switch a := r.Lookup(context.Background(), name, dnscache.TXT); {
		case a.Outcome == dnscache.Found:
			fmt.Printf("%s: %q, from the cache: %v\n", name, a.TXT, a.Cached)
		case a.Outcome.Void():
			fmt.Printf("%s: no TXT record (%s)\n", name, a.Outcome)
		default:
			fmt.Printf("%s: ask again later: %v\n", name, a.Err)
		}
	}
	// Output:
	// example.org: ["v=spf1 mx -all"], from the cache: false
	// Example.ORG.: ["v=spf1 mx -all"], from the cache: true
	// nobody.example.org: no TXT record (nxdomain)
}

// A caller that may not wait evaluates with the cache alone, and elsewhere if
// that is not enough.
func ExampleCacheOnly() {
	server, err := dnstest.NewServer(`example.org. TXT "hello"`)
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()
	r, err := dnscache.New(dnscache.Options{Upstreams: []string{server.Addr()}})
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()

	evaluate := func(ctx context.Context) []string { return r.Lookup(ctx, "example.org", dnscache.TXT).TXT }

	cached, recall := dnscache.CacheOnly(context.Background())
	texts := evaluate(cached)
	if recall.Missed() {
		fmt.Println("not in the cache")
		done := make(chan struct{})
		go func() { defer close(done); texts = evaluate(context.Background()) }()
		<-done
	}
	fmt.Println(texts)
	// Output:
	// not in the cache
	// [hello]
}

// words are the words of an answer's texts.
type words []string

func (w words) Size() int {
	n := cap(w) * 16 // octets of a string without its text
	for _, word := range w {
		n += len(word)
	}
	return n
}

func wordsOf(a *dnscache.Answer) words {
	fmt.Println("parsing")
	return strings.Fields(strings.Join(a.TXT, " "))
}

// A value that takes time to compute is kept beside the answer.
func ExampleDerive() {
	server, err := dnstest.NewServer(`example.org. TXT "two words"`)
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()
	r, err := dnscache.New(dnscache.Options{Upstreams: []string{server.Addr()}})
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()

	for range 3 {
		a := r.Lookup(context.Background(), "example.org", dnscache.TXT)
		fmt.Println(len(dnscache.Derive(a, wordsOf)))
	}
	// Output:
	// parsing
	// 2
	// 2
	// 2
}
