package explain

import "github.com/postvet/postvet/policy/result"

// ruleSentences say what each built-in rule finds when it does not simply accept.
var ruleSentences = map[string]string{
	result.RuleUnreadable:        "The message has more fields in our name than can be removed.",
	result.RuleKeyError:          "A key that signs mail of your users could not be read.",
	result.RuleFault:             "Postvet itself failed on the message.",
	result.RuleOversize:          "The header or the body is larger than allowed.",
	result.RuleAmbiguousAuthor:   "It is not clear who wrote the message: it has no single author.",
	result.RuleTempError:         "A DNS failure left open who sent the message.",
	result.RuleDMARCReject:       "Nothing proves that the message comes from its author's domain, which asks to refuse such mail.",
	result.RuleDMARCQuarantine:   "Nothing proves that the message comes from its author's domain, which asks to treat such mail as suspicious.",
	result.RuleAuthorOverride:    "You decided yourself about mail of this author's domain.",
	result.RuleSenderDomain:      "The sender's domain does not exist or accepts no mail.",
	result.RuleOwnDomain:         "A stranger used one of your own domains without proof.",
	result.RuleUnsigned:          "The author's domain signs all its mail, and this message has no valid signature of it.",
	result.RuleSPFFail:           "The client may not send mail for the sender's domain.",
	result.RuleSPFSoftfail:       "The client probably may not send mail for the sender's domain.",
	result.RuleSPFPermError:      "The SPF record of the sender's domain is broken.",
	result.RuleSPFTempError:      "The DNS failed, so that SPF stayed open.",
	result.RuleReportWithoutPass: "A report came that does not prove where it comes from.",
	result.RuleDegraded:          "Our DNS resolvers failed.",
	result.RuleReportBounce:      "A bounce of one of our reports, which was read and dropped.",
}

// RuleSentence returns a sentence for an administrator about what a built-in rule found, ""
// for another rule.
func RuleSentence(name string) string { return ruleSentences[name] }
