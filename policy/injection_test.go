package policy_test

import (
	"context"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/policy"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/rules"
)

// hostile is a message that an attacker made, each of its parts free.
type hostile struct {
	helo, local, domain     string // HELO and MAIL FROM
	d, s, i, a              string // of the signature
	name, author            string // of the From field: display name and domain
	ptr, mx                 string // names that the DNS gives
	spf, exp, key, dmarc    string // texts that the DNS gives
	results, sealer, sealBy string // of the ARC set
	list                    string // of the List-Id field
}

func newHostile() hostile {
	return hostile{
		helo: "helo.attacker.example", local: "any", domain: "attacker.example", d: "attacker.example", s: "sel",
		i: "@attacker.example", a: "ed25519-sha256", name: "Ann", author: "attacker.example", ptr: "ptr.attacker.example", mx: "mx.attacker.example",
		spf: "v=spf1 mx exp=exp.attacker.example -all", exp: "go away", dmarc: "v=DMARC1; p=reject; adkim=s; aspf=s",
		results: "attacker.example; none", sealer: "attacker.example", sealBy: "sel",
	}
}

// places are where an attacker can put a text of his own.
var places = map[string]struct {
	put func(h *hostile, text string)
	// shown: the text can come into our field.
	shown bool
}{
	"HELO":                  {func(h *hostile, text string) { h.helo = text }, true},
	"HELO's end":            {func(h *hostile, text string) { h.helo = "legit.example" + text }, true},
	"MAIL FROM local part":  {func(h *hostile, text string) { h.local = text }, false},
	"MAIL FROM quoted":      {func(h *hostile, text string) { h.local = `"` + text + `"` }, false},
	"MAIL FROM without SPF": {func(h *hostile, text string) { h.local, h.domain = text, "nowhere.example" }, false},
	"MAIL FROM in SPF":      {func(h *hostile, text string) { h.local, h.spf = text, "v=spf1 exists:%{l}.attacker.example -all" }, true},
	"MAIL FROM in SPF, end": {func(h *hostile, text string) { h.local, h.spf = "a."+text, "v=spf1 -exists:%{s}.nowhere.example +all" }, true},
	"MAIL FROM domain":      {func(h *hostile, text string) { h.domain = text }, true},
	"HELO's begin":          {func(h *hostile, text string) { h.helo = text + ".attacker.example" }, false},
	"MAIL FROM subdomain":   {func(h *hostile, text string) { h.domain = "legit.example" + text + ".attacker.example" }, false},
	"MAIL FROM null sender": {func(h *hostile, text string) { h.local, h.domain, h.helo = "", "", text }, true},
	"d=":                    {func(h *hostile, text string) { h.d = text }, false},
	"d= begin":              {func(h *hostile, text string) { h.d = "legit.example" + text + ".attacker.example" }, false},
	"s=":                    {func(h *hostile, text string) { h.s = text }, false},
	"i=":                    {func(h *hostile, text string) { h.i = text }, false},
	"a=":                    {func(h *hostile, text string) { h.a = text }, false},
	"display name":          {func(h *hostile, text string) { h.name = text }, false},
	"display name, quoted":  {func(h *hostile, text string) { h.name = `"` + text + `"` }, false},
	"PTR begin":             {func(h *hostile, text string) { h.ptr = text + ".attacker.example" }, false},
	"PTR":                   {func(h *hostile, text string) { h.ptr = text }, false},
	"MX":                    {func(h *hostile, text string) { h.mx = text }, false},
	"SPF record":            {func(h *hostile, text string) { h.spf = "v=spf1 " + text }, false},
	"SPF mechanism":         {func(h *hostile, text string) { h.spf = "v=spf1 include:" + text + " -all" }, false},
	"SPF modifier":          {func(h *hostile, text string) { h.spf = "v=spf1 redirect=" + text }, false},
	"explanation":           {func(h *hostile, text string) { h.exp, h.spf = text, "v=spf1 exp=exp.attacker.example -all" }, false},
	"key record":            {func(h *hostile, text string) { h.key = text }, false},
	"key record's tag":      {func(h *hostile, text string) { h.key = "v=DKIM1; k=" + text + "; p=QQ==" }, false},
	"DMARC record":          {func(h *hostile, text string) { h.dmarc = "v=DMARC1; " + text }, false},
	"DMARC policy":          {func(h *hostile, text string) { h.dmarc = "v=DMARC1; p=" + text }, false},
	"ARC results":           {func(h *hostile, text string) { h.results = text }, false},
	"ARC results, DMARC":    {func(h *hostile, text string) { h.results = "attacker.example; dmarc=" + text + " header.from=" + text }, false},
	"List-Id":               {func(h *hostile, text string) { h.list = text }, false},
	"ARC d=":                {func(h *hostile, text string) { h.sealer = text }, false},
	"ARC s=":                {func(h *hostile, text string) { h.sealBy = text }, false},
}

