package mta

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/postvet/postvet/policy/addrlist"
)

// exempting is ours with a list of exempt clients.
func exempting(t *testing.T, entries ...string) Postvet {
	t.Helper()
	p := ours
	list, err := addrlist.New(addrlist.Addresses, entries...)
	if err != nil {
		t.Fatal(err)
	}
	p.Exempt, p.ExemptEntries = list, entries
	return p
}

// TestMyNetworks: hosts that may relay and are not exempt are named with the line that
// exempts them.
func TestMyNetworks(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "printers"), "# floor 1\n192.0.2.7 198.51.100.0/24\n")
	write(t, filepath.Join(dir, "lan.cidr"), "203.0.113.0/28 OK\n203.0.113.9 reject\n")
	for _, tc := range []struct {
		name, main string
		exempt     []string
		want, not  string
	}{
		{"a printer", "mynetworks = 127.0.0.0/8 [::1]/128 192.0.2.7", []string{"127.0.0.0/8", "::1/128"}, `warning mynetworks has 192.0.2.7, and [exempt] has not`, "127.0.0.1,"},
		{"the line for it", "mynetworks = 127.0.0.0/8, 192.0.2.7", []string{"127.0.0.0/8", "::1/128"}, `[exempt] addresses = ["127.0.0.0/8", "::1/128", "192.0.2.7"]`, "error"},
		{"it is exempt", "mynetworks = 127.0.0.0/8 [::ffff:127.0.0.0]/104 [::1]/128 192.0.2.7/32", []string{"127.0.0.0/8", "::1/128", "192.0.2.0/24"}, "", "mynetworks"},
		{"half of it is", "mynetworks = 192.0.2.0/24", []string{"192.0.2.0/25"}, `["192.0.2.0/25", "192.0.2.0/24"]`, ""},
		{"a parameter within", "lan = 192.0.2.7\nmynetworks = $lan", []string{"::1/128"}, `["::1/128", "192.0.2.7"]`, ""},
		{"IPv6", "mynetworks = [2001:db8::]/32", nil, `["2001:db8::/32"]`, ""},
		{"a file", "mynetworks = " + dir + "/printers", nil, `["192.0.2.7", "198.51.100.0/24"]`, ""},
		{"a table of networks", "mynetworks = cidr:lan.cidr", nil, `["203.0.113.0/28"]`, "203.0.113.9"},
		{"a table of another kind", "mynetworks = hash:/etc/postfix/lan", nil, "warning whether [exempt] has the hosts of hash:/etc/postfix/lan in mynetworks cannot be told", ""},
		{"a file that is not there", "mynetworks = /absent/lan", nil, "warning whether [exempt] has the hosts of /absent/lan", ""},
		{"a value that depends on others", "mynetworks = 127.0.0.0/8 ${lan?{192.0.2.0/24}:{}}", nil, "warning whether [exempt] has the hosts of 127.0.0.0/8 ${lan?", "[exempt] addresses = "},
		{"everybody", "mynetworks = 0.0.0.0/0", nil, "warning mynetworks has 0.0.0.0/0: everybody may send", "[exempt] addresses"},
		{"not set, new", "compatibility_level = 2", nil, "", "mynetworks"},
		{"not set, old", "", nil, "warning mynetworks is not set and mynetworks_style is subnet", ""},
		{"nobody of 127.0.0.0/8 but one", "mynetworks = 127.0.0.0/8", []string{"127.0.0.1"}, "", "mynetworks"},
		{"nor this machine", "mynetworks = 127.0.0.0/8", nil, `["127.0.0.1"]`, ""},
	} {
		f := PostfixClients(dir, ParseMainCF("smtpd_milters = inet:127.0.0.1:8890\n"+tc.main+"\n"), "smtp inet n - n - - smtpd\n", exempting(t, tc.exempt...))
		if got := lines(f); !strings.Contains(got, tc.want) || tc.not != "" && strings.Contains(got, tc.not) {
			t.Errorf("%s: no %q, or %q, in\n%s", tc.name, tc.want, tc.not, got)
		}
	}
	// They are named before Postvet is on the list, too.
	write(t, filepath.Join(dir, "main.cf"), "mynetworks = 192.0.2.7\n")
	write(t, filepath.Join(dir, "master.cf"), plainMaster)
	f, err := CheckPostfix(dir, exempting(t, "127.0.0.1"), "host")
	if got := lines(f); err != nil || !strings.Contains(got, "does not ask Postvet; smtpd_milters") || !strings.Contains(got, `["127.0.0.1", "192.0.2.7"]`) {
		t.Errorf("not asked yet: %v\n%s", err, got)
	}
	// Relays are read behind.
	p := exempting(t)
	relays, err := addrlist.New(addrlist.Addresses, "192.0.2.25")
	if err != nil {
		t.Fatal(err)
	}
	p.Relays = relays
	if got := lines(PostfixClients(dir, ParseMainCF("smtpd_milters = inet:127.0.0.1:8890\nmynetworks = 192.0.2.25\n"), "smtp inet n - n - - smtpd\n", p)); got != "" {
		t.Errorf("a relay: %s", got)
	}
}

