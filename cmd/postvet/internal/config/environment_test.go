package config

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestVariables pins the names: containers are configured by them.
func TestVariables(t *testing.T) {
	t.Parallel()
	want := strings.Fields(`POSTVET_MODE POSTVET_AUTHSERV_ID POSTVET_LISTEN POSTVET_DRAIN_TIMEOUT
POSTVET_DNS_RESOLVERS POSTVET_DNS_SNAPSHOT POSTVET_POLICY_QUARANTINE POSTVET_POLICY_OWN_DOMAINS
POSTVET_TRUST_RELAYS POSTVET_EXEMPT_ADDRESSES POSTVET_SIGN_KEYS POSTVET_SIGN_STATE POSTVET_SIGN_NETWORKS
POSTVET_CONTROL_SOCKET POSTVET_LOG_FORMAT POSTVET_LOG_LEVEL POSTVET_METRICS_LISTEN POSTVET_METRICS_ALLOW_REMOTE
POSTVET_WEB_LISTEN POSTVET_WEB_ALLOW_REMOTE POSTVET_WEB_BASE POSTVET_WEB_USERS_FILE POSTVET_WEB_PROXY
POSTVET_JOURNAL_DIRECTORY POSTVET_JOURNAL_PRIVACY POSTVET_JOURNAL_POSTGRES
POSTVET_REPORT_SEND POSTVET_REPORT_SUBMITTER POSTVET_REPORT_EMAIL POSTVET_REPORT_FROM POSTVET_REPORT_SMTP`)
	if d := cmp.Diff(want, Variables()); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if !slices.Contains(want, ControlVariable) {
		t.Errorf("%s is no variable", ControlVariable)
	}
}

// TestEveryVariableIsRead sets each variable to the value that testdata/full.toml has.
func TestEveryVariableIsRead(t *testing.T) {
	t.Parallel()
	full, err := Load("testdata/full.toml")
	if err != nil {
		t.Fatal(err)
	}
	var environ []string
	for _, k := range full.keys() {
		if v := k.variable(); v != "" {
			text := strings.NewReplacer(`["`, "", `"]`, "", `", "`, " ,", `"`, "").Replace(k.value.format())
			environ = append(environ, v+"="+text)
		}
	}
	c := Default()
	if errs := c.setVariables(environ); len(errs) > 0 {
		t.Fatal(errs)
	}
	for i, k := range c.keys() {
		set, want := k.environment, full.keys()[i].value.format()
		if got := k.value.format(); set != (got == want) {
			t.Errorf("%s is %s, in the file %s", k.name, got, want)
		}
		if c.IsSet(k.name) != set || set && c.Place(k.name) != k.variable() {
			t.Errorf("%s: set by %s", k.name, c.Place(k.name))
		}
	}
}

func TestEnvironmentOverFile(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "postvet.toml")
	// The file alone has a fault, which a variable mends: what counts is the whole.
	if err := os.WriteFile(file, []byte("mode = \"monitor\"\nauthserv_id = \"file.example.org\"\n[metrics]\nlisten = \"inet:*:9890\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(file); err == nil || !strings.Contains(err.Error(), "other machines") {
		t.Errorf("the file alone: %v", err)
	}
	c, err := LoadWith(file, []string{
		"POSTVET_MODE=enforce", "POSTVET_AUTHSERV_ID=", "POSTVET_METRICS_ALLOW_REMOTE=true",
		"POSTVET_LISTEN=inet:*:8890, unix:/run/postvet/s", "POSTVET_EXEMPT_ADDRESSES=10.0.0.0/8,::1", "OTHER=x", "POSTVET_NONSENSE=x", "no assignment",
	})
	if err != nil {
		t.Fatal(err)
	}
	if c.Mode != "enforce" || c.AuthservID != "file.example.org" || !c.Metrics.AllowRemote {
		t.Errorf("%q %q %v", c.Mode, c.AuthservID, c.Metrics.AllowRemote)
	}
	if d := cmp.Diff([]string{"inet:*:8890", "unix:/run/postvet/s"}, c.Listen); d != "" {
		t.Errorf("listen (-want +got):\n%s", d)
	}
	if d := cmp.Diff([]string{"10.0.0.0/8", "::1"}, c.Exempt.Addresses.Entries); d != "" {
		t.Errorf("exempt.addresses (-want +got):\n%s", d)
	}
}