// Lookup makes a hostile his own DNS: every name of attacker.example has every
// record, whatever bytes it holds, and no other name exists.
func (h *hostile) Lookup(_ context.Context, name string, t dnscache.Type) *dnscache.Answer {
	a := &dnscache.Answer{Outcome: dnscache.Found}
	name = "." + strings.ToLower(strings.TrimSuffix(name, "."))
	if t != dnscache.PTR && !strings.HasSuffix(name, ".attacker.example") {
		a.Outcome = dnscache.NXDomain
		return a
	}
	switch name = name[1:]; {
	case t == dnscache.TXT && strings.HasPrefix(name, "_dmarc."):
		a.TXT = []string{h.dmarc}
	case t == dnscache.TXT && strings.Contains(name, "._domainkey."):
		a.TXT = []string{h.key}
	case t == dnscache.TXT && strings.HasPrefix(name, "exp."):
		a.TXT = []string{h.exp}
	case t == dnscache.TXT:
		a.TXT = []string{h.spf}
	case t == dnscache.PTR:
		a.Names = []string{h.ptr}
	case t == dnscache.MX:
		a.MX = []dnscache.Exchange{{Preference: 1, Host: h.mx}}
	case t == dnscache.A:
		a.Addrs = []netip.Addr{netip.MustParseAddr("192.0.2.66")}
	default:
		a.Outcome = dnscache.NoData
	}
	return a
}

// attempt has the message checked.
func (h *hostile) attempt(t *testing.T) *result.Results {
	t.Helper()
	from := h.name + " <x@" + h.author + ">"
	text := "From: " + from + "\r\nSubject: x\r\n\r\nbody\r\n"
	sig := attackSignature{domain: h.d, selector: h.s, fields: "from:subject", length: -1}
	if h.key == "" {
		h.key = sig.keyRecord()
	}
	set := attackSignature{domain: h.sealer, selector: h.sealBy, fields: "from:subject", length: -1, results: h.results}
	signature := strings.TrimSuffix(sig.sign([]byte(text)), "\r\n")
	if d := newHostile(); h.a != d.a || h.i != d.i {
		signature = strings.Replace(signature, d.a, h.a, 1) + "; i=" + h.i
	}
	c := policy.NewChecker(policy.Options{Resolver: h, AuthservID: "mx.test.example", Now: time.Now})
	conn := c.Connect(t.Context(), message.Client{IP: netip.MustParseAddr("192.0.2.66")})
	defer conn.Close()
	conn.Helo(h.helo)
	path := h.local
	if h.local != "" || h.domain != "" {
		path += "@" + h.domain
	}
	m := conn.Message(message.Sender{Path: path})
	m.Recipient("user@test.example")
	m.Field(message.NewField("DKIM-Signature", strings.TrimPrefix(signature, "DKIM-Signature:")))
	for i, f := range strings.SplitN(set.seal([]byte(text)), "\r\nARC-", 3) { // three fields, whatever they hold
		if i > 0 {
			f = "ARC-" + f
		}
		name, value, _ := strings.Cut(f, ":")
		m.Field(message.NewField(name, strings.TrimSuffix(value, "\r\n")))
	}
	m.Field(message.NewField("From", " "+from))
	m.Field(message.NewField("Subject", " x"))
	m.Field(message.NewField("List-Id", " <"+h.list+">"))
	m.EndOfHeader()
	if _, err := m.Write([]byte("body\r\n")); err != nil {
		t.Fatal(err)
	}
	return m.Finish(t.Context())
}

