package web

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/held"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
	"github.com/postvet/postvet/cmd/postvet/internal/resulttext"
	"github.com/postvet/postvet/policy/addrlist"
	"github.com/postvet/postvet/policy/explain"
	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/spf"
)

// sectionsOf returns the evidence check by check, in the words of the standards.
func sectionsOf(res *result.Results, v *result.Verdict, trace []result.Event) []storySection {
	all := []storySection{}
	for _, s := range explain.Sections(trace) {
		section := storySection{Title: s.Title, Word: checkWord(res, v, s.Events[0].Check), Lines: []string{}}
		for _, e := range s.Events {
			section.Lines = append(section.Lines, foreign.Terminal(strings.TrimSpace(e.Text), foreign.Whole))
		}
		all = append(all, section)
	}
	return all
}

// checkWord returns the result of a check, "" if it has none in one word.
func checkWord(res *result.Results, v *result.Verdict, check string) string {
	spfOf := func(identity spf.Identity) string {
		for _, s := range res.SPF {
			if s.Identity == identity {
				return string(s.Status)
			}
		}
		return ""
	}
	switch check {
	case result.CheckIPRev:
		return string(res.IPRev.Status)
	case result.CheckHelo:
		return spfOf(spf.HELO)
	case result.CheckMailFrom:
		return spfOf(spf.MailFrom)
	case result.CheckDKIM:
		word := "none"
		for i, d := range res.DKIM {
			if status, _ := res.Counts(d); i == 0 || status == "pass" {
				word = string(status)
			}
		}
		return word
	case result.CheckARC:
		return string(res.ARC.Status)
	case result.CheckDMARC:
		return string(res.DMARC.Status)
	case result.CheckPolicy:
		return explain.Done(v.Action)
	}
	return ""
}

// signingLines says whether the message was signed and sealed.
func signingLines(r *result.Report) []string {
	lines := []string{}
	for _, l := range resulttext.Lines(r, nil, nil) {
		if slices.Contains([]string{"sign", "seal", "add", "fold", "remove"}, l.Name) {
			lines = append(lines, foreign.Terminal(strings.Join(l.Details, "; "), foreign.Whole))
		}
	}
	return lines
}

// storyFacts returns what else an administrator may want to know. res has the addresses as
// they are kept.
func storyFacts(r *rows.Row, res *result.Results, v *result.Verdict, zone *time.Location) []fact {
	facts := []fact{}
	add := func(name, value, path string) {
		if value != "" {
			facts = append(facts, fact{name, foreign.Terminal(value, 1000), path})
		}
	}
	mail := func(q string) string { return query(place{}, "/messages", "q", q) }
	add("Time", r.Ref.Time().In(zone).Format("2006-01-02 15:04:05.000 -0700 (MST)"), "")
	add("Reference", r.Ref.String(), "")
	add("Queue id", r.Queue, mail(r.Queue))
	add("Message-ID", r.MessageID, "")
	add("Node", r.Node, "")
	add("Client", res.Client.IP, mail(res.Client.IP))
	add("Name of the client", res.Client.PTR, "")
	add("HELO", res.Client.Helo, "")
	if res.Client.Relay != "" {
		add("Relay", res.Client.Relay+", HELO "+res.Client.RelayHelo, "")
	}
	add("TLS", res.Client.TLS, "")
	add("MAIL FROM", sender(r.Results), "")
	add("Recipients", recipientsOf(r), "")
	add("Logged in as", res.User, "")
	add("Mailing list (List-Id)", res.List.ID, "")
	if sealers := sealersOf(res); len(sealers) > 0 {
		add("Sealed by (ARC)", strings.Join(sealers, ", "), "")
	}
	add("Rule", v.Rule, query(place{}, "/messages", "rule", v.Rule))
	add("Overridden by", v.OverridesText(), "")
	add("Not overridden by", v.RefusedText(), "")
	add("Redirected to", v.RedirectTo, "")
	if v.Code != "" {
		add("The client was told", v.Code+" "+v.Text, "")
	}
	add("Size", octets(res.Size), "")
	add("DNS", fmt.Sprintf("%d lookups, %d without an answer, %.1f ms", res.DNS.Lookups, res.DNS.Failed, res.DNS.WaitMS), "")
	add("Took", fmt.Sprintf("%.1f ms after the end of the message", float64(r.Took.Microseconds())/1000), "")
	add("Listener", res.Client.Socket, "")
	return facts
}

// recipientsOf returns who was to get a message, as far as that is kept.
func recipientsOf(r *rows.Row) string {
	var all []string
	for _, to := range r.Results.Recipients {
		all = append(all, held.Address(to))
	}
	text := strings.Join(all, ", ")
	if more := r.Recipients - len(all); more > 0 {
		text = strings.TrimPrefix(fmt.Sprintf("%s and %d more", text, more), " and ")
	}
	return text
}

// storyLinks leads to the author's domain, to mail of the same network and author.
func storyLinks(r *rows.Row) []choice {
	links := []choice{}
	res := r.Results
	if d := res.Author.Domain; d != "" {
		links = append(links,
			choice{Title: "The domain " + foreign.Terminal(d, 120), Path: "/domains/" + d},
			choice{Title: "All mail of this author's domain", Path: query(place{}, "/messages", "q", d, "as", string(asAuthor))})
	}
	if from := held.Address(res.MailFrom); strings.Contains(strings.TrimPrefix(from, "@"), "@") {
		links = append(links, choice{Title: "All mail from this address", Path: query(place{}, "/messages", "q", from)})
	}
	if ip, err := netip.ParseAddr(res.Client.IP); err == nil {
		network := addrlist.NetworkOf(ip).String()
		links = append(links, choice{Title: "All mail from the network " + network, Path: query(place{}, "/messages", "q", network)})
	}
	return links
}