// TestContentFilters is about services that take mail back from a filter and ask
// Postvet about it.
func TestContentFilters(t *testing.T) {
	t.Parallel()
	const (
		smtp = "smtp inet n - n - - smtpd\n"
		back = "127.0.0.1:10025 inet n - n - - smtpd\n  -o content_filter=\n  -o mynetworks=127.0.0.0/8\n"
		on   = "compatibility_level = 3\nsmtpd_milters = inet:127.0.0.1:8890\ncontent_filter = scan:[127.0.0.1]:10024\n"
	)
	for _, tc := range []struct {
		name, main, master string
		exempt             []string
		want, not          string
	}{
		{"again, exempt", on, smtp + back, []string{"127.0.0.0/8"}, "warning smtpd on 127.0.0.1:10025 takes mail back from a content filter and asks Postvet again, which exempts 127.0.0.1", "error"},
		{"its remedy", on, smtp + back, []string{"127.0.0.0/8"}, "; -o smtpd_milters= (or -o receive_override_options=no_milters) for 127.0.0.1:10025 in master.cf", ""},
		{"again, not exempt", on, smtp + back, nil, "error smtpd on 127.0.0.1:10025 takes mail back from a content filter and asks Postvet again, which checks it as mail that 127.0.0.1 sends", "warning"},
		{"there alone, exempt", on, "smtp inet n - n - - smtpd -o smtpd_milters=\n" + back, []string{"127.0.0.1"}, "error smtpd on 127.0.0.1:10025 takes outside mail back from a content filter, no service before it asks Postvet, and 127.0.0.1 is exempt: forged mail passes", ""},
		{"there alone, not exempt", on, "smtp inet n - n - - smtpd -o smtpd_milters=\n" + back, nil, "it sees 127.0.0.1 as the client of all mail", ""},
		{"milters are off there", on, smtp + back + "  -o receive_override_options=no_milters\n", []string{"127.0.0.1"}, "", "content filter"},
		{"and without a list", on, smtp + back + "  -o smtpd_milters=\n", nil, "", "content filter"},
		{"no filter", "compatibility_level = 3\nsmtpd_milters = inet:127.0.0.1:8890\n", smtp + "127.0.0.1:26 inet n - n - - smtpd\n", []string{"127.0.0.1"}, "", "content filter"},
		{"the filter of one service", "smtpd_milters = inet:127.0.0.1:8890\n", "smtp inet n - n - - smtpd -o content_filter=scan:x\n[::1]:10025 inet n - n - - smtpd\n", []string{"::1"}, "which exempts ::1", ""},
		{"before the queue", "smtpd_milters = inet:127.0.0.1:8890\n", "smtp inet n - n - - smtpd -o smtpd_proxy_filter=127.0.0.1:10024\n" + back, []string{"127.0.0.1"}, "error smtpd on smtp has smtpd_proxy_filter: there Postfix shows milters neither header nor body", ""},
		{"loopback in mynetworks is not asked for there", on + "mynetworks = 127.0.0.0/8\n", smtp + back, nil, "error", "[exempt] addresses"},
	} {
		f := PostfixClients(t.TempDir(), ParseMainCF(tc.main), tc.master, exempting(t, tc.exempt...))
		if got := lines(f); !strings.Contains(got, tc.want) || tc.not != "" && strings.Contains(got, tc.not) {
			t.Errorf("%s: no %q, or %q, in\n%s", tc.name, tc.want, tc.not, got)
		}
	}
}

