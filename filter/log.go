package filter

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/judgement"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
)

// maxLogged bounds each foreign text in a log line, in octets.
const maxLogged = 256

// text returns a field that holds foreign text.
func text(key, s string) zap.Field { return zap.String(key, foreign.Terminal(s, maxLogged)) }

// texts returns a field that holds a list of foreign texts.
func texts(key string, list []string) zap.Field { return zap.Array(key, harmless(list)) }

// harmless is a list of foreign texts that is logged in harmless form.
type harmless []string

// MarshalLogArray implements [zapcore.ArrayMarshaler].
func (list harmless) MarshalLogArray(e zapcore.ArrayEncoder) error {
	for _, s := range list {
		e.AppendString(foreign.Terminal(s, maxLogged))
	}
	return nil
}

// claims are the fields that a sender wrote in our name. They are logged with their
// values as far as these are known, as in "Authentication-Results: mx.example.org;
// dmarc=pass".
type claims struct{ r *result.Results }

// maxRemoved bounds the fields that are logged, of which a message may have a thousand.
const maxRemoved = 5

// MarshalLogArray implements [zapcore.ArrayMarshaler].
func (c claims) MarshalLogArray(e zapcore.ArrayEncoder) error {
	for i, ref := range c.r.Claims {
		if i == maxRemoved {
			e.AppendString(fmt.Sprintf("and %d more", len(c.r.Claims)-i))
			break
		}
		e.AppendString(foreign.Terminal(c.text(ref), maxLogged))
	}
	return nil
}

// text returns the field that a reference names on one line; its name alone if the
// header is not known.
func (c claims) text(ref result.FieldRef) string {
	n := 0
	for _, f := range c.r.Header {
		if !f.Is(ref.Name) {
			continue
		}
		if n++; n == ref.Occurrence {
			value := foreign.Cut(f.Value(), 2*maxLogged) // of a long one the rest is not looked at
			return f.Name + ": " + strings.Join(strings.Fields(value), " ")
		}
	}
	return ref.Name
}

// overrides returns reasons and sources in order: "trusted_forwarder trust.forwarders (192.0.2.1)".
func overrides(all []result.Override) []string {
	out := make([]string, len(all))
	for i, o := range all {
		out[i] = string(o.Reason) + " " + o.String()
	}
	return out
}

// hintWords returns the words of a verdict's hints.
func hintWords(v result.Verdict) []string {
	out := make([]string, len(v.Hints))
	for i, h := range v.Hints {
		out[i] = string(h.Word)
	}
	return out
}

