//go:build linux

package main

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// variant is a set-up under a name and addresses of its own, with the changes that findings
// propose.
type variant struct {
	setup    *setup
	number   int
	domain   string
	findings []found
	zones    []*signedZone
}

// rename returns a text of the set-up as it is in the variant: each has its own domain, and
// its own networks, so that no reverse name has two hosts.
func (v *variant) rename(text string) string {
	return strings.NewReplacer(v.setup.label()+".example", fmt.Sprintf("%s-v%d.example", v.setup.label(), v.number),
		"185.0.", fmt.Sprintf("185.%d.", v.number), "185.200.", fmt.Sprintf("184.%d.", v.number), "2a00:db8:", fmt.Sprintf("2a00:%x:", v.number)).Replace(text)
}

// original returns a text of the variant as it is in the set-up.
func (v *variant) original(text string) string {
	return strings.NewReplacer(fmt.Sprintf("%s-v%d.example", v.setup.label(), v.number), v.setup.label()+".example",
		fmt.Sprintf("185.%d.", v.number), "185.0.", fmt.Sprintf("184.%d.", v.number), "185.200.", fmt.Sprintf("2a00:%x:", v.number), "2a00:db8:").Replace(text)
}

// label is the name of the set-up's first zone below example.
func (s *setup) label() string { return strings.TrimSuffix(s.zones[0].origin, ".example.") }

// newVariant returns a set-up with the changes of findings.
func newVariant(t *testing.T, s *setup, number int, findings ...found) *variant {
	t.Helper()
	v := &variant{setup: s, number: number, findings: findings}
	v.domain = v.rename(s.domain)
	for _, z := range s.zones {
		clone := *z
		clone.origin, clone.lines = v.rename(z.origin), nil
		if z.origin == "arpa." {
			clone.lines = v.reverse(z.lines)
			v.zones = append(v.zones, &clone)
			continue
		}
		for _, r := range z.lines {
			if name := v.rename(r.name); name != r.name { // the others serve the set-up too
				clone.lines = append(clone.lines, record{name, r.ttl, r.kind, v.rename(r.data)})
			}
		}
		v.zones = append(v.zones, &clone)
	}
	made := map[change]bool{}
	for _, f := range findings {
		for _, c := range f.Changes {
			if !made[c] {
				made[c] = true
				v.change(t, c)
			}
		}
	}
	return v
}

// reverseName is the reverse name of an address of IPv4.
var reverseName = regexp.MustCompile(`^(\d+)\.(\d+)\.(0|200)\.185\.in-addr\.arpa`)

// renameReverse is rename for a reverse name.
func (v *variant) renameReverse(name string) string {
	if m := reverseName.FindStringSubmatch(name); m != nil {
		first := map[string]string{"0": "185", "200": "184"}[m[3]]
		return fmt.Sprintf("%s.%s.%d.%s.in-addr.arpa%s", m[1], m[2], v.number, first, name[len(m[0]):])
	}
	// 2a00:db8: is 8.b.d.0.0.0.a.2 at the end of a name.
	var nibbles []string
	for _, c := range fmt.Sprintf("%04x", v.number) {
		nibbles = append([]string{string(c)}, nibbles...)
	}
	return strings.Replace(name, "8.b.d.0.0.0.a.2.ip6", strings.Join(nibbles, ".")+".0.0.a.2.ip6", 1)
}

func (v *variant) reverse(lines []record) (renamed []record) {
	for _, r := range lines {
		if host := v.rename(r.data); host != r.data {
			renamed = append(renamed, record{v.renameReverse(r.name), r.ttl, r.kind, host})
		}
	}
	return renamed
}

// change makes a change in the zone that has the name.
func (v *variant) change(t *testing.T, c change) {
	t.Helper()
	name := v.rename(c.Name) + "."
	if strings.HasSuffix(name, ".arpa.") {
		name = v.renameReverse(c.Name) + "."
	}
	data := v.rename(c.Data)
	z := v.zoneOf(name)
	if z == nil {
		t.Fatalf("%s: no zone has %s", v.setup.file, name)
	}
	n := len(z.lines)
	z.lines = slices.DeleteFunc(z.lines, func(r record) bool {
		switch {
		case r.name != name || r.kind != c.Type:
			return false
		case c.Type == "CNAME" || c.Type == "PTR":
			return true
		case c.Type == "TXT":
			return standardOf(r.data) == standardOf(data)
		}
		return c.Remove && strings.EqualFold(strings.TrimSuffix(r.data, "."), strings.TrimSuffix(data, "."))
	})
	switch {
	case !c.Remove:
		z.lines = append(z.lines, record{name, "", c.Type, data})
	case len(z.lines) == n:
		t.Errorf("%s: %s %s %s is to be removed, but does not stand there", v.setup.file, name, c.Type, data)
	}
}

