package spf

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/postvet/postvet/dnscache"
)

// The suites of other projects are read from their place outside the
// repository; corpora/INDEX.md describes their format and licences.

// suiteCase is one case of any suite.
type suiteCase struct {
	id          string
	query       Query
	expect      []string
	explanation string // "" if the suite names none
	resolver    Resolver
}

// difference is a case that we answer differently from its suite.
type difference struct {
	got     Status
	section string // of RFC 7208
	why     string
}

// corpus returns the path of a file of the corpora, or skips the test.
func corpus(t testing.TB, name string) string {
	t.Helper()
	root := os.Getenv("POSTVET_CORPORA")
	if root == "" {
		root = filepath.Join("..", "..", "..", "shared", "corpora")
	}
	path := filepath.Join(root, name)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("the conformance corpora are not here (POSTVET_CORPORA names their folder): %v", err)
	}
	return path
}

// runSuite runs every case and prints one line for the table of all suites.
func runSuite(t *testing.T, suite string, cases []suiteCase, known map[string]difference) {
	t.Helper()
	var passed, differ atomic.Int32
	seen := map[string]bool{}
	t.Cleanup(func() {
		t.Logf("conformance %s %d %d %d", suite, len(cases), passed.Load(), differ.Load())
		for id, d := range known {
			fmt.Printf("difference %s/%s: RFC 7208 section %s: %s: %s\n", suite, id, d.section, d.got, d.why)
			if !seen[id] {
				t.Errorf("known difference %q is no case of %s", id, suite)
			}
		}
	})
	for _, c := range cases {
		if seen[c.id] {
			t.Fatalf("two cases are called %q", c.id)
		}
		seen[c.id] = true
		t.Run(c.id, func(t *testing.T) {
			t.Parallel()
			got := Check(t.Context(), c.resolver, c.query, Options{})
			ok := slices.Contains(c.expect, string(got.Status))
			if ok && c.explanation != "" {
				want := c.explanation
				if want == "DEFAULT" { // a default text of the checker; we have none
					want = ""
				}
				ok = got.Explanation == want
			}
			if d, listed := known[c.id]; listed {
				switch {
				case ok:
					t.Errorf("listed as a difference, but the suite's %v is met", c.expect)
				case got.Status != d.got:
					t.Errorf("got %s, want the listed difference %s; %+v", got.Status, d.got, got)
				default:
					differ.Add(1)
				}
				return
			}
			if !ok {
				t.Errorf("want %v %q\n got %+v", c.expect, c.explanation, got)
				return
			}
			passed.Add(1)
		})
	}
}

// scenario is a document of an openspf-style suite.
type scenario struct {
	Description string
	Comment     string
	Tests       map[string]struct {
		Helo, Host, Mailfrom, Explanation string
		Result                            yaml.Node
	}
	Zonedata map[string][]yaml.Node
}

// yamlSuite reads an openspf-style suite. The name of a case has its scenario
// number if names repeat.
func yamlSuite(t *testing.T, path string, numbered bool) []suiteCase {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var cases []suiteCase
	dec := yaml.NewDecoder(f)
	for n := 1; ; n++ {
		var s scenario
		if err := dec.Decode(&s); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		z := s.zone(t)
		for id, c := range s.Tests {
			if numbered {
				id = string(rune('0'+n%10)) + "." + id
				if n >= 10 {
					id = "1" + id
				}
			}
			cases = append(cases, suiteCase{
				id:          id,
				query:       query(t, c.Host, c.Helo, c.Mailfrom),
				expect:      scalars(&c.Result),
				explanation: c.Explanation,
				resolver:    z,
			})
		}
	}
	slices.SortFunc(cases, func(a, b suiteCase) int { return strings.Compare(a.id, b.id) })
	return cases
}

// query returns a check of MAIL FROM, or of HELO if there is no MAIL FROM.
func query(t *testing.T, ip, helo, mailfrom string) Query {
	t.Helper()
	addr, err := netip.ParseAddr(ip)
	if err != nil {
		t.Fatal(err)
	}
	q := Query{Identity: MailFrom, IP: addr, Helo: helo, Sender: mailfrom}
	if mailfrom == "" {
		q.Identity = HELO
	}
	return q
}

