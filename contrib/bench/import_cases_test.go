//go:build linux

package main

import (
	crand "crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
)

// importClients are where the messages of the comparison come from.
var importClients = []struct {
	kind string
	Client
}{
	{"own", Client{"192.0.2.10", "mx.good.example", "mx.good.example"}},
	{"stranger", Client{"192.0.2.99", "host.stranger.example", "host.stranger.example"}},
	{"loopback", Client{"127.0.0.1", "localhost", "filter.example"}},
	{"loopback2", Client{"127.0.0.2", "[127.0.0.2]", "filter.example"}},
	{"loopback6", Client{"::1", "localhost", "filter.example"}},
	{"office", Client{"198.51.100.20", "[198.51.100.20]", "printer"}},
	{"star", Client{"192.0.2.50", "a.star.example", "a.star.example"}},
	{"below", Client{"192.0.2.51", "a.dot.example", "a.dot.example"}},
}

// importSenders are domains of MAIL FROM by what SPF says of 192.0.2.10 and of
// others.
var importSenders = []string{"good.example", "soft.example", "neutral.example", "nospf.example", "broken.example", "temp.example", ""}

// importAuthors are author domains by their policies.
var importAuthors = []string{"good.example", "reject.example", "quarantine.example", "none.example", "nodmarc.example", "dmarctemp.example"}

// importSignatures are how messages are signed: by the author's domain, by another,
// with a body that was changed, with a key that is not there, and with one that
// cannot be looked up.
var importSignatures = []string{"unsigned", "signed", "foreign", "altered", "nokey", "keyfail"}

// importCases returns the messages and the zone that answers for them.
func importCases() ([]Case, string, error) {
	z := newZone()
	ring, err := newKeys(1, 2048)
	if err != nil {
		return nil, "", err
	}
	key := func(domain string) keys { return keys{domain: domain, rsa: ring[0]} }
	for _, c := range importClients {
		if !strings.Contains(c.IP, ":") && !strings.HasPrefix(c.IP, "127.") {
			z.host(c.Client)
		}
	}
	for _, d := range append([]string{"other.example"}, importAuthors...) {
		z.addKeys(key(d))
		z.text(d, "v=spf1 ip4:192.0.2.10 -all")
		fmt.Fprintf(z, "%s. MX 10 mx.good.example.\n", d)
	}
	for d, policy := range map[string]string{"good.example": "reject", "reject.example": "reject", "quarantine.example": "quarantine", "none.example": "none"} {
		z.text("_dmarc."+d, "v=DMARC1; p="+policy)
	}
	z.text("soft.example", "v=spf1 ip4:192.0.2.10 ~all")
	z.text("neutral.example", "v=spf1 ip4:192.0.2.10 ?all")
	z.text("broken.example", "v=spf1 ip4:nonsense -all")
	fmt.Fprintf(z, "nospf.example. MX 10 mx.good.example.\n$FAULT temp.example TXT SERVFAIL\n")
	for _, d := range importAuthors {
		fmt.Fprintf(z, "$FAULT fail._domainkey.%s TXT SERVFAIL\n", d)
	}

	fmt.Fprintf(z, "$FAULT _dmarc.dmarctemp.example TXT SERVFAIL\n")

	r := rand.New(rand.NewPCG(12, 3))
	var cases []Case
	for _, client := range importClients {
		for _, sender := range importSenders {
			for _, author := range importAuthors {
				for _, signature := range importSignatures {
					if r.IntN(6) != 0 && author != "dmarctemp.example" && sender != "temp.example" && signature != "keyfail" {
						continue
					}
					if signature == "keyfail" && (sender != "good.example" || client.kind != "own" && client.kind != "stranger") || (sender == "temp.example" || author == "dmarctemp.example") && (signature != "unsigned" || client.kind != "stranger") {
						continue // these take long
					}
					c, err := importCase(r, client.Client, sender, author, signature, key)
					if err != nil {
						return nil, "", err
					}
					c.Kind = strings.Join([]string{client.kind, "from<" + sender + ">", author, signature}, " ")
					cases = append(cases, c)
				}
			}
		}
		for kind, from := range map[string]string{"two-authors": "<a@good.example>, <b@reject.example>", "no-author": ""} {
			c, err := importCase(r, client.Client, "good.example", "good.example", "unsigned", key)
			if err != nil {
				return nil, "", err
			}
			c.Fields[0].Value = " " + from
			if from == "" {
				c.Fields = c.Fields[1:]
			}
			c.Kind = client.kind + " from<good.example> " + kind + " unsigned"
			cases = append(cases, c)
		}
	}
	return cases, z.String(), nil
}

