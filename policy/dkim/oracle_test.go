package dkim

import (
	"fmt"
	mathrand "math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/postvet/postvet/contrib/oracles"
)

type oracleRequest struct {
	Mail []byte
	Keys map[string]string
	Sign *oracleSign `json:",omitempty"`
}

type oracleAnswer struct{ Result, Reason string }

// oracleCase is a signature that passes for only one of the two implementations.
type oracleCase struct {
	mail, field string
	// bValue is the value of b= with its surrounding white space.
	bValue string
	// relaxed is true if the canonicalization of the body is relaxed.
	relaxed bool
	ours    Result
	theirs  oracleAnswer
}

func (c *oracleCase) String() string {
	return fmt.Sprintf("ours   %+v\ntheirs %+v\n%q", c.ours, c.theirs, c.mail)
}

// oracleExplained is a class of differences: the section that decides, who is right
// by it, and which cases belong to the class.
type oracleExplained struct {
	section, why string
	applies      func(c *oracleCase) bool
}

// runOracle verifies generated messages with a driver and with this package. The
// test fails on each difference between pass and not pass that the table does not
// explain. The kinds of failure are not compared.
func runOracle(t *testing.T, driver string, mails int, table []oracleExplained) {
	t.Helper()
	t.Parallel()
	keys := map[string]string{}
	for selector, record := range oracleKeys() {
		keys[selector+"._domainkey.example.org"] = record
	}
	r := zoneMap(keys)
	requests := make([]oracleRequest, mails)
	for i := range requests {
		g := oracleMail{mathrand.New(mathrand.NewPCG(6376, uint64(i)))}
		requests[i] = oracleRequest{Mail: []byte(g.mail()), Keys: keys}
	}
	answers := oracles.Ask[oracleRequest, []oracleAnswer](t, driver, requests)
	counts := make([]int, len(table))
	results := map[Status]int{}
	cases, same, unexplained := 0, 0, 0
	for i := range requests {
		mail := string(requests[i].Mail)
		h, _ := splitMessage(mail)
		at := 0
		ours := verify(r, mail, Options{})
		for _, f := range h {
			if !f.Is("DKIM-Signature") {
				continue
			}
			c := &oracleCase{mail: mail, field: f.Raw, ours: ours[at], theirs: oracleAnswer{"absent", ""}}
			tags, _ := ParseTags(f.Value())
			form, _ := tags.Get("c")
			c.relaxed = strings.HasSuffix(form, "/relaxed")
			for _, tag := range tags {
				if tag.Name == "b" {
					c.bValue = f.Value()[tag.Start:tag.End]
				}
			}
			if at < len(answers[i]) {
				c.theirs = answers[i][at]
			}
			at++
			cases++
			results[c.ours.Status]++
			if (c.ours.Status == Pass) == (c.theirs.Result == "pass") {
				same++
				continue
			}
			if k := slices.IndexFunc(table, func(e oracleExplained) bool { return e.applies(c) }); k >= 0 {
				counts[k]++
				continue
			}
			if unexplained++; unexplained <= 3 {
				t.Errorf("message %d: %s", i, c)
			}
		}
	}
	name, _, _ := strings.Cut(driver, ".")
	t.Logf("oracle %s %d %d %d", name, cases, same, cases-same-unexplained)
	t.Logf("our results: %v", results)
	for i, e := range table {
		t.Logf("%5d differ by %s: %s", counts[i], e.section, e.why)
		if counts[i] == 0 {
			t.Errorf("no case shows this difference: %s", e.why)
		}
	}
	if unexplained > 0 {
		t.Errorf("%d differences are not explained", unexplained)
	}
	if results[Pass] < cases/4 || results[Pass] > cases*3/4 {
		t.Errorf("%d of %d signatures pass: the changes are too tame or too wild", results[Pass], cases)
	}
}

// weReject reports whether our result is permerror with a reason that begins so.
func (c *oracleCase) weReject(reason string) bool {
	return c.ours.Status == PermError && strings.HasPrefix(c.ours.Reason, reason)
}

// theyReject reports whether a signature that passes here fails there with a reason
// that contains the phrase.
func (c *oracleCase) theyReject(phrase string) bool {
	return c.ours.Status == Pass && strings.Contains(c.theirs.Reason, phrase)
}