// check: whatever is decided, our field and our reply say what was found. It
// returns the fields and the texts.
func (h *hostile) check(t *testing.T, authors ...string) (fields, replies string) {
	t.Helper()
	for _, h.author = range authors {
		res := h.attempt(t)
		for _, r := range append(trustingRules(t), []rules.Rules{
			{},
			{Mode: rules.Monitor, SPFHelo: true},
			{Quarantine: rules.QuarantineTag, OnAmbiguousAuthor: rules.AmbiguousHold},
			{OnAmbiguousAuthor: rules.AmbiguousAccept, OnTempError: "tempfail"},
		}...) {
			r.AuthservID = "mx.test.example"
			v := r.Decide(res)
			checkReply(t, v)
			checkOverrides(t, v)
			if !strings.HasSuffix(fields, v.AuthenticationResults) { // else it was checked
				checkResultsField(t, r, res, v.AuthenticationResults)
				fields += v.AuthenticationResults
			}
			if v.Action == result.Reject {
				replies += v.Text
			}
		}
		if len(res.Faults) > 0 {
			t.Errorf("faults: %q", res.Faults)
		}
	}
	return fields, replies
}

// authors: with the second nothing is aligned, so that he is refused.
var authors = []string{"attacker.example", "other.attacker.example"}

const mark = "zqzq"

// pieces of what breaks out of a value, or looks as if it had.
var breakers = []string{
	mark, "; dmarc=pass header.from=legit.example", " dmarc=pass", "dmarc = pass", "DMARC=Pass", "spf=pass", "dkim\t=\tpass", "arc=pass", "arc=pass header.d=legit.example",
	";", `"`, `"`, `\`, `\"`, "'", "(", ")", "(x)", "=", "=pass", "dmarc", "@", ".", "legit.example", ".attacker.example", "@attacker.example", " ", "\t", "\r\n", "\r\n\t", "\r", "\n", "\x00",
	"\r\nAuthentication-Results: mx.test.example; dmarc=pass", "\r\n\r\n", "=?utf-8?q?=3B_dmarc=3Dpass?=", "=?utf-8?b?OyBkbWFyYz1wYXNz?=", "<", ">", "/1=pass",
	"any@legit.example'", "@legit.example,@any.example:", "legit.example(", "\u2028", "\u202e", "ü", "\xff", "\uff1d", "mx.test.example;", "reason=", "smtp.mailfrom=a@legit.example", strings.Repeat("a", 250), strings.Repeat("b.", 120), "%{s}", "%0d%0a", "v=DMARC1; p=none", "d\\marc=pass", "-all",
}

// TestResultsInjection: no field of an attacker adds a result to our field, for any
// reader, or breaks the reply.
func TestResultsInjection(t *testing.T) {
	t.Parallel()
	for name, place := range places {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(8601, uint64(len(name))))
			shown, refused, cited := 0, 0, 0
			for n := range 60 {
				text := breakers[n%len(breakers)]
				for range random.IntN(5) * min(n/len(breakers), 1) {
					text += breakers[random.IntN(len(breakers))]
				}
				if text = mark + text; n%2 == 1 {
					text = strings.TrimPrefix(text, mark) + mark
				}
				h := newHostile()
				place.put(&h, text)
				fields, replies := h.check(t, authors[n/2%2])
				if strings.Contains(fields, mark) {
					shown++
				}
				if replies != "" {
					refused++
				}
				if strings.Contains(replies, mark) {
					cited++
				}
				if t.Failed() {
					t.Fatalf("with %q", text)
				}
			}
			if place.shown && shown == 0 {
				t.Error("the text never came into our field")
			}
			if refused == 0 && !strings.HasPrefix(name, "DMARC") { // who asks for nothing is not refused
				t.Error("nothing was refused")
			}
			t.Logf("in our field %d times, in %d of %d replies", shown, cited, refused)
		})
	}
}

func FuzzResultsInjection(f *testing.F) {
	names := slices.Sorted(maps.Keys(places))
	for i, b := range breakers {
		f.Add(uint8(i), b)
	}
	f.Fuzz(func(t *testing.T, n uint8, text string) {
		if len(text) > 1<<12 {
			return
		}
		h := newHostile()
		places[names[int(n)%len(names)]].put(&h, text)
		h.check(t, authors...)
	})
}
