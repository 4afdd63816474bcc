package route

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/postvet/postvet/cmd/postvet/internal/advice"
	"github.com/postvet/postvet/cmd/postvet/internal/finding"
	"github.com/postvet/postvet/cmd/postvet/internal/lookups"
	"github.com/postvet/postvet/cmd/postvet/internal/route/connect"
	"github.com/postvet/postvet/policy/dane"
	"github.com/postvet/postvet/policy/foreign"
)

// Connection is what a host said on port 25.
type Connection struct {
	Host       string   `json:"host"`
	IP         string   `json:"ip"`
	Banner     string   `json:"banner"`
	Extensions []string `json:"extensions"`
	STARTTLS   bool     `json:"starttls"`
	// TLS is the version, "" without TLS.
	TLS         string       `json:"tls"`
	Certificate *Certificate `json:"certificate,omitempty"`
	// DANE and Valid say whether the certificate fits the TLSA records, and whether
	// trusted authorities vouch for it, as MTA-STS demands.
	DANE  Check `json:"dane"`
	Valid Check `json:"valid"`
	// Error says how far the dialogue came, "" if to its end.
	Error    string       `json:"error,omitempty"`
	Findings finding.List `json:"findings"`

	dialogue *connect.Dialogue
	attempt  Attempt
	kept     bool // senders that check DANE or MTA-STS do not deliver here
}

// Check is the result of a check of a certificate.
type Check string

// The results. A check without TLS, or without records, is NotChecked.
const (
	Passed     Check = "pass"
	FailedIt   Check = "fail"
	NotChecked Check = "unknown"
)

// Certificate is what a certificate says.
type Certificate struct {
	Subject string    `json:"subject"`
	Issuer  string    `json:"issuer"`
	Names   []string  `json:"names"`
	Until   time.Time `json:"until"`
	// TLSA is the record that fits its key, as in a zone file.
	TLSA string `json:"tlsa"`
}

// maxAtOnce bounds the connections under way at one time.
const maxAtOnce = 4

// connect connects to the hosts in their order, and to the server of the policy.
func (r *Report) connect(ctx context.Context, l *lookups.Lookups, o Options) {
	r.Connected = true
	now := o.Now()
	var all sync.WaitGroup
	slots := make(chan struct{}, maxAtOnce)
	r.Connections = make([]Connection, len(r.Attempts))
	for i, a := range r.Attempts {
		all.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			r.Connections[i] = newConnection(ctx, a, r.tlsa(&a), o.Connect)
		})
	}
	if r.Domain != "" {
		all.Go(func() { r.Transport.MTASTS.fetch(ctx, l, o.Connect, r.Domain, &r.MX, now) })
	}
	all.Wait()
	for i := range r.Connections {
		r.judge(&r.Connections[i], o.Connect, now)
	}
	r.concludeConnections()
	r.Transport.concludePolicy(&r.MX, r.Connections)
}

// tlsa returns the TLSA records of the host of an attempt; nil if none were looked up.
func (r *Report) tlsa(a *Attempt) *TLSA {
	i := slices.IndexFunc(r.Transport.DANE.Hosts, func(t TLSA) bool { return t.Host == a.Host })
	if i < 0 {
		return nil
	}
	return &r.Transport.DANE.Hosts[i]
}

func newConnection(ctx context.Context, a Attempt, t *TLSA, client *connect.Client) Connection {
	name := a.serverName()
	if t != nil && len(t.records) > 0 {
		name = t.base // RFC 7672 section 8.1
	}
	d := client.Talk(ctx, a.IP, name)
	c := Connection{
		Host: a.Host, IP: a.IP.String(), Banner: d.Banner, Extensions: d.Extensions[:min(len(d.Extensions), 50)], STARTTLS: d.STARTTLS,
		DANE: NotChecked, Valid: NotChecked, Findings: finding.List{}, dialogue: d, attempt: a,
	}
	if c.Extensions == nil {
		c.Extensions = []string{}
	}
	if d.Version != 0 {
		c.TLS = tls.VersionName(d.Version)
	}
	if d.Err != nil {
		c.Error = foreign.Line(d.Err.Text, advice.MaxText)
	}
	if len(d.Chain) > 0 {
		c.Certificate = certificateOf(d.Chain[0])
	}
	return c
}

// serverName returns the name of the host for TLS, "" for an address literal.
func (a *Attempt) serverName() string {
	if a.base == nil {
		return ""
	}
	return a.base.name
}

func certificateOf(c *x509.Certificate) *Certificate {
	names := []string{}
	for _, n := range c.DNSNames[:min(len(c.DNSNames), 20)] {
		names = append(names, foreign.Line(n, 100))
	}
	return &Certificate{
		Subject: foreign.Line(c.Subject.String(), advice.MaxText), Issuer: foreign.Line(c.Issuer.String(), advice.MaxText), Names: names,
		Until: c.NotAfter.UTC(), TLSA: dane.Of(c, dane.DANEEE, dane.SPKI, dane.SHA256).String(),
	}
}

