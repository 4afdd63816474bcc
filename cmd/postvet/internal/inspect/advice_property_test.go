package inspect

import (
	"context"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/postvet/postvet/cmd/postvet/internal/finding"
	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/dmarc"
)

// shop is a DNS in memory: TXT records by name, aliases, and a host that takes mail.
type shop struct {
	txt   map[string][]string
	alias map[string]string
}

func (s *shop) Lookup(_ context.Context, name string, t dnscache.Type) *dnscache.Answer {
	a := &dnscache.Answer{Outcome: dnscache.NXDomain}
	if target := s.alias[name]; target != "" {
		name, a.Canonical = target, target
	}
	switch {
	case t == dnscache.TXT && len(s.txt[name]) > 0:
		a.Outcome, a.TXT = dnscache.Found, s.txt[name]
	case t == dnscache.MX && name == "shop.example":
		a.Outcome, a.MX = dnscache.Found, []dnscache.Exchange{{Preference: 10, Host: "mx.shop.example"}}
	case name == "shop.example" || name == "mx.shop.example" || name == "_domainkey.shop.example" || len(s.txt[name]) > 0:
		a.Outcome = dnscache.NoData
	}
	return a
}

var (
	published = regexp.MustCompile(`publish: (\S+)\. TXT ("(?:[^"\\]|\\.)*"(?: "(?:[^"\\]|\\.)*")*)`)
	escapes   = regexp.MustCompile(`\\([0-9]{3}|.)`)
)

// follow publishes what the report proposes, and reports whether it proposes
// anything.
func (s *shop) follow(t *rapid.T, r *Report) bool {
	proposals := map[string]string{}
	for f := range r.lists().All() {
		for _, m := range published.FindAllStringSubmatch(f.Fix, -1) {
			text := strings.ReplaceAll(m[2][1:len(m[2])-1], `" "`, "")
			text = escapes.ReplaceAllStringFunc(text, func(e string) string {
				if len(e) == 4 {
					t.Fatalf("an octet that is no ASCII is proposed: %s", f.Fix)
				}
				return e[1:]
			})
			if other, ok := proposals[m[1]]; ok && other != text {
				t.Fatalf("two records for %s: %q and %q", m[1], text, other)
			}
			if s.alias[m[1]] != "" {
				t.Fatalf("a record is to stand beside a CNAME: %s", f.Fix)
			}
			proposals[m[1]] = text
		}
	}
	for name, text := range proposals {
		s.txt[name] = []string{text}
	}
	return len(proposals) > 0
}

