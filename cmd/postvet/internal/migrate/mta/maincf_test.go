package mta

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMainCF(t *testing.T) {
	t.Parallel()
	cf := ParseMainCF(`# a comment
smtpd_milters =
    unix:opendkim/opendkim.sock,
# in between

	$dmarc
dmarc = inet:127.0.0.1:8893
myhostname = first.example
myhostname=mx.example.org
loop = $loop
  also ${loop}
not a parameter
`)
	for name, want := range map[string]string{
		"smtpd_milters": "unix:opendkim/opendkim.sock, inet:127.0.0.1:8893",
		"myhostname":    "mx.example.org",
		"absent":        "default mx.example.org",
	} {
		if got := cf.Value(name, "default $(myhostname)"); got != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
	if got := cf.Value("loop", ""); len(got) > 2*maxExpanded {
		t.Errorf("a parameter that names itself grows to %d octets", len(got))
	}
	p, ok := cf.Get("smtpd_milters")
	if want := "smtpd_milters =\n    unix:opendkim/opendkim.sock,\n\t$dmarc"; !ok || p.Line != 2 || p.Raw != want {
		t.Errorf("got %+v", p)
	}
}

func TestMilters(t *testing.T) {
	t.Parallel()
	got := ParseMilters("unix:a/b, { inet:host:1, connect_timeout=10s, default_action=accept } inet:2,,")
	want := []Milter{
		{Socket: "unix:a/b", Entry: "unix:a/b", Settings: map[string]string{}},
		{
			Socket: "inet:host:1", Entry: "{ inet:host:1, connect_timeout=10s, default_action=accept }",
			Settings: map[string]string{"connect_timeout": "10s", "default_action": "accept"},
		},
		{Socket: "inet:2", Entry: "inet:2", Settings: map[string]string{}},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestSameSocket(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"unix:postvet/postvet.sock", "unix:/var/spool/postfix/postvet/postvet.sock", true},
		{"local:/run/opendkim/opendkim.sock", "unix:/var/run/opendkim/opendkim.sock", true},
		{"unix:/opendkim/opendkim.sock", "local:/var/spool/postfix/opendkim/opendkim.sock", true},
		{"inet:127.0.0.1:8891", "inet:8891@localhost", true},
		{"inet:[::1]:8891", "inet6:8891@[::1]", true},
		{"inet:8891", "inet:localhost:8891", true},
		{"inet:127.0.0.1:8891", "inet:127.0.0.1:8892", false},
		{"unix:/a", "inet:1", false},
		{"", "", false},
		{"/run/a.sock", "unix:/run/a.sock", true},
	} {
		if got := SameSocket(c.a, c.b); got != c.want {
			t.Errorf("%q and %q: %v", c.a, c.b, got)
		}
	}
}

func TestMasterCF(t *testing.T) {
	t.Parallel()
	const text = `#service
smtp      inet  n       -       y       -       -       smtpd
submission inet n       -       -       -       -       smtpd
  -o smtpd_milters=
# a comment
  -o { milter_macro_daemon_name = ORIGINATING }
broken line
pickup    unix  n       -       n       60      1       pickup
`
	got := parseMasterCF(text, true)
	want := []service{
		{name: "smtp", kind: "inet", command: "smtpd", chroot: true, options: map[string]string{}},
		{
			name: "submission", kind: "inet", command: "smtpd", chroot: true,
			options: map[string]string{"smtpd_milters": "", "milter_macro_daemon_name": "ORIGINATING"},
		},
		{name: "pickup", kind: "unix", command: "pickup", options: map[string]string{}},
	}
	if d := cmp.Diff(want, got, cmp.AllowUnexported(service{})); d != "" {
		t.Error(d)
	}
	var numbers []int
	for _, l := range logicalLines(text) {
		numbers = append(numbers, l.number)
	}
	if d := cmp.Diff([]int{2, 3, 7, 8}, numbers); d != "" {
		t.Errorf("line numbers: %s", d)
	}
}

func TestSendmail(t *testing.T) {
	t.Parallel()
	mc := ParseSendmail("dnl a comment\n" +
		"INPUT_MAIL_FILTER(`opendkim', `S=local:/run/opendkim/opendkim.sock, F=T, T=R:2m;E:5m')dnl\n" +
		"MAIL_FILTER(`opendmarc', `S=inet:8893@localhost')dnl\n" +
		"define(`confINPUT_MAIL_FILTERS', `opendmarc, opendkim, absent')dnl\n")
	var names []string
	for _, m := range mc.Milters() {
		names = append(names, m.Name+" "+m.Socket+" "+m.Settings["F"])
	}
	if got, want := strings.Join(names, "; "), "opendmarc inet:8893@localhost ; opendkim local:/run/opendkim/opendkim.sock T"; got != want || mc.Built {
		t.Errorf("got %q, want %q; built %v", got, want, mc.Built)
	}
	cf := ParseSendmail("Djmx.example.org\nO InputMailFilters=a,b\nXa, S=unix:/run/a, F=R\nXb, S=inet:1@h, T=C:5m;S:10s\n")
	if !cf.Built || cf.HostName != "mx.example.org" || len(cf.Milters()) != 2 || cf.Milters()[1].Settings["T"] != "C:5m;S:10s" {
		t.Errorf("got %+v", cf)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("a = $b\nb = ${a} $(a)\n", "smtp inet n - y - - smtpd -o { a = b")
	f.Add("INPUT_MAIL_FILTER(`x', `S=unix:/a')\nXy, S=\nO InputMailFilters=y", "")
	f.Fuzz(func(_ *testing.T, a, b string) {
		cf := ParseMainCF(a)
		for _, p := range cf {
			ParseMilters(cf.Value(p.Name, ""))
		}
		ParseSendmail(a).Milters()
		parseMasterCF(b, true)
		SameSocket(a, b)
	})
}