// judge adds what is wrong with one host.
func (r *Report) judge(c *Connection, client *connect.Client, now time.Time) {
	d, t := c.dialogue, r.tlsa(&c.attempt)
	where := c.where()
	demands := r.demands(t)
	switch e := d.Err; {
	case e == nil && d.STARTTLS:
	case e == nil:
		c.protection(where+" offers no STARTTLS: mail to it can be read on the way", demands)
	case e.Stage == connect.Handshake, e.Stage == connect.StartTLS:
		c.protection(where+" offers STARTTLS, but "+e.Text, demands)
	case d.Version != 0:
		c.Findings.Warning(where+", behind TLS: "+e.Text, "")
	case e.Code >= 500:
		c.Findings.Warning(where+" refuses this client: "+e.Text+"; it may take mail of others", "")
		return
	case e.NoWay:
		c.Findings.Note(where+" was not reached: "+e.Text, "")
		return
	default:
		c.Findings.Warning(where+": "+e.Text, "")
		return
	}
	if d.Injected {
		c.Findings.Warning(where+" sends text between STARTTLS and TLS, which somebody on the way may have written (RFC 3207 section 6)", "")
	}
	if v := d.Version; v != 0 && v < tls.VersionTLS12 {
		c.Findings.Warning(where+" speaks "+tls.VersionName(v)+", which is no longer safe (RFC 8996)", "allow TLS 1.2 and 1.3 there")
	}
	if d.Version != 0 {
		c.judgeDANE(t, now)
		c.judgeValidity(client, now)
	}
	if !isASCII(r.recipient.local) && d.Err == nil && !slices.Contains(c.Extensions, "SMTPUTF8") {
		c.Findings.Error(where+" offers no SMTPUTF8: it takes no mail for an address beyond ASCII (RFC 6531)", "")
	}
}

func (c *Connection) where() string {
	if strings.HasPrefix(c.Host, "[") {
		return c.IP
	}
	return c.Host + " at " + c.IP
}

// demands returns what has senders demand TLS of a host, "" if nothing does.
func (r *Report) demands(t *TLSA) string {
	if t != nil && t.demands {
		return "DANE"
	}
	if p := r.Transport.MTASTS.Policy; p != nil && p.Mode == "enforce" {
		return "MTA-STS"
	}
	return ""
}

// protection adds that TLS is not to be had.
func (c *Connection) protection(text, demands string) {
	if demands == "" {
		c.Findings.Warning(text, "have the mail server offer STARTTLS with a certificate")
		return
	}
	c.kept = true
	c.Findings.Error(text+"; senders that check "+demands+" keep the mail", "have the mail server offer STARTTLS with the right certificate")
}

// judgeDANE compares the certificates with the TLSA records.
func (c *Connection) judgeDANE(t *TLSA, now time.Time) {
	if t == nil {
		return
	}
	if len(t.records) == 0 {
		if t.State == Absent && t.DNSSEC == lookups.Secure {
			c.Findings.Add(finding.Note, c.where()+" has no TLSA record, though its zone is signed: senders cannot check its key", c.recordFix(t))
		}
		return
	}
	result, matched, reason := dane.Verify(t.records, c.dialogue.Chain, []string{t.base, c.attempt.serverName()}, now)
	switch {
	case result == dane.None:
	case result == dane.Pass:
		c.DANE = Passed
		c.Findings.OK(c.where() + " has a certificate that fits the TLSA record " + foreign.Cut(matched.String(), 30))
	case t.State == Works:
		c.DANE, c.kept = FailedIt, true
		c.Findings.Add(finding.Error, c.where()+": "+reason+"; senders that check DANE keep the mail", c.recordFix(t))
	default:
		c.DANE = FailedIt
		c.Findings.Add(finding.Warning, c.where()+": "+reason, c.recordFix(t))
	}
}

// recordFix returns the TLSA record of the server's key, which was read and compared with
// it.
func (c *Connection) recordFix(t *TLSA) finding.Fix {
	leaf := c.dialogue.Chain[0]
	r, err := dane.ParseText(c.Certificate.TLSA)
	if err != nil || r.Unusable() != "" || !r.Matches(leaf) {
		return finding.Fix{}
	}
	return advice.Propose(t.Name, "TLSA "+r.String())
}

// soon is how long before its end a certificate is named.
const soon = 14 * 24 * time.Hour

// judgeValidity checks the certificate by the trusted authorities. Only MTA-STS asks for
// that.
func (c *Connection) judgeValidity(client *connect.Client, now time.Time) {
	name := c.attempt.serverName()
	if name == "" {
		return
	}
	if err := client.VerifyName(c.dialogue.Chain, name, now); err != nil {
		c.Valid = FailedIt
		c.Findings.Note(c.where()+": "+err.Error()+"; that counts for MTA-STS alone", "")
		return
	}
	c.Valid = Passed
	if left := c.Certificate.Until.Sub(now); left < soon {
		c.Findings.Warning(fmt.Sprintf("the certificate of %s ends on %s", c.where(), c.Certificate.Until.Format(time.DateOnly)), "renew it")
	}
}

// concludeConnections says what follows if no host was reached.
func (r *Report) concludeConnections() {
	refused, silent := 0, 0
	for _, c := range r.Connections {
		e := c.dialogue.Err
		switch {
		case e == nil || e.Stage != connect.Connecting:
			return
		case e.Refused:
			refused++
		case e.Timeout, e.NoWay:
			silent++
		}
	}
	switch n := len(r.Connections); {
	case refused == n:
		r.Result = Undeliverable
		r.Findings.Error("no host takes connections on port 25: mail waits at its senders and goes back after some days", "start the mail server, or open its port 25")
	case silent > 0:
		r.Result = Unknown
		r.Findings.Warning("no host could be reached: perhaps they are away, perhaps the network of this machine lets no connection to port 25 out", "run this on a machine that sends mail")
	}
}

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(c rune) bool { return c >= utf8.RuneSelf })
}
