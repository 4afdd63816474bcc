//go:build linux

package main

import (
	"os"
	"slices"
	"sync"
	"testing"
)

// shortPrograms are the programs of "make test". All stand in the table of "make resolvers".
var shortPrograms = []string{"unbound", "named", "dnsmasq"}

// shortConnections are the troubles of "make test" with dnsdist, which limits connections
// and the queries on each.
var shortConnections = []string{"TLS, few connections", "only TCP, few connections"}

// shortCells are the cells of "make test".
func shortCells(some []program) []cell {
	all := slices.DeleteFunc(cells(some, troubles), func(c cell) bool { return c.trouble.whole })
	dnsdist := find("dnsdist")
	if missing(dnsdist) != "" {
		return all
	}
	return append(all, slices.DeleteFunc(cells([]program{dnsdist}, troubles), func(c cell) bool {
		return !slices.Contains(shortConnections, c.trouble.name)
	})...)
}

// shortCorpus is shared by the cells, which do not change it.
var shortCorpus = sync.OnceValues(func() (*corpus, error) { return newCorpus(100) })

// needPrograms skips the test where the programs cannot run, and says why. Otherwise it
// returns them.
func needPrograms(t *testing.T) []program {
	t.Helper()
	if testing.Short() {
		t.Skip("-short leaves out the real resolvers")
	}
	var some []program
	for _, name := range shortPrograms {
		some = append(some, find(name))
	}
	if m := missing(some...); m != "" {
		text := "the real resolvers need " + m + "; " + howToInstall
		if os.Getenv("POSTVET_REQUIRE_RESOLVERS") != "" {
			t.Fatal("POSTVET_REQUIRE_RESOLVERS is set: " + text)
		}
		t.Skip("skipped: " + text)
	}
	return some
}

func TestCells(t *testing.T) {
	t.Parallel()
	some := needPrograms(t)
	corpus, err := shortCorpus()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range shortCells(some) {
		t.Run(c.String(), func(t *testing.T) {
			t.Parallel()
			o, err := c.run(t.Context(), corpus)
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%d messages, %d forgeries accepted, %d honest refused, %d deferred, %d other than expected; p50 %v, p99 %v; %d queries",
				o.Messages, o.Accepted, o.Refused, o.Deferred, o.Wrong, o.percentile(.5), o.percentile(.99), o.queries)
			switch {
			case o.wrong == "":
			case o.open != "":
				t.Logf("known, %s: %s", o.open, o.wrong)
			default:
				t.Error(o.wrong)
			}
		})
	}
}
