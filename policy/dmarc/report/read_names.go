package report

// The names of deviations of aggregate reports, beside those of package tolerantxml.
const (
	OldForm         = "rfc7489"             // no namespace, as in RFC 7489
	OtherNamespace  = "namespace"           // another namespace
	Wrapped         = "wrapped"             // the root is not feedback
	ElementName     = "element-name"        // an element is written in capitals, or has another name
	UnknownElement  = "unknown-element"     // an element that no report has
	Repeated        = "repeated-element"    // an element stands there twice that may not
	Missing         = "missing-element"     // an element is missing that must be there
	Empty           = "empty-element"       // an element is empty that may be left out
	StrayText       = "stray-text"          // text between elements
	TooMany         = "too-many-elements"   // elements that were left out for their number
	NoRecords       = "no-records"          // no record
	NoResults       = "no-auth-results"     // auth_results is missing or empty
	Word            = "word"                // a value that is not written as it should be, or no value of the element
	DispositionWord = "disposition"         // a disposition that is none
	ReasonText      = "reason-text"         // a reason that is a text, without a type
	ReasonWord      = "reason-type"         // a reason of no known type
	DateForm        = "date"                // a date that is not in whole seconds
	Period          = "period"              // a period that ends before it begins
	LongPeriod      = "long-period"         // a period of more than a day
	CountValue      = "count"               // a count that is missing, or not positive
	Address         = "source-ip"           // an address that is none
	AddressForm     = "source-ip-form"      // an address in brackets, or of IPv4 within IPv6
	DomainName      = "domain-name"         // a domain that is none
	SeveralSPF      = "several-spf"         // more than one spf in a record of RFC 9990
	Scope           = "spf-scope"           // a scope that is none
	IDBrackets      = "report-id-brackets"  // a Report-ID in angle brackets
	DifferentDomain = "header-from-outside" // a header_from outside of the policy domain
)
