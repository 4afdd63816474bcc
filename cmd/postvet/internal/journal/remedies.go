package journal

import (
	"cmp"
	"fmt"
	"net/netip"
	"regexp"
	"strings"

	"github.com/postvet/postvet/policy/arc"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/iprev"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
)

// Remedy is something that the administrator of this server can do about a verdict.
type Remedy struct {
	Text string `json:"text"`
	// Config are the lines for postvet.toml, "" if there are none.
	Config string `json:"config,omitempty"`
}

// remedies collects the remedies of one message.
type remedies struct {
	list []Remedy
	res  *result.Results
	v    *result.Verdict
}

// queueID matches queue ids that are one word for a shell, and neither an option nor the
// "ALL" of postsuper(1).
var queueID = regexp.MustCompile(`^[0-9A-Za-z]{6,32}$`)

// remediesFor returns what the administrator can do about the verdict of a row, the safest
// remedy first.
func remediesFor(res *result.Results, v *result.Verdict, queue string) []Remedy {
	r := &remedies{res: res, v: v}
	// A person copies the commands into a shell.
	if id := queue; v.Action == result.Quarantine && queueID.MatchString(id) {
		r.say("Release it from the MTA's queue, if it is genuine: postsuper -H %s (Postfix), or sendmail -qQ -qI%s -Q and sendmail -qI%s", id, id, id)
	}
	switch would := cmp.Or(v.Would(), v.Action); {
	case would == result.Accept:
		return r.list
	case v.Rule == result.RuleDMARCReject, v.Rule == result.RuleDMARCQuarantine, v.Rule == result.RuleAuthorOverride,
		v.Rule == result.RuleOwnDomain, v.Rule == result.RuleUnsigned,
		v.Rule == result.RuleSPFFail, v.Rule == result.RuleSPFSoftfail, v.Rule == result.RuleSPFPermError:
		r.sealer()
		r.forwarder()
		r.byRule()
	default:
		r.byRule()
	}
	if v.Would() != "" {
		r.say("Nothing has to be done at present: the message was only monitored, and accepted")
	}
	return r.list
}

func (r *remedies) say(format string, args ...any) { r.paste("", format, args...) }

// paste adds a remedy with lines for the configuration.
func (r *remedies) paste(config, format string, args ...any) {
	r.list = append(r.list, Remedy{Text: fmt.Sprintf(format, args...), Config: config})
}

// sealer trusts who sealed the message, if the seals are valid and the newest sealer saw
// the author authenticated.
func (r *remedies) sealer() {
	a := r.res.ARC
	if a.Status != arc.Pass || len(a.Sealers) == 0 || r.res.DMARC.Status == dmarc.Pass {
		return
	}
	last := a.Sealers[len(a.Sealers)-1]
	name, ok := message.NormalizeDomain(last.Domain)
	if !ok || last.Recorded == nil || last.Recorded.DMARC != string(dmarc.Pass) {
		return
	}
	r.paste("[trust]\nsealers = ["+quoted(name)+"]", "If you believe what %s says of the mail that it forwards, trust its ARC seals", name)
}

// forwarder trusts who handed the message on, if it has a sign of a forwarder.
func (r *remedies) forwarder() {
	forwarded := r.res.Marks.Forward != "" || r.res.List.Marked() || r.res.ARC.Instances > 0
	for _, h := range r.v.Hints {
		switch h.Word {
		case result.HintList, result.HintAltered, result.HintMaybeForwarded:
			forwarded = true
		}
	}
	if !forwarded || r.v.Rule == result.RuleOwnDomain || r.v.Rule == result.RuleUnsigned {
		return
	}
	for _, d := range r.res.DKIM {
		status, _ := r.res.Counts(d)
		name, ok := message.NormalizeDomain(d.Domain)
		if status == dkim.Pass && ok && name != r.res.Author.Domain {
			r.paste("[trust]\nforwarders = ["+quoted("dkim:"+name)+"]", "If %s checks the mail that it hands on, trust whatever it has signed", name)
			break
		}
	}
	host, ok := message.NormalizeDomain(r.res.IPRev.Name)
	if r.res.IPRev.Status != iprev.Pass || !ok {
		ip, err := netip.ParseAddr(r.res.Client.IP)
		if err != nil {
			return
		}
		host = ip.WithZone("").String()
	}
	r.paste("[trust]\nforwarders = ["+quoted(host)+"]", "If %s forwards mail of your users and checks it before, trust it", host)
}

