package result

// The names of the built-in rules. Package rules has their order.
const (
	RuleUnreadable      = "unreadable"
	RuleKeyError        = "key-error"
	RuleReportBounce    = "report-bounce"
	RuleExempt          = "exempt"
	RuleFault           = "fault"
	RuleOversize        = "oversize"
	RuleNoAuthor        = "no-author-domain"
	RuleAmbiguousAuthor = "ambiguous-author"
	RuleTempError       = "temperror"
	RuleDMARCReject     = "dmarc-reject"
	RuleDMARCQuarantine = "dmarc-quarantine"
	RuleDMARCNone       = "dmarc-none"
	RuleDMARCPass       = "dmarc-pass"
	RuleNoPolicy        = "no-policy"

	RuleAuthorOverride    = "author-override"
	RuleTrustedForwarder  = "trusted-forwarder"
	RuleTrustedSealer     = "trusted-sealer"
	RuleMailingList       = "mailing-list"
	RuleJudgement         = "judgement"
	RuleSenderDomain      = "sender-domain"
	RuleOwnDomain         = "own-domain"
	RuleUnsigned          = "unsigned"
	RuleSPFFail           = "spf-fail"
	RuleSPFSoftfail       = "spf-softfail"
	RuleSPFPermError      = "spf-permerror"
	RuleSPFTempError      = "spf-temperror"
	RuleReportWithoutPass = "report-without-pass"
	RuleDegraded          = "dns-degraded"
)
