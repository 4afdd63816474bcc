package report

// schema is what RFC 9990 appendix A says of one element.
type schema struct {
	name      string
	least     int
	most      int // 0 for no bound
	ordered   bool
	inside    []*schema // nil for an element with a value
	value     valueKind
	words     []string // the only values; nil for all of the kind
	lang      bool     // it may have the attribute lang
	anyBehind bool     // other elements may follow those inside
	section   string   // that says what it means
}

// valueKind is the type of a value.
type valueKind int

const (
	textValue valueKind = iota
	integerValue
	decimalValue
)

// must returns an element that is there once, and may one that may be left out.
func must(name, section string, words ...string) *schema {
	return &schema{name: name, least: 1, most: 1, section: section, words: words}
}

func may(name, section string, words ...string) *schema {
	s := must(name, section, words...)
	s.least = 0
	return s
}

// with returns an element with others inside.
func (s *schema) with(inside ...*schema) *schema {
	s.inside = inside
	return s
}

func (s *schema) number(kind valueKind) *schema {
	s.value = kind
	return s
}

func (s *schema) inLanguage() *schema {
	s.lang = true
	return s
}

func (s *schema) many() *schema {
	s.most = 0
	return s
}

func (s *schema) inOrder() *schema {
	s.ordered = true
	return s
}

var (
	policyWords = []string{"none", "quarantine", "reject"}
	modeWords   = []string{"r", "s"}
	dkimWords   = []string{"none", "pass", "fail", "policy", "neutral", "temperror", "permerror"}
	spfWords    = []string{"none", "pass", "fail", "softfail", "policy", "neutral", "temperror", "permerror"}
)

// children are the children of the root, in their order.
var children = []*schema{
	may("version", "3.1.1.2").number(decimalValue),
	must("report_metadata", "3.1.1.3").with(
		must("org_name", "3.1.1.3"),
		must("email", "3.1.1.3"),
		may("extra_contact_info", "3.1.1.3").inLanguage(),
		must("report_id", "3.1.1.3"),
		must("date_range", "3.1.1.4").with(
			must("begin", "3.1.1.4").number(integerValue),
			must("end", "3.1.1.4").number(integerValue),
		),
		may("error", "3.1.1.3").inLanguage(),
		may("generator", "3.1.1.3"),
	),
	must("policy_published", "3.1.1.5").with(
		must("domain", "3.1.1.5"),
		must("p", "3.1.1.5", policyWords...),
		may("sp", "3.1.1.5", policyWords...),
		may("np", "3.1.1.5", policyWords...),
		may("adkim", "3.1.1.5", modeWords...),
		may("aspf", "3.1.1.5", modeWords...),
		may("discovery_method", "3.1.1.5", "psl", "treewalk"),
		may("fo", "3.1.1.5"),
		may("testing", "3.1.1.5", "n", "y"),
	),
	{name: "extension", most: 1, section: "5", inside: []*schema{}, anyBehind: true},
	{name: "record", least: 1, section: "3.1.1.7", ordered: true, anyBehind: true, inside: []*schema{
		must("row", "3.1.1.8").with(
			must("source_ip", "3.1.1.8"),
			must("count", "3.1.1.8").number(integerValue),
			must("policy_evaluated", "3.1.1.9").inOrder().with(
				must("disposition", "3.1.1.9", "none", "pass", "quarantine", "reject"),
				must("dkim", "3.1.1.9", "pass", "fail"),
				must("spf", "3.1.1.9", "pass", "fail"),
				may("reason", "3.1.1.14").many().with(
					must("type", "3.1.6", "local_policy", "mailing_list", "other", "policy_test_mode", "trusted_forwarder"),
					may("comment", "3.1.1.14").inLanguage(),
				),
			),
		),
		must("identifiers", "3.1.1.10").with(
			must("header_from", "3.1.1.10"),
			may("envelope_from", "3.1.1.10"),
			may("envelope_to", "3.1.1.10"),
		),
		must("auth_results", "3.1.1.11").inOrder().with(
			may("dkim", "3.1.1.12").many().with(
				must("domain", "3.1.1.12"),
				must("selector", "3.1.1.12"),
				must("result", "3.1.1.12", dkimWords...),
				may("human_result", "3.1.1.12").inLanguage(),
			),
			may("spf", "3.1.1.13").with(
				must("domain", "3.1.1.13"),
				may("scope", "3.1.1.13", "mfrom"),
				must("result", "3.1.1.13", spfWords...),
				may("human_result", "3.1.1.13").inLanguage(),
			),
		),
	}},
}

// former are elements of RFC 7489 and of drafts that RFC 9990 does not have, with what to
// do about them.
var former = map[string]string{
	"pct":               "leave it out: RFC 9989 has no pct",
	"t":                 `write it as "testing"`,
	"psd":               "leave it out",
	"version_published": "leave it out",
	"extensions":        `write it as "extension", before the records, with elements of another namespace inside`,
	"identities":        `write it as "identifiers"`,
}