func scalars(n *yaml.Node) []string {
	if n.Kind != yaml.SequenceNode {
		return []string{n.Value}
	}
	var s []string
	for _, c := range n.Content {
		s = append(s, c.Value)
	}
	return s
}

// zone returns the scenario's DNS. If a name has SPF records but no TXT, they
// are its TXT records.
func (s *scenario) zone(t *testing.T) *zone {
	t.Helper()
	z := newZone()
	for name, nodes := range s.Zonedata {
		n := z.at(name)
		var spf []string
		txt := false
		for _, node := range nodes {
			if node.Kind == yaml.ScalarNode {
				switch {
				case node.Value == "TIMEOUT":
					n.fault = dnscache.Timeout
				case strings.HasPrefix(node.Value, "RCODE"):
					n.fault = dnscache.ServFail
				default:
					t.Fatalf("%s: unknown %q", name, node.Value)
				}
				continue
			}
			for i := 0; i+1 < len(node.Content); i += 2 {
				key, v := node.Content[i].Value, node.Content[i+1]
				switch key {
				case "TIMEOUT":
					n.fault = dnscache.Timeout
				case "SERVFAIL", "RCODE":
					n.fault = dnscache.ServFail
				case "SPF":
					spf = append(spf, octets(strings.Join(scalars(v), "")))
				case "TXT":
					txt = true
					if v.Kind == yaml.ScalarNode && v.Value == "NONE" {
						break
					}
					z.txt(name, octets(strings.Join(scalars(v), "")))
				case "A", "AAAA":
					z.addr(name, v.Value)
				case "MX":
					var pref uint16
					if err := v.Content[0].Decode(&pref); err != nil {
						t.Fatal(err)
					}
					z.mx(name, pref, v.Content[1].Value)
				case "PTR":
					z.ptr(name, v.Value)
				case "CNAME":
					n.cname, n.isCNAME = v.Value, true
				default:
					t.Fatalf("%s: unknown type %q", name, key)
				}
			}
		}
		if !txt {
			for _, text := range spf {
				z.txt(name, text)
			}
		}
	}
	for _, n := range z.names {
		if a := n.answers[dnscache.MX]; a != nil {
			slices.SortStableFunc(a.MX, func(x, y dnscache.Exchange) int { return int(x.Preference) - int(y.Preference) })
		}
	}
	return z
}

// octets converts the code points of YAML's \xNN to the octets that they stand
// for.
func octets(s string) string {
	var b []byte
	for _, r := range s {
		if r > 0xff {
			return s
		}
		b = append(b, byte(r))
	}
	return string(b)
}

func TestConformanceRFC7208(t *testing.T) {
	runSuite(t, "spf/rfc7208-tests.yml", yamlSuite(t, corpus(t, "spf/rfc7208-tests.yml"), false), nil)
}

// TestConformanceRFC7208Loopback runs the suite over a real DNS server on
// loopback and through the cache, so that the answers have the form of the
// wire.
func TestConformanceRFC7208Loopback(t *testing.T) {
	cases := yamlSuite(t, corpus(t, "spf/rfc7208-tests.yml"), false)
	servers := map[Resolver]Resolver{}
	for i := range cases {
		z := cases[i].resolver
		if servers[z] == nil {
			servers[z] = serve(t, z.(*zone).text())
		}
		cases[i].resolver = servers[z]
	}
	runSuite(t, "spf/rfc7208-tests.yml(loopback)", cases, nil)
}

// TestConformanceRFC4408: the known differences list what RFC 7208 changed.
func TestConformanceRFC4408(t *testing.T) {
	runSuite(t, "spf/rfc4408-tests.yml", yamlSuite(t, corpus(t, "spf/rfc4408-tests.yml"), false), nil)
}

func TestConformancePyspf(t *testing.T) {
	runSuite(t, "spf/pyspf-tests.yml", yamlSuite(t, corpus(t, "spf/pyspf-tests.yml"), true), pyspfDifferences)
}

func TestConformanceBlitiri(t *testing.T) {
	runSuite(t, "spf/blitirispf-tests.yml", yamlSuite(t, corpus(t, "spf/blitirispf-tests.yml"), true), blitiriDifferences)
}
