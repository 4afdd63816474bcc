package requirements

import (
	"fmt"

	"github.com/postvet/postvet/cmd/postvet/internal/finding"
	"github.com/postvet/postvet/cmd/postvet/internal/inspect"
	"github.com/postvet/postvet/cmd/postvet/internal/layout"
	"github.com/postvet/postvet/policy/dmarc"
)

// firstOf returns the first finding of a severity; nil if there is none.
func firstOf(list finding.List, s finding.Severity) *finding.Finding {
	for i := range list {
		if list[i].Severity == s && !list[i].DNSFailure {
			return &list[i]
		}
	}
	return nil
}

// failure returns the first finding of a failed lookup; nil if there is none.
func failure(list finding.List) *finding.Finding {
	for i := range list {
		if list[i].DNSFailure {
			return &list[i]
		}
	}
	return nil
}

// judgeSPF demands a record that can be evaluated and lets somebody send.
func judgeSPF(r *inspect.Report) judgement {
	s := &r.SPF
	if f := firstOf(s.Findings, finding.Error); f != nil {
		return judgement{Broken, f.Text, f.Fix}
	}
	if f := failure(s.Findings); f != nil {
		return judgement{Unknown, f.Text, ""}
	}
	w := &s.Senders
	switch {
	case !w.Known || s.Truncated:
		return judgement{Unknown, "the record could not be evaluated as a whole", ""}
	case w.Addresses == 0 && w.Networks == 0 && len(w.Open) == 0:
		return judgement{Broken, "the record lets nobody send, so that no mail passes", "list the hosts that send, if the domain sends mail"}
	}
	return judgement{OK, fmt.Sprintf("the record can be evaluated with %d of 10 lookups", s.Lookups), ""}
}

// judgeDKIM demands a key that receivers take. Whether mail is signed by it is judged
// elsewhere.
func judgeDKIM(r *inspect.Report) judgement {
	const fix = "sign by an RSA key of 2048 bits, and publish what the signer gives as its record"
	var worst *finding.Finding
	for _, k := range r.DKIM.Keys {
		if f := firstOf(k.Findings, finding.Error); f != nil {
			worst = f
			continue
		}
		if k.Type == "rsa" && k.Bits >= 1024 && !k.Revoked && !k.Testing {
			return judgement{OK, fmt.Sprintf("the key of the selector %s has %d bits", k.Selector, k.Bits), ""}
		}
	}
	if f := failure(r.DKIM.Findings); f != nil {
		return judgement{Unknown, f.Text, ""}
	}
	switch {
	case worst != nil:
		return judgement{Broken, worst.Text, worst.Fix}
	case r.DKIM.Absent:
		return judgement{Broken, "there are no keys, so that no signature passes", fix}
	case len(r.DKIM.Keys) > 0:
		return judgement{Broken, "no RSA key of at least 1024 bits is in force among " + layout.Count(len(r.DKIM.Keys), "key"), fix}
	}
	if f := firstOf(r.DKIM.Findings, finding.Error); f != nil {
		return judgement{Broken, f.Text, f.Fix}
	}
	return judgement{Unseen, "no key under a well-known selector", "name the selector with --selector; s= of a DKIM-Signature field has it"}
}

// judgeDMARC demands a record that counts; p=none suffices.
func judgeDMARC(r *inspect.Report) judgement {
	d := &r.DMARC
	wrong, lost := firstOf(d.Findings, finding.Error), failure(d.Findings)
	switch counts := d.Record != "" && d.Policy != ""; {
	case !counts && wrong != nil:
		return judgement{Broken, wrong.Text, wrong.Fix}
	case !counts && lost != nil:
		return judgement{Unknown, lost.Text, ""}
	case !counts:
		return judgement{Unknown, "the record is not known", ""}
	case d.Policy == dmarc.PolicyNone:
		return judgement{OK, "the record counts; p=none suffices, but protects nobody from forged mail", ""}
	}
	return judgement{OK, "the record counts, with the policy " + string(d.Policy), ""}
}

// look says how mail is seen that the DNS does not show.
const look = "send a message to a mailbox there and read Authentication-Results in its source, or read reports: postvet report sources"

// judgeAlignment demands that mail passes DMARC. Mail that fails may be forged.
func judgeAlignment(r *inspect.Report) judgement {
	if r.Observed == nil || r.Observed.Mail.Genuine+r.Observed.Mail.Failed == 0 {
		return judgement{Unseen, "whether the domain in From is that of SPF or DKIM is seen in mail alone", look + "; or name a journal with --journal"}
	}
	m := &r.Observed.Mail
	if m.Failed == 0 {
		return judgement{OK, fmt.Sprintf("all %s that were seen passed DMARC", layout.Count(m.Genuine, "message")), ""}
	}
	return judgement{
		Unseen, fmt.Sprintf("%d of %s that were seen failed DMARC: forged, or of senders that are not set up", m.Failed, layout.Count(m.Genuine+m.Failed, "message")),
		"see which with: postvet history --domain " + r.Name + " --dmarc fail",
	}
}

// judgeBoth demands that each message passes by SPF and by DKIM.
func judgeBoth(r *inspect.Report) judgement {
	if r.Observed == nil || r.Observed.Mail.Genuine == 0 {
		return judgement{Unseen, "whether both pass is seen in mail alone", look + "; or name a journal with --journal"}
	}
	m := &r.Observed.Mail
	switch unsigned, others := m.Genuine-m.DKIM, m.Genuine-m.SPF; {
	case unsigned > 0:
		return judgement{Broken, fmt.Sprintf("%d of %s that passed DMARC had no signature of the domain", unsigned, layout.Count(m.Genuine, "message")), "have all hosts sign; find them with: postvet report sources"}
	case others > 0:
		return judgement{Unseen, fmt.Sprintf("%d of %s passed by DKIM alone: forwarded, or of a host that SPF does not list", others, layout.Count(m.Genuine, "message")), "find the hosts with: postvet history --domain " + r.Name}
	}
	return judgement{OK, fmt.Sprintf("all %s that were seen passed by both", layout.Count(m.Genuine, "genuine message")), ""}
}