// importCase makes one message.
func importCase(r *rand.Rand, client Client, sender, author, signature string, key func(string) keys) (Case, error) {
	c := Case{Client: client, Rcpt: recipient}
	if sender != "" {
		c.MailFrom = "ann@" + sender
	}
	m := draft(fmt.Sprintf("From: Ann <ann@%s>\r\nTo: <%s>\r\nSubject: hello\r\nDate: Sun, 22 Nov 2026 10:00:00 +0000\r\nMessage-ID: <%d@%s>\r\n\r\nHello.\r\n", author, recipient, r.Uint32(), author))
	var by []keys
	switch signature {
	case "signed", "altered", "nokey", "keyfail":
		by = []keys{key(author)}
	case "foreign":
		by = []keys{key("other.example")}
	}
	signed, err := m.sign(r, by)
	if err != nil {
		return Case{}, err
	}
	header, body, _ := strings.Cut(string(signed), "\r\n\r\n")
	switch signature {
	case "altered":
		body += "A footer.\r\n"
	case "nokey":
		header = strings.Replace(header, "s=rsa", "s=absent", 1)
	case "keyfail":
		header = strings.Replace(header, "s=rsa", "s=fail", 1)
	}
	c.Fields, c.Body = splitFields(header), []byte(body)
	// The author comes first, for the cases without one.
	for i, f := range c.Fields {
		if f.Name == "From" {
			c.Fields = append([]Field{f}, append(append([]Field{}, c.Fields[:i]...), c.Fields[i+1:]...)...)
		}
	}
	return c, nil
}

// setup is a set of peers with their configurations.
type setup struct {
	name                       string
	opendkim, opendmarc, pyspf string // "-" leaves the peer out
	// hosts is the text of a file of hosts, @DIR@/hosts.
	hosts string
}

// What every configuration of a peer begins with.
const (
	baseOpendkim  = "Socket local:@DIR@/opendkim.sock\nMode @MODE@\nBackground no\nAuthservID mx.test.example\nNameservers 127.0.0.1\nSyslog no\nUMask 000\n"
	baseOpendmarc = "Socket local:@DIR@/opendmarc.sock\nBackground false\nAuthservID mx.test.example\nTrustedAuthservIDs mx.test.example\nPublicSuffixList " + suffixList + "\nSyslog false\nUMask 000\n"
	basePyspf     = "debugLevel = 0\nSocket = local:@DIR@/pyspf.sock\nPidFile = @DIR@/pyspf.pid\nUserID = root\nAuthserv_Id = mx.test.example\n"
	spfItself     = "SPFIgnoreResults true\nSPFSelfValidate true\n"
)

// programs writes the configurations and returns what is started, and the flags by
// which import reads them.
func (s *setup) programs(p *place) (list []program, flags []string, err error) {
	key, err := rsa.GenerateKey(crand.Reader, 2048)
	if err != nil {
		return nil, nil, err
	}
	private := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	for name, text := range map[string][]byte{"hosts": []byte(s.hosts), "key.pem": private} {
		if err := os.WriteFile(filepath.Join(p.dir, name), text, 0o600); err != nil {
			return nil, nil, err
		}
	}
	for _, one := range []struct {
		name, base, more, socket string
		argv                     []string
	}{
		{"pyspf-milter.conf", basePyspf, s.pyspf, "pyspf", []string{pyspfBin}},
		{"opendkim.conf", baseOpendkim, s.opendkim, "opendkim", []string{opendkimBin, "-f", "-x"}},
		{"opendmarc.conf", baseOpendmarc, s.opendmarc, "opendmarc", []string{opendmarcBin, "-f", "-c"}},
	} {
		if one.more == "-" {
			continue
		}
		file := filepath.Join(p.dir, one.name)
		mode := "v"
		if strings.Contains(one.more, "KeyFile") {
			mode = "sv"
		}
		text := strings.NewReplacer("@DIR@", p.dir, "@MODE@", mode).Replace(one.base + one.more)
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			return nil, nil, err
		}
		flags = append(flags, "--"+one.socket, file)
		list = append(list, program{append(one.argv, file), p.socket(one.socket)})
	}
	return list, flags, nil
}

