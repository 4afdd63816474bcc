package requirements

import "github.com/postvet/postvet/cmd/postvet/internal/inspect"

// Receiver is a receiver that demands something.
type Receiver string

// The receivers.
const (
	Google    Receiver = "Google"
	Yahoo     Receiver = "Yahoo"
	Microsoft Receiver = "Microsoft"
)

// The pages on which the receivers say what they demand. All senders are meant where not
// marked as bulk; Google and Microsoft mean with bulk more than 5,000 messages a day to
// their private mailboxes, Yahoo names no number.
const (
	// Since February 2024, enforced by refusals (550 5.7.26) since; its table of updates
	// adds TLS in December 2023, and June 2024 was the end for one-click unsubscribe.
	googlePage = "https://support.google.com/a/answer/81126"
	// Since February 2024.
	yahooPage = "https://senders.yahooinc.com/best-practices/"
	// "Strengthening Email Ecosystem: Outlook's New Requirements for High-Volume Senders",
	// since 2025-05-05, enforced by 550 5.7.515.
	microsoftPage = "https://techcommunity.microsoft.com/blog/microsoftdefenderforoffice365blog/strengthening-email-ecosystem-outlook%E2%80%99s-new-requirements-for-high%E2%80%90volume-senders/4399730"
)

// pages are the pages of the receivers.
var pages = map[Receiver]string{Google: googlePage, Yahoo: yahooPage, Microsoft: microsoftPage}

// rule is one demand.
type rule struct {
	id, title string
	by        []Receiver
	// bulk reports that it is demanded of bulk senders alone.
	bulk bool
	// records reports that records of the domain itself show how it does.
	records bool
	judge   func(*inspect.Report) judgement
}

// rules are the demands, in the order in which they are shown.
var rules = []rule{
	{
		// Google: "Set up SPF or DKIM" for all, "SPF and DKIM" for bulk. Yahoo: the same.
		// Microsoft: SPF "must pass for the sending domain".
		id: "spf", title: "SPF", by: []Receiver{Google, Yahoo, Microsoft}, records: true, judge: judgeSPF,
	},
	{
		// Google: DKIM, with keys of at least 1024 bits, for bulk. Yahoo: the same.
		// Microsoft: DKIM "must pass".
		id: "dkim", title: "DKIM", by: []Receiver{Google, Yahoo, Microsoft}, bulk: true, records: true, judge: judgeDKIM,
	},
	{
		// All three: a DMARC record of the author's domain, at least p=none.
		id: "dmarc", title: "DMARC", by: []Receiver{Google, Yahoo, Microsoft}, bulk: true, records: true, judge: judgeDMARC,
	},
	{
		// Google and Yahoo: the domain in From is aligned with that of SPF or DKIM.
		// Microsoft: DMARC aligned "with either SPF or DKIM (preferably both)".
		id: "alignment", title: "Alignment", by: []Receiver{Google, Yahoo, Microsoft}, bulk: true, judge: judgeAlignment,
	},
	{
		// Microsoft: both SPF and DKIM pass for a message, where the others demand that
		// both are set up.
		id: "both", title: "SPF and DKIM of each message", by: []Receiver{Microsoft}, bulk: true, judge: judgeBoth,
	},
	{
		// Google: valid forward and reverse DNS of each sending address, the name of the
		// PTR record leads back. Yahoo: "valid forward and reverse DNS records".
		id: "ptr", title: "Reverse DNS", by: []Receiver{Google, Yahoo}, judge: judgeReverse,
	},
	{
		// Google: "Use a TLS connection for transmitting email", added in December 2023.
		id: "tls", title: "TLS", by: []Receiver{Google}, judge: judgeTLS,
	},
	{
		// Google and Yahoo: RFC 8058 for marketing and subscribed mail, and a link in the
		// body; Yahoo honours requests within 2 days. Microsoft: "functional unsubscribe
		// links".
		id: "unsubscribe", title: "One-click unsubscribe", by: []Receiver{Google, Yahoo, Microsoft}, bulk: true, judge: judgeUnsubscribe,
	},
	{
		// Google: below 0.1 % in Postmaster Tools, never 0.3 %. Yahoo: below 0.3 %.
		id: "spam-rate", title: "Spam rate", by: []Receiver{Google, Yahoo}, judge: judgeSpamRate,
	},
	{
		// Microsoft: From and Reply-To are valid and can receive replies. Yahoo: the
		// domain has a valid A or MX record.
		id: "replies", title: "Replies", by: []Receiver{Yahoo, Microsoft}, bulk: true, records: true, judge: judgeReplies,
	},
}
