package peers

import (
	"strings"
	"testing"

	"github.com/postvet/postvet/cmd/postvet/internal/layout"
)

// TestPolicyService: a policy service for SPF that is left in main.cf is named.
func TestPolicyService(t *testing.T) {
	t.Parallel()
	p, err := Translate([]Setting{{OpenDKIM, "X-Header", "yes", "f", 1}, {OpenDKIM, "ATPSDomains", "a.example", "f", 2}, {OpenDKIM, "ATPSHashAlgorithm", "sha256", "f", 3}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]bool{
		"smtpd_recipient_restrictions =\n  reject_unauth_destination,\n  check_policy_service unix:private/policyd-spf\n": true,
		"smtpd_recipient_restrictions = check_policy_service inet:127.0.0.1:10023\n":                                      false,
	} {
		e := p.EditPostfix("main.cf", text, "inet:127.0.0.1:8890")
		if got := strings.Contains(e.Text(layout.Screen{}), "asks a policy service for SPF"); got != want {
			t.Errorf("%q: %s", text, e.Text(layout.Screen{}))
		}
	}
}
