package requirements

import (
	"fmt"
	"strings"

	"github.com/postvet/postvet/cmd/postvet/internal/finding"
	"github.com/postvet/postvet/cmd/postvet/internal/inspect"
	"github.com/postvet/postvet/cmd/postvet/internal/layout"
	"github.com/postvet/postvet/policy/iprev"
)

// judgeReverse demands that the reverse DNS of each host leads back to it.
func judgeReverse(r *inspect.Report) judgement {
	var wrong, lost []string
	for _, h := range r.Hosts.List {
		switch h.Reverse {
		case iprev.Pass:
		case iprev.TempError:
			lost = append(lost, h.IP.String())
		default:
			wrong = append(wrong, h.IP.String())
		}
	}
	switch n := len(r.Hosts.List); {
	case len(wrong) > 0:
		return judgement{Broken, "the reverse DNS of " + strings.Join(wrong, ", ") + " does not lead back", "set the PTR record of each address to the name of the host, and give that name the address"}
	case len(lost) > 0:
		return judgement{Unknown, "the reverse DNS of " + strings.Join(lost, ", ") + " could not be looked up", ""}
	case n == 0 && len(r.SPF.Senders.Shared) > 0:
		return judgement{Unseen, "the hosts are those of " + r.SPF.Senders.Shared[0].Provider + ", which has to see to it", "name a host with --ip to have it checked"}
	case n == 0:
		return judgement{Unseen, "the hosts that send are not known one by one", "name them with --ip"}
	case r.Hosts.Omitted > 0:
		return judgement{Unseen, fmt.Sprintf("it is right of %d of %d hosts; the others were not asked", n, n+r.Hosts.Omitted), "name others with --ip"}
	case n == 1:
		return judgement{OK, "it leads back to the host that sends", ""}
	default:
		return judgement{OK, fmt.Sprintf("it leads back to each of %d hosts", n), ""}
	}
}

// judgeTLS demands that hosts send over TLS.
func judgeTLS(r *inspect.Report) judgement {
	const fix = "in Postfix smtp_tls_security_level = may; Sendmail does it where it is built with STARTTLS"
	if r.Observed == nil || r.Observed.Mail.TLS == 0 {
		return judgement{Unseen, "whether hosts send over TLS is seen at the receiver alone", "look for TLS in the Received fields of mail that arrived; " + fix}
	}
	if m := &r.Observed.Mail; m.Clear > 0 {
		return judgement{Broken, fmt.Sprintf("%d of %s came without TLS", m.Clear, layout.Count(m.TLS+m.Clear, "genuine message")), fix}
	}
	return judgement{OK, fmt.Sprintf("all %s that were seen came over TLS", layout.Count(r.Observed.Mail.TLS, "genuine message")), ""}
}

// judgeUnsubscribe demands one-click unsubscribe of advertising and lists.
func judgeUnsubscribe(*inspect.Report) judgement {
	return judgement{
		Unseen, "the fields of newsletters and advertising are seen in mail alone",
		"look for List-Unsubscribe with an https: URI and List-Unsubscribe-Post: List-Unsubscribe=One-Click (RFC 8058), both named in h= of a DKIM signature that passes; requests must be met within 2 days",
	}
}

// judgeSpamRate demands few complaints.
func judgeSpamRate(*inspect.Report) judgement {
	return judgement{
		Unseen, "complaints of recipients are seen by the receivers alone",
		"register the domain with Google Postmaster Tools and the Yahoo Sender Hub; keep the rate below 0.1 %, and never let it reach 0.3 %",
	}
}

// judgeReplies demands that the domain takes mail.
func judgeReplies(r *inspect.Report) judgement {
	switch f := failure(r.MX.Findings); {
	case r.MX.Null:
		return judgement{Broken, "the domain takes no mail (null MX), so that nobody can reply", "send as a domain that takes mail, or publish MX records"}
	case len(r.MX.Hosts) > 0 && r.MX.Receives():
		for _, h := range r.MX.Hosts {
			if len(h.Addresses) > 0 {
				return judgement{OK, "the domain has a host that takes mail", ""}
			}
		}
		return judgement{Unknown, "the addresses of the hosts could not be looked up", ""}
	case f != nil:
		return judgement{Unknown, f.Text, ""}
	}
	if f := firstOf(r.MX.Findings, finding.Error); f != nil {
		return judgement{Broken, f.Text, f.Fix}
	}
	for i := range r.MX.Hosts {
		if f := failure(r.MX.Hosts[i].Findings); f != nil {
			return judgement{Unknown, f.Text, ""}
		}
		if f := firstOf(r.MX.Hosts[i].Findings, finding.Error); f != nil {
			return judgement{Broken, f.Text, f.Fix}
		}
	}
	return judgement{Unknown, "whether the domain takes mail is not known", ""}
}
