package mta

import (
	"fmt"
	"strings"
	"time"
)

// Signing is how Postvet signs the mail of the MTA's users.
type Signing struct {
	// Local reports that mail of this machine is signed that comes without SMTP.
	Local bool
	// Lifetime is how long a signature is valid; 0 is for ever.
	Lifetime time.Duration
	// SenderCounts reports that MAIL FROM may say which author a user is.
	SenderCounts bool
}

// takesLogins reports whether a service is for users who log in.
func (s service) takesLogins() bool { return s.isInternal() && s.kind == "inet" && !s.isLoopback() }

// signsOnly reports whether Postvet only signs what comes through a service.
func (c *check) signsOnly(s service) bool { return c.postvet.Signing != nil && s.takesLogins() }

// postfixSigning checks what keeps the mail of users unsigned, and what Postfix would
// change in a message after it was signed.
func (c *check) postfixSigning(main MainCF, services []service) {
	if c.postvet.Signing == nil {
		return
	}
	reinjected := false // a content filter hands mail in where Postvet is asked
	for _, s := range services {
		_, asks := c.asks(main, s)
		reinjected = reinjected || s.command == "smtpd" && s.isLoopback() && asks
	}
	for _, s := range services {
		cf := main.with(s.options)
		switch {
		case s.command == "smtpd" && s.takesLogins():
			c.submission(cf, s, reinjected)
		case s.command == "smtp":
			c.delivery(cf, s)
		case s.command == "cleanup" && cf.Value("milter_header_checks", "") != "":
			c.Warning("milter_header_checks of "+s.name+" may drop or change the DKIM-Signature that Postvet adds", "see that its table has no line about DKIM-Signature")
		}
	}
	c.local(main)
	c.eightBit(main, services)
	c.lifetime("maximal_queue_lifetime", parseDays(main.Value("maximal_queue_lifetime", "5d")))
}

// submission checks a service where users log in.
func (c *check) submission(cf MainCF, s service, reinjected bool) {
	name := "smtpd on " + s.name
	list := ParseMilters(cf.Value("smtpd_milters", ""))
	_, asks := c.asks(cf, s)
	if !asks {
		if !reinjected {
			c.Warning(name+" does not ask Postvet: the mail of users who log in there is not signed", "-o smtpd_milters="+cf.address(c.postvet)+" for "+s.name+" in master.cf")
		}
		return
	}
	at := c.postvet.find(cf.queue(), list)
	for _, m := range list[at+1:] {
		c.Warning(fmt.Sprintf("%s asks %s after Postvet: if it changes a message, the signature breaks", name, m.Socket),
			"-o smtpd_milters= with Postvet at the end of the list, for "+s.name+" in master.cf")
	}
	if filter := cf.Value("content_filter", ""); filter != "" {
		c.Warning(fmt.Sprintf("%s hands mail to the content filter %s after it is signed: if that changes a message, the signature breaks", name, filter),
			"ask Postvet where the filter hands mail in again, not on "+s.name+", and name that listener in sign.listeners")
	}
	if strings.Contains(cf.Value("receive_override_options", ""), "no_header_body_checks") {
		c.Warning(name+" has no_header_body_checks: Postfix does not mend bare CR and LF before Postvet signs, and a later server that does breaks the signature",
			"take no_header_body_checks out of receive_override_options for "+s.name)
	}
	if c.postvet.Signing.SenderCounts && !comparesSender(cf) {
		c.Warning(name+" lets each user give any MAIL FROM, by which Postvet judges whether a user whose login is no address may write as an author",
			"smtpd_sender_login_maps, and reject_sender_login_mismatch in smtpd_sender_restrictions; or sign.logins")
	}
}

// comparesSender reports whether Postfix compares MAIL FROM with the login.
func comparesSender(cf MainCF) bool {
	for _, at := range []string{"client", "helo", "sender", "relay", "recipient", "data", "end_of_data"} {
		// Its relatives are reject_authenticated_sender_login_mismatch and
		// reject_known_sender_login_mismatch.
		if strings.Contains(cf.Value("smtpd_"+at+"_restrictions", ""), "sender_login_mismatch") {
			return true
		}
	}
	return false
}

