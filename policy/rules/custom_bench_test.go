package rules_test

import (
	"fmt"
	"testing"

	"github.com/postvet/postvet/policy/condition"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/rules"
)

// manyRules are rules as admins have them, none of which matches a spoof of
// bank.example: half are plain keys alone, half have an expression as well or
// instead.
func manyRules(tb testing.TB, n int) []rules.Rule {
	tb.Helper()
	all := make([]rules.Rule, n)
	for i := range all {
		r := rules.Rule{Name: fmt.Sprintf("rule-%d", i), Action: result.Reject}
		switch i % 4 {
		case 0:
			r.Tests = []*condition.Test{test(tb, "from", fmt.Sprintf("partner%d.example", i), fmt.Sprintf(".partner%d.example", i)), test(tb, "dmarc", "!pass")}
		case 1:
			r.Tests = []*condition.Test{test(tb, "client", fmt.Sprintf("198.51.100.%d", i), "203.0.113.0/24")}
		case 2:
			r.Tests = []*condition.Test{test(tb, "dmarc", "fail")}
			r.If = compile(tb, fmt.Sprintf(`below(from, "partner%d.example") and not within(client, "198.51.100.0/24")`, i))
		case 3:
			r.If = compile(tb, fmt.Sprintf(`any(signatures, .domain == "partner%d.example" and .result == "pass") and arc != "pass"`, i))
		}
		all[i] = r
	}
	return all
}

func test(tb testing.TB, key string, entries ...string) *condition.Test {
	tb.Helper()
	k, ok := condition.KeyNamed(key)
	if !ok {
		tb.Fatalf("no key %s", key)
	}
	t, problem, _ := condition.NewTest(k, entries, condition.Lists{})
	if problem != "" {
		tb.Fatalf("%s %s", key, problem)
	}
	return t
}

func compile(tb testing.TB, source string) *condition.Condition {
	tb.Helper()
	c, err := condition.Compile(source, condition.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

// BenchmarkDecideRules is the time of a decision with this many rules of the
// admin's own, all of which are asked.
func BenchmarkDecideRules(b *testing.B) {
	for _, n := range []int{0, 20, 200} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			res := spoof(dmarc.PolicyReject)
			res.Recipients = []string{"user@test.example"}
			set := rules.Rules{AuthservID: "mx.test.example", Custom: manyRules(b, n)}
			b.ReportAllocs()
			for b.Loop() {
				set.Decide(res)
			}
		})
	}
}
