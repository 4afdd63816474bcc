package route

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/finding"
	"github.com/postvet/postvet/cmd/postvet/internal/route/connect/connecttest"
	"github.com/postvet/postvet/contrib/realmta"
	"github.com/postvet/postvet/policy/dane"
)

// startPostfix starts a real Postfix with a certificate, and further lines in main.cf.
func startPostfix(t *testing.T, c tls.Certificate, lines ...string) *realmta.Postfix {
	t.Helper()
	if missing := realmta.MissingPostfix(); len(missing) > 0 {
		t.Skipf("Postfix needs %s; %s", strings.Join(missing, ", "), realmta.HowToInstall)
	}
	if testing.Short() {
		t.Skip("-short leaves out the real MTA")
	}
	key, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})
	for _, der := range c.Certificate {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	file := filepath.Join(t.TempDir(), "chain.pem")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	lines = append(lines, "smtpd_tls_cert_file = "+file, "smtpd_tls_key_file = "+file)
	p, err := realmta.StartPostfix(t.Context(), realmta.Options{NoAuth: true, Config: lines})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(p.Log())
		}
		if err := p.Stop(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// commands are those that Postfix counts when a client has gone.
var commands = regexp.MustCompile(`disconnect from \S+ (.*)`)

// TestConnectToPostfix connects to a real Postfix with certificates that fit what is
// published, and that do not. What is proposed then fits. By Postfix's log no mail was begun.
func TestConnectToPostfix(t *testing.T) {
	t.Parallel()
	a := connecttest.NewAuthority(t, clock())
	good, other := a.Issue(t, 90, "mx.example.org"), a.Issue(t, 90, "other.example.org")
	tlsa := func(c *x509.Certificate, u dane.Usage) string {
		return "_25._tcp.mx.example.org. TLSA " + dane.Of(c, u, dane.SPKI, dane.SHA256).String() + "\n"
	}
	const (
		encrypted = "ehlo=2 starttls=1 quit=1 commands=4"
		plain     = "ehlo=1 quit=1 commands=2"
	)
	for _, tt := range []struct {
		name        string
		certificate tls.Certificate
		lines       []string
		zone, mode  string // of MTA-STS
		verdict     finding.Verdict
		want        string
		mended      bool // by the record that is proposed
		commands    string
	}{
		{
			"DANE and MTA-STS fit", good, nil, tlsa(good.Leaf, dane.DANEEE), "enforce", finding.Sound,
			"mx.example.org at 185.0.2.1 has a certificate that fits the TLSA record 3 1 1", false, encrypted,
		},
		{
			"DANE by the authority", good, nil, tlsa(a.Certificate, dane.DANETA), "enforce", finding.Sound,
			"mx.example.org at 185.0.2.1 has a certificate that fits the TLSA record 2 1 1", false, encrypted,
		},
		{
			"DANE does not fit", good, nil, tlsa(other.Leaf, dane.DANEEE), "enforce", finding.Faulty,
			"mx.example.org at 185.0.2.1: its certificate matches no TLSA record; senders that check DANE keep the mail", true, encrypted,
		},
		{
			"a certificate of another name, enforced", other, nil, "", "enforce", finding.Faulty,
			"its certificate is not for mx.example.org", false, encrypted,
		},
		{
			"a certificate of another name, in testing", other, nil, "", "testing", finding.Sound,
			"its certificate is not for mx.example.org", false, encrypted,
		},
		{
			"a certificate of another name with the right key", other, nil, tlsa(other.Leaf, dane.DANEEE), "", finding.Sound,
			"mx.example.org at 185.0.2.1 has a certificate that fits the TLSA record 3 1 1", false, encrypted,
		},
		{
			"no STARTTLS where DANE demands it", good,
			[]string{"smtpd_tls_security_level = none"},
			tlsa(good.Leaf, dane.DANEEE), "", finding.Faulty,
			"offers no STARTTLS: mail to it can be read on the way; senders that check DANE keep the mail", false, plain,
		},
		{
			"no STARTTLS", good,
			[]string{"smtpd_tls_security_level = none"},
			"", "", finding.Sound,
			"offers no STARTTLS: mail to it can be read on the way", false, plain,
		},
		{
			"a client that it refuses", good,
			[]string{"smtpd_delay_reject = no", "smtpd_helo_restrictions = reject"},
			tlsa(good.Leaf, dane.DANEEE), "", finding.Sound,
			"refuses this client: it says 554", false, "ehlo=0/1 quit=1 commands=1/2",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := startPostfix(t, tt.certificate, tt.lines...)
			zone := signedZone + tt.zone
			internet := connecttest.Internet{"185.0.2.1:25": p.Addr()}
			if tt.mode != "" {
				zone += mtastsZone
				internet["185.0.2.2:443"] = connecttest.Web(t, a.Issue(t, 90, "mta-sts.example.org"), func(w http.ResponseWriter, _ *http.Request) {
					w.Header().Set("Content-Type", "text/plain")
					_, _ = w.Write([]byte(policy(tt.mode, "mx.example.org")))
				})
			}
			r, text := run(t, zone, "ann@example.org", internet, a)
			if r.Verdict() != tt.verdict || !strings.Contains(oneLine(text), tt.want) {
				t.Errorf("%s, want %s with %q:\n%s", r.Verdict(), tt.verdict, tt.want, text)
			}
			sessions := []string{tt.commands}
			if tt.mended {
				mended := signedZone + mtastsZone
				for f := range r.lists().All() {
					for _, c := range f.Changes {
						mended += c.Name + ". " + c.Type + " " + c.Data + "\n"
					}
				}
				if r, text := run(t, mended, "ann@example.org", internet, a); r.Verdict() != finding.Sound {
					t.Errorf("with what is proposed it is %s:\n%s", r.Verdict(), text)
				}
				sessions = append(sessions, tt.commands)
			}
			wantNoMail(t, p, sessions)
		})
	}
}

// wantNoMail checks by the log of Postfix that our sessions had these commands, and that there
// was no mail. The first session is that of the start, which says nothing.
func wantNoMail(t *testing.T, p *realmta.Postfix, want []string) {
	t.Helper()
	var got []string
	for late := time.Now().Add(2 * time.Minute); ; time.Sleep(20 * time.Millisecond) {
		got = nil
		for _, m := range commands.FindAllStringSubmatch(p.Log(), -1) {
			if !strings.HasSuffix(m[1], "commands=0/0") && m[1] != "commands=0" {
				got = append(got, m[1])
			}
		}
		if len(got) >= len(want) || time.Now().After(late) {
			break
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("the sessions were %q, want %q", got, want)
	}
	n, err := p.Queued(t.Context())
	delivered, boxErr := p.Deliveries()
	if err != nil || boxErr != nil || n+len(delivered) > 0 || strings.Contains(p.Log(), "/cleanup") {
		t.Errorf("%d messages in the queue, %d delivered, %v, %v", n, len(delivered), err, boxErr)
	}
}
