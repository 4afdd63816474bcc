package inspect

import (
	"slices"
	"strings"

	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/spf"
)

// providers are services that send for many customers from the same addresses, by the
// names that they tell their customers to include. A name stands for those below it too.
// Each is from the provider's own instructions for SPF.
var providers = []struct{ name, include string }{
	{"Google Workspace", "_spf.google.com"},
	{"Google Workspace", "aspmx.googlemail.com"},
	{"Microsoft 365", "spf.protection.outlook.com"},
	{"Amazon SES", "amazonses.com"},
	{"SendGrid", "sendgrid.net"},
	{"Mailchimp", "servers.mcsv.net"},
	{"Mandrill", "spf.mandrillapp.com"},
	{"Mailgun", "mailgun.org"},
	{"Zoho Mail", "zoho.com"},
	{"Zoho Mail", "zoho.eu"},
	{"Zoho Mail", "zoho.in"},
	{"Zoho Mail", "zohomail.com"},
	{"Zoho Campaigns", "zcsend.net"},
	{"ZeptoMail", "zeptomail.net"},
	{"ZeptoMail", "transmail.net"},
	{"Postmark", "spf.mtasv.net"},
	{"SparkPost", "sparkpostmail.com"},
	{"Brevo", "spf.sendinblue.com"},
	{"Brevo", "spf.brevo.com"},
	{"Mailjet", "spf.mailjet.com"},
	{"MailerLite", "_spf.mlsend.com"},
	{"Elastic Email", "_spf.elasticemail.com"},
	{"SMTP2GO", "spf.smtp2go.com"},
	{"Constant Contact", "spf.constantcontact.com"},
	{"ActiveCampaign", "emsd1.com"},
	{"HubSpot", "hubspotemail.net"},
	{"Salesforce", "_spf.salesforce.com"},
	{"Salesforce Marketing Cloud", "cust-spf.exacttarget.com"},
	{"Zendesk", "mail.zendesk.com"},
	{"Freshdesk", "freshemail.io"},
	{"Help Scout", "helpscoutemail.com"},
	{"Fastmail", "spf.messagingengine.com"},
	{"Proton Mail", "_spf.protonmail.ch"},
	{"iCloud Mail", "icloud.com"},
	{"Yandex 360", "_spf.yandex.net"},
	{"Mail.ru", "_spf.mail.ru"},
	{"GoDaddy", "secureserver.net"},
	{"IONOS", "_spf.perfora.net"},
	{"IONOS", "_spf.kundenserver.de"},
	{"OVH", "mx.ovh.com"},
	{"Hostinger", "_spf.mail.hostinger.com"},
	{"Mimecast", "_netblocks.mimecast.com"},
}

// Shared is a provider that sends for the domain and for many others.
type Shared struct {
	Provider string `json:"provider"`
	// Include is the name that the record includes.
	Include string `json:"include"`
}

// providerOf returns the provider that tells its customers to include a name, "" if none
// is known.
func providerOf(include string) string {
	for _, p := range providers {
		if message.Below(include, p.include) {
			return p.name
		}
	}
	return ""
}

// shared adds the providers among the senders of a record to a list, each once. The records
// that a provider includes in turn are its own.
func shared(list []Shared, n *spf.Node, depth int) []Shared {
	for i := range n.Terms {
		b := &n.Terms[i]
		if b.Child == nil || b.Unreachable || b.Term.Mechanism != "" && b.Term.Qualifier != "+" || depth > 20 {
			continue
		}
		name := strings.ToLower(b.Child.Domain)
		s := Shared{providerOf(name), name}
		switch {
		case s.Provider == "":
			list = shared(list, b.Child, depth+1)
		case !slices.Contains(list, s):
			list = append(list, s)
		}
	}
	return list
}
