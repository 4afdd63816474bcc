//go:debug rsa1024min=0

package arc

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/postvet/postvet/dnscache/dnstest"
	"github.com/postvet/postvet/policy/dkim"
)

// scenario is a document of the ARC suite. Tests is a node, because the suite repeats
// keys and every case counts.
type scenario struct {
	Description string
	Tests       yaml.Node
	TXT         map[string]string `yaml:"txt-records"`
}

// deliberate lists the cases of the suite that we answer by the text of the RFC
// instead.
var deliberate = map[string]struct{ status, section, reason string }{
	"ams_fields_h_empty": {"fail", "RFC 8617 section 4.1.2, RFC 6376 section 5.4", "h= of a message signature must name From"},
}

func TestConformanceValidation(t *testing.T) {
	const file = "arc-draft-validation-tests.yml"
	f, err := os.Open(filepath.Join(corpora(t), "arc", file))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	total, passed, different := 0, 0, 0
	dec := yaml.NewDecoder(f)
	for {
		var s scenario
		if err := dec.Decode(&s); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		txt := map[string][]string{}
		for name, v := range s.TXT {
			txt[name] = []string{strings.TrimSpace(v)}
		}
		_, r := dnstest.Start(t, zone(txt))
		for i := 0; i+1 < len(s.Tests.Content); i += 2 {
			name := s.Tests.Content[i].Value
			var c struct{ Message, CV string }
			if err := s.Tests.Content[i+1].Decode(&c); err != nil {
				t.Fatal(err)
			}
			want := strings.ToLower(strings.TrimSpace(c.CV))
			if want == "" { // the chain has failed before
				want = "fail"
			}
			total++
			got := verify(r, strings.ReplaceAll(c.Message, "\n", "\r\n"), dkim.Options{})
			if string(got.Status) == want {
				passed++
			} else if d, listed := deliberate[name]; listed && string(got.Status) == d.status {
				different++
				fmt.Printf("difference arc/%s/%s: %s: %s\n", file, name, d.section, d.reason)
			} else {
				t.Errorf("%s/%s: %s (%s), want %s", s.Description, name, got.Status, got.Reason, want)
			}
		}
	}
	if total != 175 { // 171 names, four of them twice with different messages
		t.Errorf("%d cases, the suite has 175", total)
	}
	if different != len(deliberate) {
		t.Errorf("%d of %d listed differences", different, len(deliberate))
	}
	fmt.Printf("conformance arc/%s %d %d %d\n", file, total, passed, different)
}

func TestConformanceExtra(t *testing.T) {
	dir := filepath.Join(corpora(t), "arc")
	b, err := os.ReadFile(filepath.Join(dir, "extra.json"))
	if err != nil {
		t.Fatal(err)
	}
	var suite struct {
		Cases []struct {
			ID, File, Expect string
			DNS              map[string][]string
		}
	}
	if err := json.Unmarshal(b, &suite); err != nil {
		t.Fatal(err)
	}
	passed := 0
	for _, c := range suite.Cases {
		raw, err := os.ReadFile(filepath.Join(dir, c.File))
		if err != nil {
			t.Fatal(err)
		}
		_, r := dnstest.Start(t, zone(c.DNS))
		if got := verify(r, string(raw), dkim.Options{}); string(got.Status) == c.Expect {
			passed++
		} else {
			t.Errorf("%s: %s (%s), want %s", c.ID, got.Status, got.Reason, c.Expect)
		}
	}
	fmt.Printf("conformance arc/extra.json %d %d 0\n", len(suite.Cases), passed)
}

// TestConformanceSign puts the fields that the signing suites expect on top of their
// messages. A chain that a correct sealer makes must pass.
func TestConformanceSign(t *testing.T) {
	const file = "arc-draft-sign-tests.yml"
	f, err := os.Open(filepath.Join(corpora(t), "arc", file))
	if err != nil {
		t.Fatal(err)
	}
	total, passed := 0, 0
	dec := yaml.NewDecoder(f)
	defer f.Close()
	for {
		var s scenario
		if err := dec.Decode(&s); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		txt := map[string][]string{}
		for name, v := range s.TXT {
			txt[name] = []string{strings.Join(strings.Fields(v), " ")}
		}
		_, r := dnstest.Start(t, zone(txt))
		for i := 0; i+1 < len(s.Tests.Content); i += 2 {
			name := s.Tests.Content[i].Value
			var c struct {
				Message string
				AS      string `yaml:"AS"`
				AMS     string `yaml:"AMS"`
				AAR     string `yaml:"AAR"`
			}
			if err := s.Tests.Content[i+1].Decode(&c); err != nil {
				t.Fatal(err)
			}
			total++
			want, mail := Pass, c.Message
			if strings.TrimSpace(c.AS) == "" || strings.Contains(c.AS, "cv=fail") {
				want = Fail // a failed chain stays failed
			}
			if c.AS != "" {
				mail = "ARC-Seal: " + tight(c.AS) + "\nARC-Message-Signature: " + tight(c.AMS) + "\nARC-Authentication-Results: " +
					strings.ReplaceAll(strings.TrimSpace(c.AAR), "\n", "\n  ") + "\n" + c.Message
			}
			got := verify(r, strings.ReplaceAll(mail, "\n", "\r\n"), dkim.Options{})
			if got.Status == want {
				passed++
			} else {
				t.Errorf("%s/%s: %s (%s), want %s", s.Description, name, got.Status, got.Reason, want)
			}
		}
	}
	fmt.Printf("conformance arc/%s %d %d 0\n", file, total, passed)
}

// tight returns tags as the suite signs them, without white space except one space
// after a semicolon.
func tight(tags string) string {
	return strings.ReplaceAll(strings.Join(strings.Fields(tags), ""), ";", "; ")
}
