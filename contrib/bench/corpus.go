package main

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
)

// The corpus is mail of a mid-sized site. Its shapes follow from the seed
// alone. The keys, and so the signatures, are new in every run.

// Client is the SMTP client, as an MTA knows it before MAIL FROM.
type Client struct {
	IP   string
	Host string // the name that its address resolves to, or the address in brackets
	Helo string
}

// Field is one header field. The value is all after the colon, with folds as
// LF, as MTAs pass it to milters.
type Field struct{ Name, Value string }

// Expect is the expected result of a message.
type Expect struct {
	SPF   string   // result of the MAIL FROM identity
	DKIM  []string // one result per signature, in any order
	DMARC string
	// Disposition is what the author domain asks for: none, quarantine, reject.
	Disposition string
}

// Case is one message with its envelope and its expected result.
type Case struct {
	Kind     string // good, bounce, broken, spoof, forwarded
	Client   Client
	MailFrom string // without angle brackets; "" is the null sender
	Login    string // of a user who has logged in; "" for a stranger
	Rcpt     string
	Fields   []Field
	Body     []byte
	Want     Expect
	// Chain is the number of lookups that must follow one another if independent
	// lookups run at once.
	Chain int
	// Shared says that other senders need some of the same answers. They may
	// thus be cached even for the first message of a domain.
	Shared bool
}

// CorpusOptions say what to build.
type CorpusOptions struct {
	Seed     uint64
	Domains  int
	Messages int     // the first Domains of them come from one domain each
	Median   float64 // of the body sizes, in bytes; they are lognormal with sigma 1.2
	KeyBits  int     // of RSA keys; default 2048
}

// Corpus is the messages and the zone that answers for their domains.
type Corpus struct {
	Cases []Case
	Zone  string
	// Domains is the number of sender domains. That many cases at the start are
	// each the first message of a domain.
	Domains int
}

const (
	maxBody     = 1_500_000
	recipient   = "user@test.example" // the domain that contrib/realmta delivers for
	providers   = 20
	outbound    = 4 // hosts of one provider
	services    = 4 // mail services that sign beside their customers
	forwarders  = 8
	ttl         = 3600
	domainKeys  = 12
	signatures3 = 5 // one in so many good messages has three signatures
)

// spfShape is a way to publish SPF.
type spfShape int

const (
	spfAddress  spfShape = iota // ip4 -all
	spfHosts                    // a mx -all; the client is the MX
	spfProvider                 // one include, which includes two more
	spfTwo                      // two includes and mx, ~all; the second one matches
	spfRedirect
	spfShapes
)

// chain is the number of lookups that wait for one another in each shape.
var chain = [spfShapes]int{1, 3, 3, 3, 2}

// reverseChain is the same for reverse DNS, and for SPF of a HELO name.
const reverseChain = 2

// domain is a sender.
type domain struct {
	name   string
	policy string // "" publishes no DMARC
	shape  spfShape
	client Client
	keys   keys
}

var topLevels = []string{"com", "org", "net", "co.uk", "de", "com.au", "io"}

// policies has "none" and "reject" twice: those are the most common ones.
var policies = []string{"", "none", "none", "quarantine", "reject", "reject"}

// NewCorpus builds a corpus.
func NewCorpus(o CorpusOptions) (*Corpus, error) {
	if o.Domains < 1 || o.Messages < o.Domains {
		return nil, fmt.Errorf("corpus: %d messages from %d domains: want at least one of each domain", o.Messages, o.Domains)
	}
	r := rand.New(rand.NewPCG(o.Seed, 1))
	ring, err := newKeys(domainKeys+services, cmp.Or(o.KeyBits, 2048))
	if err != nil {
		return nil, err
	}
	z := newZone()
	z.addProviders()
	signers := make([]keys, services)
	for i := range signers {
		signers[i] = keys{domain: fmt.Sprintf("mailservice%d.net", i), rsa: ring[domainKeys+i]}
		z.addKeys(signers[i])
	}
	domains := make([]domain, o.Domains)
	for i := range domains {
		domains[i] = newDomain(r, i, ring)
		z.addDomain(r, &domains[i])
	}
	c := &Corpus{Zone: z.String(), Domains: o.Domains}
	order := r.Perm(o.Domains)
	for i := range o.Messages {
		var d *domain
		if i < o.Domains {
			d = &domains[order[i]]
		} else {
			// A few domains send much, and many send little.
			u := r.Float64()
			d = &domains[order[int(u*u*float64(o.Domains))]]
		}
		size := int(min(maxBody, max(300, o.Median*math.Exp(r.NormFloat64()*1.2))))
		k, err := newCase(r, i, d, signers, size)
		if err != nil {
			return nil, err
		}
		c.Cases = append(c.Cases, k)
	}
	return c, nil
}

func newDomain(r *rand.Rand, i int, ring []rsaKey) domain {
	d := domain{
		name:   fmt.Sprintf("sender%d.%s", i, topLevels[r.IntN(len(topLevels))]),
		policy: policies[r.IntN(len(policies))],
		shape:  spfShape(r.IntN(int(spfShapes))),
	}
	d.keys = keys{domain: d.name, rsa: ring[r.IntN(domainKeys)]}
	if i%4 == 0 {
		d.keys.ed25519 = newEd25519(r)
	}
	switch d.shape {
	case spfProvider, spfTwo:
		d.client = outboundHost(r.IntN(providers), r.IntN(outbound))
	default:
		d.client = Client{IP: fmt.Sprintf("198.51.%d.%d", i/250, 1+i%250), Host: "mx." + d.name, Helo: "mx." + d.name}
	}
	return d
}

