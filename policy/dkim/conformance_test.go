//go:debug rsa1024min=0

package dkim

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/postvet/postvet/dnscache/dnstest"
)

// suiteCase is a message of the corpora.
type suiteCase struct {
	ID, File   string
	Time       *int64
	Signatures []struct {
		Judged           *bool
		Expect           string
		Accept           []string
		ExpectHistoric   string   `json:"expect_without_rfc8301"`
		AcceptHistoric   []string `json:"accept_without_rfc8301"`
		Domain, Selector string   `json:"-"`
	}
	DNS       map[string][]string
	DNSErrors map[string]string `json:"dns_errors"`
}

// knownDifferences are the cases whose result differs from the suite's on purpose,
// with the section that decides. Keys are file/id/signature.
var knownDifferences = map[string]string{
	"mail-dkim.json/bad_1/0":        noVersion,
	"mail-dkim.json/bad_ietf01_1/0": noVersion,
	"mail-dkim.json/bad_ietf01_2/0": noVersion,
	"mail-dkim.json/bad_ietf01_3/0": noVersion,
	"mail-dkim.json/badkey_14/0":    bodyKnown,
	"mail-dkim.json/badkey_15/0":    bodyKnown,
	"mail-dkim.json/multiple_1/0":   noVersion,
	"mail-dkim.json/multiple_1/2":   noVersion,
	"mail-dkim.json/multiple_1/3":   noVersion,
}

// noVersion is the reason of cases without v=. The suite expects fail of them, and
// only without RFC 8301. It expects permerror of similar cases that verify.
const noVersion = "RFC 6376 section 3.5: v= is required; a signature without it is permerror before anything is hashed"

// bodyKnown is the reason of two cases for which the suite expects temperror,
// because the lookup of the key fails. Their body hashes do not match either.
const bodyKnown = "RFC 6376 section 6.1.3: the body hash does not match, whatever the key may be"

// TestConformance runs the message corpora twice: by RFC 8301, and without it for
// the old canonicalization cases.
func TestConformance(t *testing.T) {
	dir := filepath.Join(corpora(t), "dkim")
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no suites in %s: %v", dir, err)
	}
	sort.Strings(files)
	used := map[string]bool{}
	ran := 0
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var suite struct{ Cases []suiteCase }
			if err := json.Unmarshal(b, &suite); err != nil {
				t.Fatal(err)
			}
			runSuite(t, dir, filepath.Base(file), suite.Cases, false, used)
			runSuite(t, dir, filepath.Base(file), suite.Cases, true, used)
			ran++
		})
	}
	if t.Failed() || ran < len(files) {
		return
	}
	for key, why := range knownDifferences {
		if !used[key] {
			t.Errorf("%s is no longer a difference: %s", key, why)
		} else {
			fmt.Printf("difference dkim/%s: %s\n", key, why)
		}
	}
}

func runSuite(t *testing.T, dir, file string, cases []suiteCase, historic bool, used map[string]bool) {
	total, passed, known := 0, 0, 0
	for _, c := range cases {
		raw, err := os.ReadFile(filepath.Join(dir, c.File))
		if err != nil {
			t.Fatal(err)
		}
		o := Options{historic: historic, Now: func() time.Time {
			if c.Time != nil {
				return time.Unix(*c.Time, 0)
			}
			return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
		}}
		if historic { // verify all; beyond our limit they would get policy
			o.MaxSignatures = 100
		}
		if !strings.Contains(string(raw), "\r\n") { // one file keeps its original line ends
			raw = []byte(strings.ReplaceAll(string(raw), "\n", "\r\n"))
		}
		s, r := dnstest.Start(t, zone(c.DNS, c.DNSErrors))
		got := verify(r, string(raw), o)
		r.Close()
		s.Close()
		if len(got) != len(c.Signatures) {
			t.Errorf("%s: %d results for %d signatures", c.ID, len(got), len(c.Signatures))
			continue
		}
		if len(c.Signatures) == 0 {
			total, passed = total+1, passed+1 // no signature, as expected
		}
		for i, want := range c.Signatures {
			if want.Judged != nil && !*want.Judged {
				continue
			}
			total++
			accept := want.Accept
			if historic {
				accept = want.AcceptHistoric
			}
			key := fmt.Sprintf("%s/%s/%d", file, c.ID, i)
			switch {
			case slices.Contains(accept, string(got[i].Status)):
				passed++
			case historic && knownDifferences[key] != "":
				known++
				used[key] = true
			default:
				t.Errorf("%s historic=%v: %s (%s), want one of %v", key, historic, got[i].Status, got[i].Reason, accept)
			}
		}
	}
	name := file
	if historic {
		name += " (without RFC 8301)"
	}
	fmt.Printf("conformance dkim/%s %d %d %d\n", name, total, passed, known)
}