// clientIP returns the client's address, "" if the MTA gave none.
func clientIP(c message.Client) string {
	if !c.IP.IsValid() {
		return ""
	}
	return c.IP.String()
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// logDecision logs a warning for each fault of a message, and its info line.
func (s *session) logDecision(d *Decision) {
	log := s.srv.log
	faults := slices.Concat(d.Results.Faults, d.Verdict.Faults, d.Faults)
	for _, f := range faults {
		log.Warn("fault", text("queue", d.QueueID), zap.String("client", clientIP(d.Client)), text("fault", f))
	}
	if d.Err != nil {
		log.Warn("the MTA left before the verdict", text("queue", d.QueueID), zap.String("client", clientIP(d.Client)), text("error", d.Err.Error()))
	}
	entry := log.Check(zap.InfoLevel, "message")
	if entry == nil {
		return
	}
	r := d.Results
	var spf, dkim []string
	for _, x := range r.SPF {
		spf = append(spf, fmt.Sprintf("%s=%s %s", x.Identity, x.Status, x.Domain))
	}
	for _, x := range r.DKIM {
		x.Status, _ = r.Counts(x)
		dkim = append(dkim, fmt.Sprintf("%s %s/%s", x.Status, x.Domain, x.Selector))
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
		senders = append(senders, fmt.Sprintf("%s=%s %s", x.Identity, x.Status, x.Domain))
	}
	client, helo := clientIP(d.Client), d.Helo
	if r.Client.Relay != "" {
		client, helo = r.Client.IP, r.Client.Helo
	}
	fields := []zap.Field{
		text("queue", d.QueueID),
		text("client", client),
		text("relay", r.Client.Relay),
		text("hidden", r.Client.Hidden),
		text("helo", helo),
		text("from", d.From),
		zap.Int("rcpts", d.Recipients),
		texts("rcpt_domains", recipientDomains(d.To)),
		text("message_id", d.MessageID),
		text("author", author),
		texts("spf", spf),
		texts("dkim", dkim),
		text("dmarc", dmarc),
		text("arc", string(r.ARC.Status)),
		text("iprev", string(r.IPRev.Status)),
		texts("mx", senders),
		text("action", string(d.Verdict.Action)),
		text("code", d.Verdict.Code),
		text("rule", d.Verdict.Rule),
		texts("overrides", overrides(d.Verdict.Overrides)),
		texts("refused_overrides", overrides(d.Verdict.Refused)),
		texts("why", d.Verdict.Why),
		texts("hint", hintWords(d.Verdict)),
		text("exempt", r.Exempt),
		zap.Array("removed", claims{r}),
		zap.Float64("dns_ms", math.Round(1000*r.DNS.WaitMS)/1000),
		zap.Int("dns_lookups", r.DNS.Lookups),
		zap.Float64("took_ms", ms(d.Took)),
		texts("faults", faults),
		zap.Bool("undelivered", d.Err != nil),
	}
	if s := judgement.Summary(r.Evidence); s != "" {
		fields = append(fields, text("judgement", s))
	}
	if would := d.Verdict.Would(); would != "" {
		fields = append(fields, text("would", string(would)))
	}
	if s := r.Signing; s != nil {
		fields = append(fields, signing(s)...)
	}
	if s := r.Sealing; s != nil {
		fields = append(fields, sealing(s)...)
	}
	if odd := r.Author.Oddities; len(odd) > 0 {
		fields = append(fields, texts("oddities", odd))
	}
	if m := matched(d.Verdict); len(m) > 0 {
		fields = append(fields, texts("matched", m))
	}
	if to := d.Verdict.RedirectTo; to != "" {
		fields = append(fields, text("redirect", to))
	}
	if d.Reply != "" && r.Reference != 0 {
		fields = append(fields, text("ref", r.Reference.String()))
	}
	if s := shadowText(d); s != "" {
		fields = append(fields, text("shadow", s))
	}
	entry.Write(fields...)
}

// signing says who signed a message of our users, or why nobody did.
func signing(s *result.Signing) []zap.Field {
	by := strings.Join(append([]string{s.Domain + "/" + s.Selector}, s.Also...), " ")
	if d := s.DryRun; d != nil {
		fields := []zap.Field{text("dry_run", d.Outcome)}
		if d.Detail != "" {
			fields = append(fields, text("dry_run_why", d.Detail))
		}
		if s.Reason == "" {
			return append(fields, text("would_sign", by))
		}
		return append(fields, text("unsigned", string(s.Reason)), text("unsigned_why", s.Detail))
	}
	if s.Reason == "" {
		fields := []zap.Field{text("signed", by)}
		if s.Without != "" {
			fields = append(fields, text("unsigned_second_why", s.Without))
		}
		return fields
	}
	return []zap.Field{text("unsigned", string(s.Reason)), text("unsigned_why", s.Detail)}
}

// sealing says how a forwarded message was sealed, or why a message was not.
func sealing(s *result.Sealing) []zap.Field {
	if s.Reason == "" {
		return []zap.Field{text("sealed", fmt.Sprintf("%s/%s i=%d cv=%s", s.Domain, s.Selector, s.Instance, s.Chain))}
	}
	return []zap.Field{text("unsealed", string(s.Reason)), text("unsealed_why", s.Detail)}
}

// matched returns the administrator's own rules that matched, as in "newsletter" or
// "partners (monitor)".
func matched(v result.Verdict) []string {
	out := make([]string, len(v.Matched))
	for i, m := range v.Matched {
		out[i] = m.Rule
		if m.Monitor {
			out[i] += " (monitor)"
		}
	}
	return out
}
