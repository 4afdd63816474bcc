package filter

import (
	"fmt"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/postvet/postvet/policy"
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
	s = strings.Map(func(r rune) rune {
		// U+FFFD is what broken UTF-8 becomes; C1 controls drive terminals, and
		// the bidirectional ones reorder a line.
		if r < ' ' || r >= 0x7f && r < 0xa0 || r == 0xfffd || r >= 0x2028 && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
			return '?'
		}
		return r
	}, s)
	if cut {
		s += "..."
	}
	return s
}

// overrides are the reasons and sources, in order: "trusted_forwarder trust.forwarders (192.0.2.1)".
func overrides(v policy.Verdict) []string {
	out := make([]string, len(v.Overrides))
	for i, o := range v.Overrides {
		out[i] = clean(string(o.Reason) + " " + o.String())
	}
	return out
}

// hintWords are the words of a verdict's hints.
func hintWords(v policy.Verdict) []string {
	out := make([]string, len(v.Hints))
	for i, h := range v.Hints {
		out[i] = string(h.Word)
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

func zapCommand(c byte) zap.Field { return zap.String("command", string(rune(c))) }
func zapReply(c byte) zap.Field   { return zap.String("reply", string(rune(c))) }

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// logDecision writes the one line of a message, and a warning for each fault.
func (s *session) logDecision(d *Decision) {
	log := s.srv.log
	for _, f := range append(append([]string(nil), d.Results.Faults...), d.Faults...) {
		log.Warn("fault", zap.String("queue", clean(d.QueueID)), zap.String("client", clientIP(d.Client)), zap.String("fault", clean(f)))
	}
	if d.Err != nil {
		log.Warn("the MTA left before the verdict", zap.String("queue", clean(d.QueueID)), zap.Error(d.Err))
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
	entry.Write(
		zap.String("queue", clean(d.QueueID)),
		zap.String("client", clientIP(d.Client)),
		zap.String("helo", clean(d.Helo)),
		zap.String("from", clean(d.From)),
		zap.Int("rcpts", d.Recipients),
		zap.String("author", clean(author)),
		zap.Strings("spf", spf),
		zap.Strings("dkim", dkim),
		zap.String("dmarc", dmarc),
		zap.String("arc", string(r.ARC.Status)),
		zap.String("iprev", string(r.IPRev.Status)),
		zap.String("action", string(d.Verdict.Action)),
		zap.String("code", d.Verdict.Code),
		zap.String("rule", d.Verdict.Rule),
		zap.Strings("overrides", overrides(d.Verdict)),
		zap.Strings("why", cleanAll(d.Verdict.Why)),
		zap.Strings("hint", hintWords(d.Verdict)),
		zap.String("exempt", clean(r.Exempt)),
		zap.Float64("dns_ms", r.DNS.WaitMS),
		zap.Int("dns_lookups", r.DNS.Lookups),
		zap.Float64("took_ms", ms(d.Took)),
	)
}