// newCase makes message number i, of a domain or in its name.
func newCase(r *rand.Rand, i int, d *domain, signers []keys, size int) (Case, error) {
	author := d.name
	if r.IntN(7) == 0 {
		author = "news." + d.name // aligned in relaxed mode; governed by the domain's record
	}
	c := Case{
		Kind: "good", Client: d.client, MailFrom: "bounce@" + d.name, Rcpt: recipient,
		Want:   Expect{SPF: "pass", DMARC: "pass", Disposition: "none"},
		Chain:  max(chain[d.shape], reverseChain),
		Shared: d.shape == spfProvider || d.shape == spfTwo,
	}
	draft := newDraft(r, author, d, i, size)
	by := []keys{d.keys}
	footer := ""
	switch kind := r.IntN(100); {
	case kind < 70:
		if kind < 4 {
			c.Kind, c.MailFrom, c.Chain = "bounce", "", reverseChain
		}
		more := []int{0, 0, 0, 1, 2}[r.IntN(signatures3)]
		for s := range more {
			// The second signature is the domain's own, if it has two keys.
			if s == 0 && d.keys.ed25519 != nil {
				by = append(by, keys{domain: d.name, ed25519: d.keys.ed25519})
			} else {
				by = append(by, signers[(i+s)%len(signers)])
			}
		}
		for range by {
			c.Want.DKIM = append(c.Want.DKIM, "pass")
		}
	case kind < 80:
		c.Kind, footer = "broken", "-- \r\nfooter added by a list\r\n"
		c.Want.DKIM = []string{"fail"}
	case kind < 90:
		c.Kind, by = "spoof", nil
		ip := fmt.Sprintf("192.0.2.%d", 64+r.IntN(32))
		c.Client = Client{IP: ip, Host: "[" + ip + "]", Helo: "bad.example.net"}
		c.Want.SPF, c.Want.DMARC, c.Want.Disposition = "fail", "fail", d.policy
		c.Chain = chain[d.shape] // its address has no name
		if d.shape == spfTwo {
			c.Want.SPF = "softfail"
		}
	default:
		c.Kind = "forwarded"
		c.Client = forwarder(r.IntN(forwarders))
		c.MailFrom, c.Chain, c.Shared = "srs0@"+c.Client.Helo, reverseChain, true
		c.Want.SPF, c.Want.DKIM = "none", []string{"pass"}
	}
	if d.policy == "" {
		c.Want.DMARC, c.Want.Disposition = "none", "none"
	}
	signed, err := draft.sign(r, by)
	if err != nil {
		return Case{}, err
	}
	header, body, _ := strings.Cut(string(signed), "\r\n\r\n")
	c.Fields, c.Body = splitFields(header), []byte(body+footer)
	return c, nil
}

// raw returns the message as it travels over SMTP.
func (c *Case) raw() []byte {
	var b []byte
	for _, f := range c.Fields {
		b = append(b, f.Name+":"+strings.ReplaceAll(f.Value, "\n", "\r\n")+"\r\n"...)
	}
	return append(append(b, "\r\n"...), c.Body...)
}

// splitFields returns the fields of a header.
func splitFields(header string) []Field {
	var fields []Field
	for line := range strings.SplitSeq(header, "\r\n") {
		if line == "" {
			continue
		}
		if line[0] == ' ' || line[0] == '\t' {
			fields[len(fields)-1].Value += "\n" + line
			continue
		}
		name, value, _ := strings.Cut(line, ":")
		fields = append(fields, Field{name, value})
	}
	return fields
}

// outboundHost returns a host that sends for a provider's customers.
func outboundHost(provider, host int) Client {
	name := fmt.Sprintf("out%d.provider%d.net", host, provider)
	// The even ones are in the first half of the provider's network.
	return Client{IP: fmt.Sprintf("198.18.%d.%d", provider, 10+host+host%2*128), Host: name, Helo: name}
}

// forwarder returns a host that forwards mail of others and publishes no SPF.
func forwarder(i int) Client {
	name := fmt.Sprintf("fwd%d.example.net", i)
	return Client{IP: fmt.Sprintf("192.0.2.%d", 128+i), Host: name, Helo: name}
}

// describe returns a short description of the corpus.
func (c *Corpus) describe() string {
	var bytes, signatures, depth int
	kinds := map[string]int{}
	for i := range c.Cases {
		k := &c.Cases[i]
		kinds[k.Kind]++
		bytes += len(k.Body)
		depth += k.Chain
		signatures += len(k.Want.DKIM)
	}
	n := len(c.Cases)
	return fmt.Sprintf("%d messages of %d domains; body %.1f kB mean; %.2f signatures each; %d good, %d bounces, %d with a broken body, %d spoofs, %d forwarded; %.1f lookups that wait for one another each",
		n, c.Domains, float64(bytes)/float64(n)/1000, float64(signatures)/float64(n),
		kinds["good"], kinds["bounce"], kinds["broken"], kinds["spoof"], kinds["forwarded"], float64(depth)/float64(n))
}
