package filter

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/postvet/postvet/policy/result"

	"go.uber.org/zap"

	"github.com/postvet/postvet/policy/message"
)

// maxLogged bounds each foreign text in a log line.
const maxLogged = 256

// clean makes foreign text safe to log for any encoder and any terminal.
func clean(s string) string {
	cut := len(s) > maxLogged
	if cut {
		s = s[:maxLogged]
	}
	if !plainASCII(s) {
		s = printableOnly(s)
	}
	if cut {
		s += "..."
	}
	return s
}

// plainASCII tells that a text is safe as it is, as nearly all are.
func plainASCII(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

func printableOnly(s string) string {
	return strings.Map(func(r rune) rune {
		// U+FFFD is what broken UTF-8 becomes. Not printable are C1 controls, which
		// drive terminals, bidirectional ones, which reorder a line, and what
		// nobody sees.
		if r == unicode.ReplacementChar || !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
}

// overrides are the reasons and sources, in order: "trusted_forwarder trust.forwarders (192.0.2.1)".
func overrides(all []result.Override) []string {
	out := make([]string, len(all))
	for i, o := range all {
		out[i] = clean(string(o.Reason) + " " + o.String())
	}
	return out
}

// hintWords are the words of a verdict's hints.
func hintWords(v result.Verdict) []string {
	out := make([]string, len(v.Hints))
	for i, h := range v.Hints {
		out[i] = clean(string(h.Word))
	}
	return out
}

func cleanAll(texts []string) []string {
	out := make([]string, len(texts))
	for i, s := range texts {
		out[i] = clean(s)
	}
	return out
}

// clientIP is the client as logs show it: "" if the MTA gave no address.
func clientIP(c message.Client) string {
	if !c.IP.IsValid() {
		return ""
	}
	return c.IP.String()
}

// A command or reply is one octet that may be anything.
func zapCommand(c byte) zap.Field { return zap.String("command", clean(string(rune(c)))) }
func zapReply(c byte) zap.Field   { return zap.String("reply", clean(string(rune(c)))) }

// zapPanic is what was panicked with, which may hold what an outsider wrote.
func zapPanic(v any) zap.Field { return zap.String("panic", clean(fmt.Sprint(v))) }

// zapError is zap.Error for errors that may hold what an outsider wrote.
func zapError(err error) zap.Field { return zap.String("error", clean(err.Error())) }

// zapQueue is the queue id of the message that the connection is in, or was in last.
func (w *wire) zapQueue() zap.Field { return zap.String("queue", clean(w.session.macros.queueID)) }

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// logDecision writes the one line of a message, and a warning for each fault.
func (s *session) logDecision(d *Decision) {
	log := s.srv.log
	faults := []string{}
	for _, f := range slices.Concat(d.Results.Faults, d.Verdict.Faults, d.Faults) {
		faults = append(faults, clean(f))
		log.Warn("fault", zap.String("queue", clean(d.QueueID)), zap.String("client", clientIP(d.Client)), zap.String("fault", clean(f)))
	}
	if d.Err != nil {
		log.Warn("the MTA left before the verdict", zap.String("queue", clean(d.QueueID)), zap.String("client", clientIP(d.Client)), zapError(d.Err))
	}
	entry := log.Check(zap.InfoLevel, "message")
	if entry == nil {
		return
	}
	r := d.Results
	var spf, dkim []string
	for _, x := range r.SPF {
		spf = append(spf, clean(fmt.Sprintf("%s=%s %s", x.Identity, x.Status, x.Domain)))
	}
	for _, x := range r.DKIM {
		x.Status, _ = r.Counts(x)
		dkim = append(dkim, clean(fmt.Sprintf("%s %s/%s", x.Status, x.Domain, x.Selector)))
	}
	author := r.Author.Domain
	if author == "" {
		author = r.Author.Problem
	}
	dmarc := string(r.DMARC.Status)
	if r.DMARC.Policy != "" {
		dmarc += " p=" + string(r.DMARC.Policy)
	}
	var senders []string
	for _, x := range r.SenderDomains {
		senders = append(senders, clean(fmt.Sprintf("%s=%s %s", x.Identity, x.Status, x.Domain)))
	}
	client, helo := clientIP(d.Client), d.Helo
	if r.Client.Relay != "" {
		client, helo = r.Client.IP, r.Client.Helo
	}
	fields := []zap.Field{
		zap.String("queue", clean(d.QueueID)),
		zap.String("client", clean(client)),
		zap.String("relay", clean(r.Client.Relay)),
		zap.String("hidden", clean(r.Client.Hidden)),
		zap.String("helo", clean(helo)),
		zap.String("from", clean(d.From)),
		zap.Int("rcpts", d.Recipients),
		zap.String("author", clean(author)),
		zap.Strings("spf", spf),
		zap.Strings("dkim", dkim),
		zap.String("dmarc", clean(dmarc)),
		zap.String("arc", clean(string(r.ARC.Status))),
		zap.String("iprev", clean(string(r.IPRev.Status))),
		zap.Strings("mx", senders),
		zap.String("action", clean(string(d.Verdict.Action))),
		zap.String("code", clean(d.Verdict.Code)),
		zap.String("rule", clean(d.Verdict.Rule)),
		zap.Strings("overrides", overrides(d.Verdict.Overrides)),
		zap.Strings("refused_overrides", overrides(d.Verdict.Refused)),
		zap.Strings("why", cleanAll(d.Verdict.Why)),
		zap.Strings("hint", hintWords(d.Verdict)),
		zap.String("exempt", clean(r.Exempt)),
		zap.Float64("dns_ms", math.Round(1000*r.DNS.WaitMS)/1000),
		zap.Int("dns_lookups", r.DNS.Lookups),
		zap.Float64("took_ms", ms(d.Took)),
		zap.Strings("faults", faults),
		zap.Bool("undelivered", d.Err != nil),
	}
	if m := matched(d.Verdict); len(m) > 0 {
		fields = append(fields, zap.Strings("matched", m))
	}
	if to := d.Verdict.RedirectTo; to != "" {
		fields = append(fields, zap.String("redirect", clean(to)))
	}
	if s := shadowText(d); s != "" {
		fields = append(fields, zap.String("shadow", clean(s)))
	}
	entry.Write(fields...)
}