// TestAdviceProperty: a domain that publishes what is proposed has no errors, keeps
// what its owner stated, and gets no further proposals.
func TestAdviceProperty(t *testing.T) {
	t.Parallel()
	const (
		key      = "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDUD2TWmfF4rMvGBLRwSP4IRutj6ae/nDOzj3j5FgCP9ncm0exYIPuUXKGZ3VcUIo00Lercz2Nhq9lpBJ9GlVdbevFAnOQSH/N8r++2DJDXrW2vGkOcau7gEmCoVGRXRSMmi4QH2/e7cOSVyyqcXSEsdbN78wOjLWu15EcHF4bJ1wIDAQAB"
		spfName  = "shop.example"
		keyName  = "s7._domainkey.shop.example"
		dmarcRec = "_dmarc.shop.example"
	)
	rapid.Check(t, func(t *rapid.T) {
		pick := func(label string, list ...string) string { return rapid.SampledFrom(list).Draw(t, label) }
		policy := pick("policy", "none", "quarantine", "reject")
		s := &shop{txt: map[string][]string{}, alias: map[string]string{}}
		put := func(right, record string) {
			name := right
			switch pick("place of "+right, "right", "right", "right", "doubled", "alias", "foreign alias") {
			case "doubled":
				if right != spfName {
					name += ".shop.example"
				}
			case "alias":
				if right != spfName {
					name = "t" + right
					s.alias[right] = name
				}
			case "foreign alias":
				if right != spfName {
					name = right + ".esp.test"
					s.alias[right] = name
				}
			}
			record = pick("around", "", "", `"`, "\u201d", " ", "\n") + record
			record += pick("end", "", "", `"`, "\n", ";", "\u00a0", `\;`)
			s.txt[name] = append(s.txt[name], record)
			if rapid.IntRange(0, 5).Draw(t, "another kind") == 0 {
				s.txt[name] = append(s.txt[name], "verification=1234")
			}
		}
		put(dmarcRec, pick("version", "v=DMARC1", "v=DMARC1", "v=dmarc1", `v="DMARC1"`)+pick("semicolon", "; ", ";", `\; `, ", ", " ")+
			pick("p", "p=", "P=", "p = ", "p: ")+pick("case", policy, strings.ToUpper(policy), `"`+policy+`"`)+
			pick("rest", "", "; pct=30; rf=afrf; ri=5", "; rua=", "; rua=d@shop.example", "; rua=mailto:d@shop.example; rua=mailto:d@shop.example", "; adkim=strict; odd=1"))
		end := pick("all", "-all", "~all", "?all", "", "+all", "\u2013all")
		put(spfName, pick("spf", "v=spf1 ", "spf1 ", "v=spf1; ")+pick("terms", "mx ", "", "ip4:185.51.100.1ip4:185.51.100.2 ", "ip4=185.51.100.1 ", "ipv4:185.51.100.1, ")+end)
		put(keyName, pick("v", "v=DKIM1; ", `v=DKIM1\; `, "", "V=DKIM1 ")+pick("k", "k=rsa; ", "K=RSA;; ", "")+"p="+pick("key", key, key[:50]+"\n"+key[50:], key[:50]+`" "`+key[50:]))
		if rapid.IntRange(0, 4).Draw(t, "second") == 0 {
			s.txt[spfName] = append(s.txt[spfName], "v=spf1 a:mx.shop.example ~all")
			s.txt[dmarcRec] = append(s.txt[dmarcRec], "v=DMARC1; p="+policy)
		}
		before := maps.Clone(s.txt)
		var r *Report
		for round := 0; ; round++ {
			r = Inspect(t.Context(), s, "shop.example", Options{Selectors: []string{"s7"}})
			texts := map[string][]string{}
			maps.Copy(texts, s.txt)
			if !s.follow(t, r) {
				break
			}
			if maps.EqualFunc(texts, s.txt, slices.Equal[[]string]) {
				t.Fatalf("the report proposes what stands there: %q", s.txt)
			}
			if round == 3 {
				t.Fatalf("still proposals after %d rounds: %q becomes %q", round, before, s.txt)
			}
		}
		for _, list := range []finding.List{r.SPF.Findings, r.DKIM.Findings, r.DMARC.Findings, r.DKIM.Keys[0].Findings} {
			for _, f := range list {
				unsure := end == "+all" && f.Fix != "" // who sends is not known
				if f.Severity == finding.Error && !unsure {
					t.Errorf("%s: %s: %q becomes %q", f.Text, f.Fix, before, s.txt)
				}
			}
		}
		answer := s.Lookup(t.Context(), dmarcRec, dnscache.TXT)
		i := slices.IndexFunc(answer.TXT, func(txt string) bool { return strings.HasPrefix(txt, "v=DMARC1;") })
		if i < 0 {
			t.Fatalf("no DMARC record: %q becomes %q", before, s.txt)
		}
		if rec, err := dmarc.ParseRecord(answer.TXT[i]); err != nil || rec.P != dmarc.Policy(policy) || len(rec.Problems) > 0 {
			t.Errorf("p=%s: %q becomes %q", policy, before, s.txt)
		}
		if k, err := dkim.ParseKey(s.Lookup(t.Context(), keyName, dnscache.TXT).TXT[0]); err != nil || k.Bits != 1024 {
			t.Errorf("the key: %q becomes %q", before, s.txt)
		}
		for _, txt := range s.txt[spfName] {
			if strings.HasSuffix(txt, "-all") && end != "-all" && end != "\u2013all" {
				t.Errorf("%q becomes %q", before[spfName], txt)
			}
		}
	})
}
