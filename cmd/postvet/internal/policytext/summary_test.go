package policytext

import (
	"strings"
	"testing"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
)

func TestSummary(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, text string
		want       []string
		without    string
	}{
		{"the defaults", "", []string{"evidence speaks for a forgery", "held in the queue"}, "your own"},
		{"always", "[policy]\non_reject = \"always\"\nquarantine = \"reject\"\n", []string{"is refused if its author's domain asks for that", "Suspicious mail is refused."}, "held"},
		{"marked only", "[policy]\ndmarc = \"mark\"\n", []string{"only noted"}, "held in the queue"},
		{
			"own domains and rules", "[policy]\nown_domains = [\"example.org\"]\non_own_domain = \"reject\"\nspf_fail = \"quarantine\"\n" +
				"[trust]\nforwarders = [\"192.0.2.1\"]\n[[rule]]\nname = \"x\"\nif = \"list\"\naction = \"accept\"\n",
			[]string{"asked first: 1 rule.", "one of your domains is refused", "(SPF fail) is treated as suspicious", "1 entry."},
			"signed",
		},
	} {
		c, err := config.Parse("test", []byte(tc.text))
		if err != nil {
			t.Fatalf("%s: %v", tc.name, err)
		}
		text := strings.Join(Summary(c), "\n")
		for _, want := range tc.want {
			if !strings.Contains(text, want) {
				t.Errorf("%s: %q is missing in\n%s", tc.name, want, text)
			}
		}
		if strings.Contains(text, tc.without) {
			t.Errorf("%s: %q is in\n%s", tc.name, tc.without, text)
		}
	}
}

func TestCarriedOut(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                     "The mail server carries out what Postvet decides.",
		"mode = \"monitor\"\n": "and all mail is delivered.",
		"[policy]\nmonitor_domains = [\"a.example\"]\n":                     "but for some mail",
		"mode = \"monitor\"\n[policy]\nenforce_domains = [\"a.example\"]\n": "but that of some authors",
	} {
		c, err := config.Parse("test", []byte(text))
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if got := CarriedOut(c); !strings.Contains(got, want) {
			t.Errorf("%q: %q lacks %q", text, got, want)
		}
	}
}