// delivery checks a service that hands mail to other servers.
func (c *check) delivery(cf MainCF, s service) {
	if maps := cf.Value("smtp_generic_maps", ""); maps != "" {
		c.Error(fmt.Sprintf("smtp_generic_maps = %s of %s rewrites addresses in From, To and Cc after Postvet has signed them: those signatures break", maps, s.name),
			"rewrite with canonical_maps, which comes before Postvet; or -o smtp_generic_maps= for the service that delivers signed mail")
	}
	for _, name := range []string{"smtp_header_checks", "smtp_mime_header_checks", "smtp_nested_header_checks", "smtp_body_checks"} {
		if checks := cf.Value(name, ""); checks != "" {
			c.Warning(fmt.Sprintf("%s = %s of %s changes messages after they are signed", name, checks, s.name),
				"see that it changes nothing that is signed (Received and X- fields are not); header_checks come before Postvet")
		}
	}
	const signedAsIs = 998 // RFC 5322 section 2.1.1; Postfix's default
	switch limit := parseCount(cf.Value("smtp_line_length_limit", ""), signedAsIs); {
	case limit > 0 && limit < signedAsIs:
		c.Error(fmt.Sprintf("smtp_line_length_limit = %d of %s breaks longer lines after they are signed: those signatures break", limit, s.name), "smtp_line_length_limit = 998")
	case limit > 0:
		c.Note(fmt.Sprintf("Postfix breaks lines of a body above %d octets after they are signed (smtp_line_length_limit), and such lines of From, To, Subject and Date that have no blank: those signatures break", limit),
			"have programs that write such lines encode them (quoted-printable, base64); or smtp_line_length_limit = 0, which sends them as they are")
	}
}

// local checks mail that comes without SMTP, which cleanup shows to non_smtpd_milters.
func (c *check) local(main MainCF) {
	if !c.postvet.Signing.Local {
		return
	}
	if c.postvet.find(main.queue(), ParseMilters(main.Value("non_smtpd_milters", ""))) < 0 {
		c.Warning("non_smtpd_milters does not have Postvet: what programs on this machine submit (sendmail, cron) is not signed", "non_smtpd_milters = "+main.address(c.postvet)+" in main.cf; or sign.local = false")
		return
	}
	c.OK("what programs on this machine submit is signed (non_smtpd_milters)")
	if !strings.Contains(main.Value("internal_mail_filter_classes", ""), "bounce") {
		c.Note("Postfix's own notices of failure are not signed: internal_mail_filter_classes has no bounce", "internal_mail_filter_classes = bounce, where the notices must pass DMARC")
	}
}

// eightBit checks what happens to a message with 8-bit text if the next server does not
// take it: Postfix encodes it anew, and the body hash does not match any more.
func (c *check) eightBit(main MainCF, services []service) {
	if main.Value("disable_mime_output_conversion", "no") == "yes" {
		return
	}
	for _, s := range services {
		if s.command == "cleanup" && main.with(s.options).Value("force_mime_input_conversion", "no") == "yes" {
			return
		}
	}
	c.Note("a signed message with 8-bit text is encoded anew for a server without 8BITMIME, and its signature breaks",
		"where such servers matter: force_mime_input_conversion = yes (Postfix 3.9) for a cleanup of its own that submission uses (cleanup_service_name)")
}

// lifetime compares how long a message may wait in the MTA's queue with how long its
// signature is valid.
func (c *check) lifetime(what string, queue time.Duration) {
	if valid := c.postvet.Signing.Lifetime; valid > 0 && queue > 0 && valid < queue {
		c.Warning(fmt.Sprintf("a signature is valid for %g hours (sign.expires), and a message may wait for %g hours (%s): it may arrive with a signature that has expired", valid.Hours(), queue.Hours(), what),
			fmt.Sprintf("sign.expires = \"%gh\" or more", (queue+2*24*time.Hour).Hours()))
	}
}