// setups are peers as admins run them.
var setups = []setup{
	{name: "opendkim alone", opendmarc: "-", pyspf: "-"},
	{name: "opendkim's actions", opendkim: "AlwaysAddARHeader yes\nOn-BadSignature reject\nOn-DNSError tempfail\nOn-KeyNotFound reject\nOn-NoSignature quarantine\n", opendmarc: "-", pyspf: "-"},
	{name: "opendkim's action for all", opendkim: "On-Default reject\nInternalHosts 198.51.100.0/24,.dot.example,*.star.example\n", opendmarc: "-", pyspf: "-"},
	{name: "opendkim of a smarthost", opendkim: "InternalHosts 0.0.0.0/0\nOn-BadSignature reject\n", opendmarc: "-", pyspf: "-"},
	{name: "opendkim without peers", opendkim: "InternalHosts -\nPeerList 192.0.2.99\nOn-NoSignature reject\n", opendmarc: "-", pyspf: "-"},
	{name: "opendkim without a signature", opendkim: "On-NoSignature reject\nPeerList *.star.example,.dot.example\n", opendmarc: "-", pyspf: "-"},
	{name: "opendkim that signs too", opendkim: "InternalHosts 127.0.0.1,198.51.100.20\nOn-BadSignature reject\nOn-KeyNotFound tempfail\nDomain good.example\nSelector s\nKeyFile @DIR@/key.pem\nRequireSafeKeys no\n", opendmarc: "-", pyspf: "-"},
	{name: "opendmarc that marks", opendmarc: spfItself, pyspf: "-"},
	{name: "opendmarc that rejects", opendmarc: spfItself + "RejectFailures true\n", pyspf: "-"},
	{name: "opendmarc that rejects and holds", opendmarc: spfItself + "RejectFailures true\nHoldQuarantinedMessages true\nRejectMultiValueFrom true\nRequiredHeaders true\n", pyspf: "-"},
	{name: "opendmarc with hosts", opendmarc: spfItself + "RejectFailures true\nHoldQuarantinedMessages true\nIgnoreHosts @DIR@/hosts\n", pyspf: "-", hosts: "198.51.100.0/24\n*.star.example\n.dot.example\n"},
	{name: "pyspf alone", opendkim: "-", opendmarc: "-"},
	{name: "pyspf that is strict", opendkim: "-", opendmarc: "-", pyspf: "Mail_From_reject = Softfail\nHELO_reject = False\nPermError_reject = True\nTempError_Defer = True\nskip_addresses = 198.51.100.0/24\nInternalHosts = 127.0.0.1\n"},
	{name: "pyspf with forwarders", opendkim: "-", opendmarc: "-", pyspf: "Whitelist = 198.51.100.0/24\nDomain_Whitelist_PTR = dot.example\nHELO_reject = Softfail\nReject_Not_Pass_Domains = neutral.example\n"},
	{name: "pyspf with forwarders before opendmarc", opendmarc: "RejectFailures true\n", pyspf: "Whitelist = 198.51.100.0/24\nMail_From_reject = Softfail\n"},
	{name: "all as Debian has them"},
	{name: "all that reject", opendmarc: "RejectFailures true\n"},
}

// explanations are the lines of the list by the changes that they announce.
var explanations = []explanation{
	explained("keyfail$", "(reject|tempfail) -> accept", "^differs: On-KeyNotFound: a key that could not be looked up"),
	explained("keyfail$", "(reject|hold|accept) -> tempfail", "^differs: RejectFailures: where a DNS failure leaves DMARC undecided"),
	explained(" dmarctemp.example unsigned$", "accept -> tempfail", "^differs: RejectFailures: where a DNS failure leaves DMARC undecided"),
	explained("no-author unsigned$", "accept -> (reject|hold)", "^differs: On-(NoSignature|Default): a message without a field From"),
	explained("(no-author|two-authors) unsigned$", "accept -> reject", "^differs: RejectMultiValueFrom: opendmarc let mail with several"),
	explained("^(loopback|office) .*(altered|nokey)$", "(reject|tempfail) -> accept", "^differs: InternalHosts: opendkim's rules spare all mail"),
	explained("^loopback.? ", "accept -> (reject|hold|tempfail)", "^differs: SPFSelfValidate: mail from loopback"),
}