// open reports whether the body does not end in CRLF.
func (c *oracleCase) open() bool { return !strings.HasSuffix(c.mail, "\r\n") }

// openBlank reports whether the body ends in white space.
func (c *oracleCase) openBlank() bool {
	return strings.HasSuffix(c.mail, " ") || strings.HasSuffix(c.mail, "\t")
}

var (
	// bFirst matches fields whose first tag is b= right after the colon, bSpaced
	// fields with white space before the equals sign of b=, and bAlike fields
	// with another tag whose name ends in b.
	bFirst        = regexp.MustCompile(`^[^:]*:b=`)
	bSpaced       = regexp.MustCompile(`[:;\s]b[ \t]+=`)
	bAlike        = regexp.MustCompile(`[:;\s]bb=`)
	blankEnd      = regexp.MustCompile(`[ \t]\r\n$`)
	twoFrom       = regexp.MustCompile(`(?is)^(.*\r\n)?from:.*\r\nfrom:`)
	spaceColon    = regexp.MustCompile(`(?m)^X-Space :`)
	twoSignatures = regexp.MustCompile(`(?is)^dkim-signature:.*\r\ndkim-signature:`)
	queryOther    = regexp.MustCompile(`q=dns/txt:other`)
	localAt       = regexp.MustCompile(`i=joe=40x@`)
)

var dkimpyExplained = []oracleExplained{
	{
		"RFC 6376 section 3.7", "b= loses its value with the white space around it, wherever the tag stands; dkimpy leaves some, and does not find b= right behind the colon",
		func(c *oracleCase) bool {
			return c.theirs == oracleAnswer{"fail", ""} &&
				(bFirst.MatchString(c.field) || bSpaced.MatchString(c.field) || strings.TrimRight(c.bValue, " \t") != c.bValue)
		},
	},
	{
		"RFC 6376 section 3.7", "only the CRLF at the end of the signature's field is not hashed; dkimpy drops white space before it in the simple form, too",
		func(c *oracleCase) bool {
			return c.theirs == oracleAnswer{"fail", ""} && blankEnd.MatchString(c.field)
		},
	},
	{
		"RFC 6376 section 5.4.2", "h= says how many From fields are signed; dkimpy always takes one more",
		func(c *oracleCase) bool { return c.theirs == oracleAnswer{"fail", ""} && twoFrom.MatchString(c.mail) },
	},
	{
		"RFC 6376 section 3.4.4", "white space at the end of lines goes, also of the last one if it has no CRLF; dkimpy keeps it there",
		func(c *oracleCase) bool {
			return c.theyReject("body hash mismatch") && c.relaxed && c.openBlank()
		},
	},
	{
		"RFC 6376 section 3.5", "q= is a list, of which unknown methods are ignored; dkimpy knows dns/txt alone",
		func(c *oracleCase) bool {
			return c.theyReject("q= value is not dns/txt") && queryOther.MatchString(c.field)
		},
	},
	{
		"RFC 6376 section 3.6.1", "s= of the key is a list; dkimpy takes it for one word",
		func(c *oracleCase) bool { return c.ours.Status == Pass && c.ours.Selector == "emailtoo" },
	},
	{
		"RFC 6376 section 2.8 and RFC 5322 section 4.5", "white space before the colon of a field is obsolete syntax that is read; dkimpy refuses the message",
		func(c *oracleCase) bool {
			return spaceColon.MatchString(c.mail) && (c.theirs.Result == "absent" || c.theyReject("Unexpected characters in RFC822 header"))
		},
	},
	{
		"RFC 6376 section 3.5", "l= may not exceed the body; dkimpy takes what there is",
		func(c *oracleCase) bool { return c.weReject("l= is larger than the body") },
	},
	{
		"RFC 6376 section 5.4", "From must be signed; dkimpy does not look",
		func(c *oracleCase) bool { return c.weReject("h= does not sign From") },
	},
	{
		"RFC 6376 section 3.6.1", "h= of the key limits the hashes; dkimpy does not look",
		func(c *oracleCase) bool {
			return c.weReject("the key does not allow sha256") && c.ours.Selector == "sha1"
		},
	},
	{
		"RFC 6376 section 3.6.1", "t=s of the key forbids i= below d=; dkimpy does not look",
		func(c *oracleCase) bool { return c.weReject("the key does not allow i= to be in a subdomain") },
	},
}

