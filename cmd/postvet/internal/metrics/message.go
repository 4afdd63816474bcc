package metrics

import (
	"cmp"
	"slices"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/postvet/postvet/filter"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/rules"
	"github.com/postvet/postvet/policy/sign"
	"github.com/postvet/postvet/policy/spf"
)

// messageMetrics are the metrics that are counted message by message.
type messageMetrics struct {
	messages, results, overrides, matches, shadow, hints, signing, sealing, dryRun *counts

	faults, logins          atomic.Uint64
	faultsTotal             prometheus.CounterFunc
	loginsTotal             prometheus.CounterFunc
	verdict, dnsWait, whole prometheus.Histogram
}

func newMessageMetrics() *messageMetrics {
	seconds := func(name, help string, buckets []float64) prometheus.Histogram {
		return prometheus.NewHistogram(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets})
	}
	m := &messageMetrics{
		messages:  newCounts("postvet_messages_total", "Messages with a verdict, by action and by the rule that decided.", "action", "rule"),
		results:   newCounts("postvet_results_total", "Results of the authentication methods; dkim has one for each signature.", "method", "result"),
		overrides: newCounts("postvet_overrides_total", "Reasons (RFC 9990) why a message was not treated as its author's domain asks.", "reason"),
		matches:   newCounts("postvet_rule_matches_total", "Matches of rules in the configuration, also of those that are only monitored.", "rule"),
		hints:     newCounts("postvet_hints_total", "Likely causes of failures, as in the log's key hint; a forger can imitate all of them.", "hint"),
		signing:   newCounts("postvet_signing_total", "Messages by whether they were signed: signed, or the reason why not, as in the log's key unsigned. Empty unless mail is signed.", "result"),
		sealing:   newCounts("postvet_sealing_total", "Messages by whether they were sealed by ARC: sealed, or the reason why not, as in the log's key unsealed. Empty unless mail is sealed.", "result"),
		dryRun:    newCounts("postvet_signing_dry_run_total", "Messages of our users by what another signer did to them, as in the log's key dry_run. Empty unless sign.dry_run is set.", "result"),
		shadow:    newCounts("postvet_shadow_differences_total", "Messages that the shadow policy would have treated differently, by action and by the action it would have taken.", "action", "shadow_action"),
		verdict: seconds("postvet_verdict_seconds", "Time from the end of a message, or from its first recipient if it was rejected there, to its verdict.",
			[]float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 20, 30}),
		dnsWait: seconds("postvet_dns_wait_seconds", "Time during which at least one lookup of a message was under way; it overlaps the message's arrival.",
			[]float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 20, 30}),
		whole: seconds("postvet_message_seconds", "Time from MAIL to the verdict, most of which the client takes.",
			[]float64{.001, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 1800}),
	}
	m.results.know(results)
	m.overrides.know(alone(reasons))
	byAction := map[string][]string{}
	for _, a := range actions {
		byAction[a] = actions
	}
	m.shadow.know(byAction)
	m.hints.know(alone(hints))
	m.signing.know(alone(append(sign.Reasons(), signed)))
	m.sealing.know(alone(append(sign.SealReasons(), sealed)))
	m.dryRun.know(alone(result.DryRunOutcomes()))
	return m
}

// signed and sealed count the messages that we signed and sealed. The others count by the
// reason why not.
const (
	signed sign.Reason = "signed"
	sealed sign.Reason = "sealed"
)

// alone returns the rows of a counter with one label.
func alone[T ~string](words []T) map[string][]string {
	rows := map[string][]string{}
	for _, w := range words {
		rows[string(w)] = nil
	}
	return rows
}

func (m *messageMetrics) register(r prometheus.Registerer) {
	m.faultsTotal = prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "postvet_faults_total", Help: "Failures of Postvet itself on a message; the log says which.",
	}, func() float64 { return float64(m.faults.Load()) })
	m.loginsTotal = prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "postvet_login_alerts_total", Help: "Alerts about logins that send to more than limits.login_recipients within an hour; the log names them.",
	}, func() float64 { return float64(m.logins.Load()) })
	r.MustRegister(m.messages, m.results, m.overrides, m.matches, m.shadow, m.hints, m.signing, m.sealing, m.dryRun, m.faultsTotal, m.loginsTotal, m.verdict, m.dnsWait, m.whole)
}

// SetRules sets the names of the rules that the configuration has beside the
// built-in ones. Series of rules that are gone are forgotten. A rule without a
// series counts as "other".
func (m *Metrics) SetRules(names []string) {
	own := names[:min(len(names), maxRules)]
	rows := map[string][]string{}
	for _, a := range actions {
		rows[a] = slices.Concat(rules.BuiltinRules(), own)
	}
	m.message.messages.know(rows)
	m.message.matches.know(alone(own))
}

// Message counts one message. It is meant for filter.Options.OnMessage.
func (m *Metrics) Message(d filter.Decision) {
	c, r := m.message, d.Results
	c.messages.add(string(d.Verdict.Action), d.Verdict.Rule)
	for _, o := range d.Verdict.Overrides {
		c.overrides.add(string(o.Reason), "")
	}
	for _, match := range d.Verdict.Matched {
		c.matches.add(match.Rule, "")
	}
	for _, h := range d.Verdict.Hints {
		c.hints.add(string(h.Word), "")
	}
	switch s := r.Signing; {
	case s == nil:
	case s.DryRun != nil:
		c.dryRun.add(s.DryRun.Outcome, "")
	default:
		c.signing.add(string(cmp.Or(s.Reason, signed)), "")
	}
	if s := r.Sealing; s != nil {
		c.sealing.add(string(cmp.Or(s.Reason, sealed)), "")
	}
	if s := d.Shadow; s != nil && s.Differs(d.Verdict) {
		c.shadow.add(string(d.Verdict.Action), string(s.Action))
	}
	if n := len(r.Faults) + len(d.Verdict.Faults) + len(d.Faults); n > 0 {
		c.faults.Add(uint64(n))
	}
	c.verdict.Observe(d.Took.Seconds())
	c.whole.Observe((d.Ended.Sub(d.Began) + d.Took).Seconds())
	if r.Exempt != "" {
		return // nothing was checked
	}
	c.dnsWait.Observe(r.DNS.WaitMS / 1000)
	c.countResults(r)
}

// countResults counts the result of each method. A method that was not evaluated
// has no word and is left out.
func (m *messageMetrics) countResults(r *result.Results) {
	add := func(method, result string) {
		if result != "" {
			m.results.add(method, result)
		}
	}
	for _, x := range r.SPF {
		method := "spf"
		if x.Identity == spf.HELO {
			method = "spf-helo"
		}
		add(method, string(x.Status))
	}
	for _, x := range r.DKIM {
		status, _ := r.Counts(x)
		add("dkim", string(status))
	}
	if len(r.DKIM) == 0 && r.DMARC.Status != "" {
		add("dkim", string(dkim.None))
	}
	add("arc", string(r.ARC.Status))
	add("dmarc", string(r.DMARC.Status))
	add("iprev", string(r.IPRev.Status))
	for _, x := range r.SenderDomains {
		add("mx", string(x.Status))
	}
}

// LoginAlert counts an alert about a login.
func (m *Metrics) LoginAlert() { m.message.logins.Add(1) }