// TestWrongVariables: the errors are those of a file, and name the variable.
func TestWrongVariables(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ environ, want string }{
		{"POSTVET_MODE=off", `POSTVET_MODE: "off" is not known; write "enforce" or "monitor"`},
		{"POSTVET_DNS_RESOLVERS=127.0.0.1,dns.example", `POSTVET_DNS_RESOLVERS: "dns.example" is no address of a resolver; write an address such as "127.0.0.1:53" or "[2001:db8::53]:53"`},
		{"POSTVET_METRICS_ALLOW_REMOTE=maybe", `POSTVET_METRICS_ALLOW_REMOTE: is the string "maybe"; write true or false, without quotes`},
		{"POSTVET_DRAIN_TIMEOUT=8", `POSTVET_DRAIN_TIMEOUT: "8" is no duration; write a duration with its unit, such as "1m"`},
		{"POSTVET_AUTHSERV_ID=mx example", `POSTVET_AUTHSERV_ID: "mx example" contains a character that it must not; write a name such as "mx.example.org"`},
		{"POSTVET_METRICS_LISTEN=inet:*:9890", `POSTVET_METRICS_LISTEN: metrics.listen: "inet:*:9890" can be reached from other machines, and every one that does can read the metrics; write a loopback address such as "inet:127.0.0.1:9890", or allow it with allow_remote = true behind a firewall`},
		{"POSTVET_WEB_LISTEN=inet:127.0.0.1:8895", `POSTVET_WEB_LISTEN: web.listen: "inet:127.0.0.1:8895" has neither users nor a proxy`},
		{"POSTVET_WEB_USERS_FILE=/nonexistent/web.users", `POSTVET_WEB_USERS_FILE: web.users_file: `},
		{"POSTVET_EXEMPT_ADDRESSES=0.0.0.0/0", `POSTVET_EXEMPT_ADDRESSES: exempt.addresses: `},
		{"POSTVET_LISTEN=inet:*:8890,", `POSTVET_LISTEN: `},
		{"POSTVET_JOURNAL_POSTGRES=host=db password=secret", `POSTVET_JOURNAL_POSTGRES: `},
	} {
		_, err := FromEnvironment([]string{tc.environ})
		if err == nil || !strings.HasPrefix(err.Error(), tc.want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v, want %s", tc.environ, err, tc.want)
		}
	}
}

func TestUnknownVariables(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, want string }{
		{"POSTVET_LISTN", "did you mean POSTVET_LISTEN?"},
		{"POSTVET_AUTHSERVID", "did you mean POSTVET_AUTHSERV_ID?"},
		{"POSTVET_RESOLVERS", "did you mean POSTVET_DNS_RESOLVERS?"},
		{"POSTVET_LOGLEVEL", "did you mean POSTVET_LOG_LEVEL?"},
		{"POSTVET_DNS_TIMEOUT", "no variable sets dns.timeout; write it into a file"},
		{"POSTVET_XYZZY", "the variables are POSTVET_MODE, POSTVET_AUTHSERV_ID, "},
		{"POSTVET_", "the variables are "},
		{"POSTVET_\x1b[31m", "the variables are "},
		// What Kubernetes sets for services called postvet and postvet-metrics.
		{"POSTVET_SERVICE_HOST", ""},
		{"POSTVET_SERVICE_PORT", ""},
		{"POSTVET_SERVICE_PORT_MILTER", ""},
		{"POSTVET_PORT", ""},
		{"POSTVET_PORT_8890_TCP", ""},
		{"POSTVET_PORT_8890_TCP_ADDR", ""},
		{"POSTVET_METRICS_SERVICE_HOST", ""},
		{"POSTVET_METRICS_PORT_9890_TCP_PROTO", ""},
		{"POSTVET_ACTION", ""}, // of the program that publishes keys
		{"POSTVET_MODE", ""},
		{"PATH", ""},
		{"postvet_mode", ""},
	} {
		err := UnknownVariables([]string{tc.name + "=x"})
		switch {
		case tc.want == "" && err != nil:
			t.Errorf("%s: %v", tc.name, err)
		case tc.want != "" && (err == nil || !strings.Contains(err.Error(), ": unknown variable; "+tc.want) || strings.ContainsRune(err.Error(), '\x1b')):
			t.Errorf("%s: %v, want %s", tc.name, err, tc.want)
		}
	}
}