// byRule adds what the rule that decided offers.
func (r *remedies) byRule() {
	name, ok := message.NormalizeDomain(r.res.Author.Domain)
	author := foreign.Word(cmp.Or(name, r.res.Author.Domain), 260)
	switch r.v.Rule {
	case result.RuleDMARCReject, result.RuleDMARCQuarantine:
		if ok && !dmarc.PublicSuffix(name) { // the configuration takes no other name
			r.paste("[author_overrides]\n"+quoted(name)+` = "none"`, "If you want the mail of %s without proof, never refuse it. Forgeries of it then pass too", author)
		}
	case result.RuleAuthorOverride:
		r.say("[author_overrides] has an entry for %s or a domain above it: change it", author)
	case result.RuleOwnDomain:
		r.paste("[policy]\non_own_domain = \"mark\"", "If it is genuine, list its host in the SPF record of your domain, or have it sign or log in. Until then, mail like it can be marked alone")
	case result.RuleUnsigned:
		r.paste("[policy]\non_unsigned = \"mark\"", "If %s does not sign all its mail, take it out of policy.signing_domains, or only mark such mail", author)
	case result.RuleSPFFail, result.RuleSPFSoftfail, result.RuleSPFPermError:
		key := strings.ReplaceAll(r.v.Rule, "-", "_")
		r.paste("[policy]\n"+key+" = \"mark\"", "Leave the decision to DMARC, as by default, and only mark such mail")
	case result.RuleSenderDomain:
		r.paste("[policy]\nsender_domain = \"mark\"", "Only mark mail of domains that accept none")
	case result.RuleAmbiguousAuthor:
		r.paste("[policy]\non_ambiguous_author = \"accept\"", "Accept such mail, if your users must have it. Nobody can tell then who wrote it")
	case result.RuleReportWithoutPass:
		r.paste("[report]\nrequire_pass = false", "Accept it, if it is genuine. Reports without a DMARC pass are listed apart from the others")
	case result.RuleReportBounce:
		r.paste("[report]\nbounce = \"deliver\"", "Have bounces of your reports delivered too, when they have been read")
	case result.RuleOversize:
		r.say("Raise the bound in [limits] that the message exceeds, if your machine has the memory")
	case result.RuleTempError, result.RuleSPFTempError, result.RuleDegraded:
		r.temporary(author)
	case result.RuleKeyError:
		r.say("Mend the key: \"postvet key check\" says what is wrong with it")
	case result.RuleFault:
		r.say("Look into the log at that time; if Postvet itself failed, report it")
	case result.RuleUnreadable:
		r.say("Ask the MTA before this one to remove fields in our name, if the mail is genuine")
	default:
		r.say("Your rule %s decided: try another wording with \"postvet policy test\"", foreign.Word(r.v.Rule, 64))
	}
}

// temporary says where to look after a DNS failure.
func (r *remedies) temporary(author string) {
	switch c, d := r.res.Client, r.res.DNS; {
	case c.Hidden != "" && !c.Inside:
		r.say("Look at the Received fields of the relay %s, and at trust.relays: the client behind it is not known", foreign.Word(c.Relay, 64))
	case d.ResolverFailed+d.HostFailed > 0 || r.v.Rule == result.RuleDegraded:
		r.say("Look at your resolvers: \"postvet status\" shows which of them answer")
	default:
		r.say("Look whether the domain's DNS works: postvet domain %s. After it was mended: postvet cache flush --below %s", author, author)
	}
}

// quoted returns a name as a string of TOML. Names and addresses have nothing to escape.
func quoted(s string) string { return `"` + foreign.Word(s, 260) + `"` }