// TestSendmailClients is about relays in Sendmail's files, and daemons for filters.
func TestSendmailClients(t *testing.T) {
	t.Parallel()
	const filter = "Xpostvet, S=inet:8890@127.0.0.1, F=T\nO InputMailFilters=postvet\n"
	for _, tc := range []struct {
		name, cf, access, relays string
		exempt                   []string
		want, not                string
	}{
		{"clients that may relay", filter, "Connect:192.0.2.7\tRELAY\n198.51.100 RELAY\nspam.example REJECT\nIPv6:2001:db8::1 RELAY\n192.0.2.99 REJECT\n", "", nil, `["192.0.2.7", "198.51.100.0/24", "2001:db8::1"]`, "192.0.2.99"},
		{"relay domains", filter, "", "203.0.113.5\nexample.org\n10.1\n", []string{"127.0.0.1"}, `["127.0.0.1", "203.0.113.5", "10.1.0.0/16"]`, "example.org"},
		{"exempt", filter, "Connect:192.0.2.7 RELAY\nConnect:localhost RELAY\nConnect:127 RELAY\n", "", []string{"127.0.0.0/8", "192.0.2.0/24"}, "", "access"},
		{"a filter's daemon", filter + "O DaemonPortOptions=Name=RX, Port=10025, Addr=127.0.0.1\n", "", "", []string{"127.0.0.1"}, "warning RX on port 10025 of this machine takes mail back from a content filter", ""},
		{"it does not ask", filter + "O DaemonPortOptions=Name=RX, Port=10025, Addr=127.0.0.1, InputMailFilters=\n", "", "", []string{"127.0.0.1"}, "", "content filter"},
		{"it alone asks", "Xpostvet, S=inet:8890@127.0.0.1, F=T\nO DaemonPortOptions=Name=RX, Port=10025, Addr=127.0.0.1, InputMailFilters=postvet\n", "", "", []string{"127.0.0.1"}, "error RX on port 10025 of this machine takes outside mail back", ""},
		{"Debian's own daemon", filter + "O DaemonPortOptions=Family=inet, Name=MTA-v4, Port=smtp, Addr=127.0.0.1\n", "", "", []string{"127.0.0.1"}, "", "content filter"},
	} {
		dir := t.TempDir()
		for name, text := range map[string]string{"access": tc.access, "relay-domains": tc.relays} {
			if text != "" {
				write(t, filepath.Join(dir, name), text)
			}
		}
		f := SendmailClients(dir, ParseSendmail(tc.cf), exempting(t, tc.exempt...))
		if got := lines(f); !strings.Contains(got, tc.want) || tc.not != "" && strings.Contains(got, tc.not) {
			t.Errorf("%s: no %q, or %q, in\n%s", tc.name, tc.want, tc.not, got)
		}
	}
}

// TestLikePostconf: what mynetworks is, postconf says too, where it is installed.
func TestLikePostconf(t *testing.T) {
	t.Parallel()
	postconf, err := exec.LookPath("postconf")
	if err != nil {
		t.Skip("skipped: postconf is not installed")
	}
	for _, text := range []string{
		"mynetworks = 127.0.0.0/8, 192.0.2.7\n",
		"lan = 192.0.2.0/24\nmynetworks = $lan\n  [::1]/128\n# remark\n ${lan}\n",
		"mynetworks = 192.0.2.1\nmynetworks = 192.0.2.2\n",
	} {
		t.Run(text, func(t *testing.T) { // postconf takes its time
			t.Parallel()
			dir := t.TempDir()
			write(t, filepath.Join(dir, "main.cf"), text)
			write(t, filepath.Join(dir, "master.cf"), "")
			out, err := exec.CommandContext(t.Context(), postconf, "-c", dir, "-x", "-h", "mynetworks").Output()
			if err != nil {
				t.Skipf("skipped: postconf: %v", err)
			}
			want := strings.Join(words(strings.TrimSpace(string(out))), " ")
			if got := strings.Join(words(ParseMainCF(text).Value("mynetworks", "")), " "); got != want {
				t.Errorf("%q, postconf says %q", got, want)
			}
		})
	}
}

func FuzzNetworks(f *testing.F) {
	f.Add("127.0.0.0/8 [::1]/128 !192.0.2.1 hash:x", "Connect:192.0.2 RELAY\nIPv6:::1 RELAY\n")
	f.Fuzz(func(t *testing.T, a, b string) {
		var n networks
		n.add(a, "/absent")
		for _, p := range append(n.prefixes, append(accessRelays(b).prefixes, relayDomains(b).prefixes...)...) {
			if !p.IsValid() || p != p.Masked() {
				t.Errorf("%v is no network", p)
			}
		}
	})
}
