package condition

import "slices"

// Facts are the properties of a message that a condition can test. Names and
// meanings are stable; the table facts describes each. Domains are in
// lower-case A-labels, texts are cut after [MaxText] octets, and an unknown
// value is "".
type Facts struct {
	Client        string `expr:"client"`
	PTR           string `expr:"ptr"`
	Helo          string `expr:"helo"`
	Listener      string `expr:"listener"`
	Socket        string `expr:"socket"`
	Relay         string `expr:"relay"`
	User          string `expr:"user"`
	Authenticated bool   `expr:"authenticated"`
	TLS           string `expr:"tls"`

	MailFrom       string   `expr:"mail_from"`
	MailFromDomain string   `expr:"mail_from_domain"`
	NullSender     bool     `expr:"null_sender"`
	Rcpts          []string `expr:"rcpts"`
	RcptDomains    []string `expr:"rcpt_domains"`

	From      string `expr:"from"`
	Org       string `expr:"org"`
	Ambiguous bool   `expr:"ambiguous"`
	ListID    string `expr:"list_id"`
	List      bool   `expr:"list"`
	Size      int    `expr:"size"`

	SPF         string `expr:"spf"`
	SPFDomain   string `expr:"spf_domain"`
	SPFMailFrom string `expr:"spf_mailfrom"`
	SPFHelo     string `expr:"spf_helo"`
	IPRev       string `expr:"iprev"`

	DKIM       string      `expr:"dkim"`
	Signatures []Signature `expr:"signatures"`
	Signers    []string    `expr:"signers"`

	ARC     string   `expr:"arc"`
	Sealers []string `expr:"sealers"`

	DMARC            string `expr:"dmarc"`
	DMARCPolicy      string `expr:"dmarc_policy"`
	DMARCDisposition string `expr:"dmarc_disposition"`
	DMARCRecord      string `expr:"dmarc_record"`
	SPFAligned       bool   `expr:"spf_aligned"`
	DKIMAligned      bool   `expr:"dkim_aligned"`
	Judgement        string `expr:"judgement"`

	Degraded  bool `expr:"degraded"`
	DNSFailed int  `expr:"dns_failed"`
}

// Signature is one DKIM signature as any(signatures, ...) sees it.
type Signature struct {
	Domain    string `expr:"domain"`
	Selector  string `expr:"selector"`
	Algorithm string `expr:"algorithm"`
	Result    string `expr:"result"`
	Bits      int    `expr:"bits"`
	Partial   bool   `expr:"partial"`
	Testing   bool   `expr:"testing"`
	Identity  string `expr:"identity"`
}

// Kind is the kind of a fact's values.
type Kind string

// Kinds of facts.
const (
	KindWord       Kind = "word"       // one of Fact.Words
	KindDomain     Kind = "domain"     // lower case, A-labels
	KindAddress    Kind = "address"    // user@domain
	KindIP         Kind = "ip address" // as text
	KindText       Kind = "text"
	KindNumber     Kind = "number"
	KindBool       Kind = "true or false"
	KindDomains    Kind = "list of domains"
	KindAddresses  Kind = "list of addresses"
	KindSignatures Kind = "list of signatures"
)

// Fact describes one fact.
type Fact struct {
	Name  string
	Kind  Kind
	Text  string   // describes the fact in the manual
	Words []string // all values of a KindWord; may include ""
	// Most is the maximal number of entries of a list.
	Most int
}

var (
	spfWords       = []string{"none", "neutral", "pass", "fail", "softfail", "temperror", "permerror", ""}
	dkimWords      = []string{"none", "pass", "fail", "policy", "neutral", "temperror", "permerror"}
	arcWords       = []string{"none", "pass", "fail", "temperror"}
	dmarcWords     = []string{"none", "pass", "fail", "temperror", "permerror"}
	iprevWords     = []string{"pass", "fail", "temperror", "permerror", ""}
	policyWords    = []string{"none", "quarantine", "reject", ""}
	algorithmWords = []string{"rsa-sha256", "rsa-sha1", "ed25519-sha256"}
)

const (
	mostRecipients = 1000
	mostSignatures = 100
	mostSealers    = 50 // RFC 8617 section 4.2.1
)

