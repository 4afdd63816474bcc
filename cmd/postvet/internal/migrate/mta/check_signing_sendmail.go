package mta

import (
	"fmt"
	"regexp"
	"strings"
)

// What changes a message after milters have seen it, in sendmail.mc and sendmail.cf.
var (
	mcDefine     = regexp.MustCompile("^\\s*define\\(\\s*`?conf([A-Z_]+)'?\\s*,\\s*`?([^'`)]*)'?\\s*\\)")
	cfOption     = regexp.MustCompile(`^O\s*([A-Za-z.-]+)\s*=\s*(.*)$`)
	mcMasquerade = regexp.MustCompile("^\\s*MASQUERADE_AS\\(\\s*`?([^'`)]*)'?\\s*\\)")
	cfMasquerade = regexp.MustCompile(`^DM(\S+)`)
	mcGenerics   = regexp.MustCompile("^\\s*FEATURE\\(\\s*`?(genericstable)\\b")
	cfGenerics   = regexp.MustCompile(`^K(generics)\s`)
	mcLineLimit  = regexp.MustCompile("^\\s*define\\(\\s*`?SMTP_MAILER_LL'?\\s*,\\s*`?(\\d+)'?\\s*\\)")
	cfLineLimit  = regexp.MustCompile(`^Mesmtp\s*,.*\bL=(\d+)`)
)

// optionNames are the options in question by their names in sendmail.mc.
var optionNames = map[string]string{
	"EIGHT_BIT_HANDLING": "EightBitMode", "MAX_MIME_HEADER_LENGTH": "MaxMimeHeaderLength", "TO_QUEUERETURN": "Timeout.queuereturn",
}

// Rewriting is what Sendmail does to a message after milters have seen it.
type Rewriting struct {
	Masquerade string // "" if it does not masquerade
	Generics   bool   // with genericstable
	LineLimit  string // of the mailer esmtp; "" for the default
	Options    map[string]string
}

// read notes what a line of sendmail.mc or sendmail.cf says.
func (r *Rewriting) read(line string) {
	set := func(name, value string) {
		if r.Options == nil {
			r.Options = map[string]string{}
		}
		r.Options[name] = strings.TrimSpace(value)
	}
	if m := firstMatch(line, mcMasquerade, cfMasquerade); m != nil {
		r.Masquerade = strings.TrimSpace(m[1])
	} else if firstMatch(line, mcGenerics, cfGenerics) != nil {
		r.Generics = true
	} else if m := firstMatch(line, mcLineLimit, cfLineLimit); m != nil {
		r.LineLimit = m[1]
	} else if m := cfOption.FindStringSubmatch(line); m != nil {
		set(m[1], m[2])
	} else if m := mcDefine.FindStringSubmatch(line); m != nil && optionNames[m[1]] != "" {
		set(optionNames[m[1]], m[2])
	}
}

// sendmailSigning checks what keeps the mail of users unsigned, and what Sendmail would
// change in a message after it was signed.
func (c *check) sendmailSigning(cf Sendmail, list []Milter, at int) {
	if c.postvet.Signing == nil {
		return
	}
	if at >= 0 {
		for _, m := range list[at+1:] {
			c.Warning(fmt.Sprintf("Sendmail asks %s after Postvet: if it changes a message, the signature breaks", m.Name),
				"have users log in at a daemon with a list of its own (InputMailFilters in DAEMON_OPTIONS) that ends with postvet")
		}
	}
	r := cf.Rewriting
	const mail = "rewrites the author's address after Postvet has signed it: those signatures break"
	if r.Masquerade != "" {
		c.Error("MASQUERADE_AS "+r.Masquerade+" "+mail, "masquerade in submit.mc, which comes before Postvet, or in the programs that write the mail")
	}
	if r.Generics {
		c.Error("genericstable "+mail, "use it in submit.mc, which comes before Postvet, or have programs write the right address")
	}
	switch mode := r.Options["EightBitMode"]; {
	case strings.HasPrefix(mode, "m"):
		c.Warning("EightBitMode="+mode+" declares 8-bit text anew and encodes it for servers without 8BITMIME, after it was signed: those signatures break", "define(`confEIGHT_BIT_HANDLING', `pass8')dnl")
	default:
		c.Note("a signed message with 8-bit text and MIME fields is encoded anew for a server without 8BITMIME, and its signature breaks",
			"where such servers matter: MODIFY_MAILER_FLAGS(`ESMTP', `+8')dnl, which sends it as it is")
	}
	if limit := r.Options["MaxMimeHeaderLength"]; strings.Trim(limit, "0/ ") != "" {
		c.Error("MaxMimeHeaderLength="+limit+" cuts long header fields, a DKIM-Signature among them", "define(`confMAX_MIME_HEADER_LENGTH', `0/0')dnl")
	}
	const lineLimit = 990 // Sendmail's default
	if limit := parseCount(r.LineLimit, lineLimit); limit > 0 {
		c.Note(fmt.Sprintf("Sendmail breaks lines of a body above %d octets after they are signed, and such lines of From, To, Subject and Date that have no blank: those signatures break", limit),
			"have programs that write such lines encode them (quoted-printable, base64); or define(`SMTP_MAILER_LL', `0')dnl, which sends them as they are")
	}
	c.Note("Sendmail completes addresses without a domain in From, To, Cc and Reply-To after they are signed, and writes odd ones anew (blanks or a route inside, semicolons between them, a name with quotes around a part): those signatures break",
		"have programs write whole and plain addresses")
	c.Note("Sendmail's own notices of failure pass no milter and are not signed", "")
	queue := "5d" // Sendmail's default
	if q := r.Options["Timeout.queuereturn"]; q != "" {
		queue = q
	}
	c.lifetime("Timeout.queuereturn", parseDays(queue))
}