var libopendkimExplained = []oracleExplained{
	{
		"RFC 6376 section 3.7", "b= alone loses its value, also if white space stands before its equals sign; libopendkim misses that one and takes other tags whose names end in b",
		func(c *oracleCase) bool {
			return c.theyReject("") && (bSpaced.MatchString(c.field) || bAlike.MatchString(c.field))
		},
	},
	{
		"RFC 6376 section 3.4.4", "a body that does not end in CRLF is given one, in every form; libopendkim adds it if the simple form alone is asked for",
		func(c *oracleCase) bool {
			return c.theyReject("") && c.open() && (c.relaxed || twoSignatures.MatchString(c.mail))
		},
	},
	{
		"RFC 6376 section 3.5", "the domain of i= follows the last @, the local part may have others that are encoded; libopendkim takes the first",
		func(c *oracleCase) bool {
			return c.theyReject("invalid domain coverage") && localAt.MatchString(c.field)
		},
	},
	{
		"RFC 6376 section 3.6.1", "p= is an RSAPublicKey by the text and a SubjectPublicKeyInfo by custom; we take both, libopendkim the latter",
		func(c *oracleCase) bool { return c.theyReject("") && c.ours.Selector == "bare" },
	},
	{
		"RFC 6376 section 3.5", "a signature whose q= names no method that is known is ignored; libopendkim asks the DNS nevertheless",
		func(c *oracleCase) bool { return c.weReject("q= does not name dns/txt") },
	},
	{
		"RFC 6376 section 3.2", "a tag may not stand twice; libopendkim takes the last of a key",
		func(c *oracleCase) bool {
			return c.weReject("the record at twice._domainkey.example.org is not a key: tag p= is repeated")
		},
	},
	{
		"RFC 6376 section 6.1.2", "k= must be what a= names; libopendkim reads the key as a= wants it",
		func(c *oracleCase) bool { return c.weReject("the record at eask._domainkey.example.org is not a key") },
	},
}

var mailDKIMExplained = []oracleExplained{
	{
		"RFC 8463", "Debian's Mail::DKIM does not know Ed25519",
		func(c *oracleCase) bool { return c.theyReject("unsupported algorithm ed25519-sha256") },
	},
	{
		"RFC 6376 section 3.4.3", "a body that does not end in CRLF is given one, in the simple form, too; Mail::DKIM adds it in the relaxed form alone",
		func(c *oracleCase) bool {
			return c.theyReject("fail (body has been altered)") && c.open() && !c.relaxed
		},
	},
	{
		"RFC 6376 section 3.6.1", "p= is an RSAPublicKey by the text and a SubjectPublicKeyInfo by custom; we take both, Mail::DKIM the latter",
		func(c *oracleCase) bool { return c.theyReject("OpenSSL error") && c.ours.Selector == "bare" },
	},
	{
		"RFC 6376 section 3.6.1", "white space may stand around the colons of h= in a key; Mail::DKIM does not find sha256 behind it",
		func(c *oracleCase) bool {
			return c.theyReject("does not support hash algorithm 'sha256'") && c.ours.Selector == "both"
		},
	},
	{
		"RFC 6376 section 3.5", "l= may not exceed the body; Mail::DKIM takes what there is",
		func(c *oracleCase) bool { return c.weReject("l= is larger than the body") },
	},
	{
		"RFC 6376 section 5.4", "From must be signed; Mail::DKIM does not look",
		func(c *oracleCase) bool { return c.weReject("h= does not sign From") },
	},
	{
		"RFC 6376 section 3.2", "a tag may not stand twice; Mail::DKIM takes one of a key",
		func(c *oracleCase) bool {
			return c.weReject("the record at twice._domainkey.example.org is not a key: tag p= is repeated")
		},
	},
}

func TestOracleDkimpy(t *testing.T)      { runOracle(t, "dkimpy.py", 1000, dkimpyExplained) }
func TestOracleLibopendkim(t *testing.T) { runOracle(t, "libopendkim.py", 1000, libopendkimExplained) }
func TestOracleMailDKIM(t *testing.T)    { runOracle(t, "maildkim.pl", 400, mailDKIMExplained) }
