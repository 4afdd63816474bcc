package condition

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// worst is the most expensive message: the maximal number of recipients,
// signatures and sealers, and texts of the maximal length.
func worst() *Facts {
	long := strings.Repeat("a", MaxText-13) + "@here.example"
	f := spoofed()
	f.MailFrom, f.Helo, f.ListID = long, long, long
	f.Rcpts, f.RcptDomains, f.Signatures, f.Sealers = nil, nil, nil, nil
	for i := range mostRecipients {
		f.Rcpts = append(f.Rcpts, fmt.Sprint(i)+long)
		f.RcptDomains = append(f.RcptDomains, fmt.Sprintf("%d.%s", i, strings.Repeat("a.", 120)))
	}
	for i := range mostSignatures {
		f.Signatures = append(f.Signatures, Signature{Domain: fmt.Sprintf("%d.example", i), Result: "fail"})
	}
	for i := range mostSealers {
		f.Sealers = append(f.Sealers, fmt.Sprintf("%d.example", i))
	}
	return f
}

// TestStepLimit checks that the most expensive expressions that compile end
// soon for every message.
func TestStepLimit(t *testing.T) {
	t.Parallel()
	const most = time.Minute // some hundredths of a second without the race detector on an idle machine
	for _, source := range []string{
		`any(rcpts, # matches "^(a|b|ab)*c$")`,
		`any(rcpts, # matches "a.*a.*a.*b")`,
		`any(rcpts, # contains "b@")`,
		`any(signatures, any(signatures, .domain == "x") or .domain == "y")`,
		`any(rcpts, any(sealers, # == "x.example"))`,
		`any(rcpt_domains, below(#, "example.org", "example.net"))`,
		`any(rcpts, # in rcpt_domains)`,
		`any(rcpts, lower(#) == "x" or lower(#) + lower(#) == "y")`,
	} {
		c, err := Compile(source, Options{})
		if err != nil {
			t.Errorf("%s: %v", source, err)
			continue
		}
		start := time.Now()
		if _, err := c.Holds(worst()); err != nil {
			t.Errorf("%s: %v", source, err)
		}
		if took := time.Since(start); took > most {
			t.Errorf("%s took %v for %d steps", source, took, c.Cost())
		}
		t.Logf("%s: %d steps, %v", source, c.Cost(), time.Since(start))
	}
}

// FuzzCompile looks for expressions that hang, cause a panic, exceed the
// bounds, or are rejected without a place and a remedy.
func FuzzCompile(f *testing.F) {
	for _, s := range refused {
		f.Add(s)
	}
	for _, s := range []string{
		`dmarc == "fail" and list`, `within(client, "192.0.2.0/24")`, `any(signatures, .bits < 2048)`, "list_id matches `^a`",
		`(dmarc == "pass" ? size : 1) > 2`, `any(rcpts, below(#, "a.example"))`, `not (from in ["a.example"])`, `size % 7 == dns_failed`,
	} {
		f.Add(s)
	}
	message, hostile := spoofed(), worst()
	f.Fuzz(func(t *testing.T, source string) {
		c, err := Compile(source, withLists)
		if err != nil {
			e, ok := err.(*Error)
			if !ok || e.Problem == "" || e.Remedy == "" || e.Line < 1 || e.Column < 1 {
				t.Fatalf("%T %v", err, err)
			}
			if e.Caret() == "" || strings.Count(e.Caret(), "\n") != 1 {
				t.Fatalf("%q", e.Caret())
			}
			return
		}
		if c.Cost() < 1 || c.Cost() > MaxCost {
			t.Fatalf("cost %d", c.Cost())
		}
		start := time.Now()
		_, _ = c.Holds(message)
		_, _ = c.Holds(hostile)
		if took := time.Since(start); took > 20*time.Second {
			t.Fatalf("took %v for %d steps", took, c.Cost())
		}
		if value, constant := c.Always(); constant {
			if got, err := c.Holds(&Facts{}); err != nil || got != value {
				t.Fatalf("always %v, but %v %v", value, got, err)
			}
		}
	})
}