// facts are the names that an expression may use.
var facts = []Fact{
	{Name: "client", Kind: KindIP, Text: `The address of the SMTP client, such as "192.0.2.1". Ask within(client, "192.0.2.0/24") for a prefix. Empty if the MTA gave none.`},
	{Name: "ptr", Kind: KindDomain, Text: "The client's name by reverse DNS, if that name resolves to the client's address; otherwise empty."},
	{Name: "helo", Kind: KindText, Text: "The name that the client gave in HELO or EHLO, in lower case. The client chooses it."},
	{Name: "listener", Kind: KindText, Text: "The MTA's name for the socket that the client connected to: {daemon_name}."},
	{Name: "socket", Kind: KindText, Text: `Our socket that the MTA connected to, in Postfix's notation: "inet:127.0.0.1:8890" or "unix:/path".`},
	{Name: "relay", Kind: KindIP, Text: "The address of the trusted relay that sent the message on; client is then the client that the relay names. Empty if the client connected itself."},
	{Name: "user", Kind: KindText, Text: "The name that the client logged in with. Empty if it did not log in."},
	{Name: "authenticated", Kind: KindBool, Text: "The client logged in."},
	{Name: "tls", Kind: KindText, Text: `The protocol of an encrypted session, such as "TLSv1.3". Empty if it is not encrypted.`},

	{Name: "mail_from", Kind: KindAddress, Text: "The address of MAIL FROM, its domain in lower case. Empty for the null sender."},
	{Name: "mail_from_domain", Kind: KindDomain, Text: "The domain of MAIL FROM. Empty if there is none."},
	{Name: "null_sender", Kind: KindBool, Text: "MAIL FROM was <>: a bounce or another automatic message."},
	{Name: "rcpts", Kind: KindAddresses, Most: mostRecipients, Text: "The accepted recipients, at most 1000. The verdict is for all of them."},
	{Name: "rcpt_domains", Kind: KindDomains, Most: mostRecipients, Text: "The domains of the recipients, each once."},

	{Name: "from", Kind: KindDomain, Text: "The author domain: that of the field From. Empty if there is not exactly one."},
	{Name: "org", Kind: KindDomain, Text: "The organizational domain of the author domain, as DMARC found it."},
	{Name: "ambiguous", Kind: KindBool, Text: "The message does not name exactly one author domain."},
	{Name: "list_id", Kind: KindText, Text: "The text between the angle brackets of List-Id, in lower case. Anybody can write it."},
	{Name: "list", Kind: KindBool, Text: "The message has a mark of a mailing list: List-Id, List-Post or Precedence: list."},
	{Name: "size", Kind: KindNumber, Text: "The octets of header and body."},

	{Name: "spf", Kind: KindWord, Words: spfWords, Text: "The SPF result that DMARC uses: that of MAIL FROM, or of HELO for the null sender."},
	{Name: "spf_domain", Kind: KindDomain, Text: "The domain that spf is about."},
	{Name: "spf_mailfrom", Kind: KindWord, Words: spfWords, Text: "The SPF result of MAIL FROM. Empty for the null sender."},
	{Name: "spf_helo", Kind: KindWord, Words: spfWords, Text: "The SPF result of the HELO name."},
	{Name: "iprev", Kind: KindWord, Words: iprevWords, Text: "The result of the check of the client's reverse DNS."},

	{Name: "dkim", Kind: KindWord, Words: dkimWords, Text: "The best result of all signatures: pass if one counts, otherwise temperror if one could not be checked, otherwise that of the first; none without a signature."},
	{Name: "signatures", Kind: KindSignatures, Most: mostSignatures, Text: "The DKIM signatures from the top, each with domain, selector, algorithm, result, bits (of the key), partial (l= leaves a part of the body unsigned), testing (the key says t=y) and identity (i=)."},
	{Name: "signers", Kind: KindDomains, Most: mostSignatures, Text: "The domains whose signatures passed and count."},

	{Name: "arc", Kind: KindWord, Words: arcWords, Text: "The state of the ARC chain. A pass shows that the chain is intact, not that its claims are true."},
	{Name: "sealers", Kind: KindDomains, Most: mostSealers, Text: "The domains that sealed the ARC chain, in the order of sealing. They are proven only if arc is pass."},

	{Name: "dmarc", Kind: KindWord, Words: dmarcWords, Text: "The DMARC result."},
	{Name: "dmarc_policy", Kind: KindWord, Words: policyWords, Text: "The policy of the record that applies: none, quarantine or reject. Empty without a record."},
	{Name: "dmarc_disposition", Kind: KindWord, Words: policyWords, Text: "The policy that the domain asks to apply to this message: dmarc_policy if it failed, otherwise none or empty."},
	{Name: "dmarc_record", Kind: KindDomain, Text: "The domain whose record applies: the author domain or a domain above it."},
	{Name: "spf_aligned", Kind: KindBool, Text: "SPF passed for the author's organization."},
	{Name: "dkim_aligned", Kind: KindBool, Text: "A signature passed for the author's organization."},
	{Name: "judgement", Kind: KindWord, Words: []string{"refuse", "hold", ""}, Text: `What the evidence leads to under on_reject = "judge", whether that is set or not: refuse if something speaks for a forgery and nothing for indirect mail, otherwise hold. Empty unless DMARC fails and the domain asks for reject.`},

	{Name: "degraded", Kind: KindBool, Text: "The DNS was down as a whole when the message ended: lookups of all names failed."},
	{Name: "dns_failed", Kind: KindNumber, Text: "The number of lookups for this message that failed or timed out."},
}

// signatureFacts are the fields of a signature.
var signatureFacts = []Fact{
	{Name: "domain", Kind: KindDomain, Text: "The signing domain, d=."},
	{Name: "selector", Kind: KindText, Text: "The selector, s=."},
	{Name: "algorithm", Kind: KindWord, Words: algorithmWords, Text: "The algorithm, a=."},
	{Name: "result", Kind: KindWord, Words: dkimWords, Text: "The result, as our field has it."},
	{Name: "bits", Kind: KindNumber, Text: "The bits of the key; 0 if none was found."},
	{Name: "partial", Kind: KindBool, Text: "l= leaves a part of the body unsigned."},
	{Name: "testing", Kind: KindBool, Text: "The key says t=y."},
	{Name: "identity", Kind: KindText, Text: "The identity, i=."},
}

// Documentation returns all facts in the order of the manual.
func Documentation() []Fact { return slices.Clone(facts) }

// factNamed returns the fact with a name, or nil if there is none.
func factNamed(table []Fact, name string) *Fact {
	if i := slices.IndexFunc(table, func(f Fact) bool { return f.Name == name }); i >= 0 {
		return &table[i]
	}
	return nil
}