// standardOf is the standard of a TXT record, of which a name has one record: SPF at the name
// of the domain, "" for what has a name of its own.
func standardOf(data string) string {
	switch {
	case strings.Contains(data, "v=spf1"):
		return "SPF"
	case strings.Contains(data, "verification"):
		return "another"
	}
	return ""
}

// zoneOf returns the zone of the variant that has a name, nil if none has.
func (v *variant) zoneOf(name string) (zone *signedZone) {
	for _, z := range v.zones {
		if (name == z.origin || strings.HasSuffix(name, "."+z.origin)) && (zone == nil || len(z.origin) > len(zone.origin)) {
			zone = z
		}
	}
	return zone
}

// can reports whether the zones of the set-up have the names of all changes, and the changes
// can be made now.
func (s *setup) can(changes []change) bool {
	v := variant{zones: s.zones}
	return len(changes) > 0 && !slices.ContainsFunc(changes, func(c change) bool {
		return c.When != "" && c.Type != "TXT" || strings.HasPrefix(c.Name, "_mta-sts.") && c.When != "" || v.zoneOf(c.Name+".") == nil
	})
}

// known returns the texts of the findings of a report.
func (r *inspected) known() map[string]bool {
	all := map[string]bool{}
	for _, list := range r.findings {
		for _, f := range list {
			all[f.Text] = true
		}
	}
	return all
}

// askMany inspects many domains, and returns the reports by the domain.
func (w *tree) askMany(t *testing.T, domains []string, args ...string) map[string]*inspected {
	t.Helper()
	file := filepath.Join(t.TempDir(), "domains")
	if err := os.WriteFile(file, []byte(strings.Join(domains, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	out, _ := w.ask(t, "domain", append(args, "--json", "--file", file)...)
	all := map[string]*inspected{}
	for line := range bytes.Lines(out) {
		r := parseInspected(t, line)
		all[r.Name] = r
	}
	if len(all) != len(domains) {
		t.Fatalf("%d reports of %d domains", len(all), len(domains))
	}
	return all
}

// publishProposals publishes what the findings of the set-ups propose, each alone and all
// together under a name of its own, has all zones signed again, and asks again over the real
// servers: the finding is gone, and nothing is wrong that was right.
func publishProposals(t *testing.T, setups []*setup, before map[string]*inspected) {
	t.Helper()
	var variants []*variant
	mended := slices.Clone(setups)
	var domains []string
	for _, s := range setups {
		var all []found
		for _, path := range slices.Sorted(maps.Keys(before[s.domain].findings)) {
			for _, f := range before[s.domain].findings[path] {
				if f.Severity == "ok" || !s.can(f.Changes) {
					continue
				}
				all = append(all, f)
			}
		}
		some := make([]*variant, 0, len(all)+1)
		for i := range all {
			some = append(some, newVariant(t, s, i+1, all[i]))
		}
		if len(all) > 1 {
			some = append(some, newVariant(t, s, len(all)+1, all...))
		}
		for _, v := range some {
			domains, mended = append(domains, v.domain), append(mended, &setup{zones: v.zones})
		}
		variants = append(variants, some...)
	}
	after := newTree(t, merge(mended)).askMany(t, domains)
	for _, v := range variants {
		known := before[v.setup.domain].known()
		for _, path := range slices.Sorted(maps.Keys(after[v.domain].findings)) {
			for _, g := range after[v.domain].findings[path] {
				switch text := v.original(g.Text); {
				case slices.ContainsFunc(v.findings, func(f found) bool { return f.Text == text }):
					t.Errorf("%s: still there is %s, with %v", v.setup.domain, text, v.findings)
				case (g.Severity == "error" || g.DNSFailure) && !known[text]:
					t.Errorf("%s: with %v there is a new %s: %s", v.setup.domain, v.findings, g.Severity, text)
				}
			}
		}
	}
	if len(variants) < 60 {
		t.Errorf("only %d variants were published", len(variants))
	}
}
