package spf

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/postvet/postvet/dnscache"
)

// jsonZone is the zone notation of the JSON suites.
type jsonZone struct {
	Zone   map[string]map[string][]any `json:"zone"`
	Errors map[string]string           `json:"zone_errors"`
}

// jsonSuite reads a JSON suite, collected from another implementation.
func jsonSuite(t *testing.T, path string) []suiteCase {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		jsonZone
		Zones map[string]jsonZone `json:"zones"`
		Cases []struct {
			ID, IP, Helo, MailFrom, Zone, Explanation string
			Expect                                    []string
		}
	}
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	zones := map[string]*zone{"": file.jsonZone.zone(t)}
	for name, z := range file.Zones {
		zones[name] = z.zone(t)
	}
	var cases []suiteCase
	for _, c := range file.Cases {
		z := zones[c.Zone]
		if z == nil {
			t.Fatalf("%s: no zone %q", c.ID, c.Zone)
		}
		cases = append(cases, suiteCase{
			id:          c.ID,
			query:       query(t, c.IP, c.Helo, c.MailFrom),
			expect:      c.Expect,
			explanation: c.Explanation,
			resolver:    z,
		})
	}
	return cases
}

func (j jsonZone) zone(t *testing.T) *zone {
	t.Helper()
	z := newZone()
	for name, types := range j.Zone {
		z.at(name)
		for typ, values := range types {
			for _, v := range values {
				switch typ {
				case "TXT":
					if parts, ok := v.([]any); ok {
						var s strings.Builder
						for _, p := range parts {
							s.WriteString(p.(string))
						}
						v = s.String()
					}
					z.txt(name, v.(string))
				case "A", "AAAA":
					if _, err := netip.ParseAddr(v.(string)); err != nil {
						t.Fatal(err)
					}
					z.addr(name, v.(string))
				case "MX":
					pair := v.([]any)
					z.mx(name, uint16(pair[0].(float64)), pair[1].(string))
				case "PTR":
					z.ptr(name, v.(string))
				case "CNAME":
					z.at(name).cname, z.at(name).isCNAME = v.(string), true
				default:
					t.Fatalf("%s: unknown type %q", name, typ)
				}
			}
		}
	}
	types := map[string]dnscache.Type{"TXT": dnscache.TXT, "A": dnscache.A, "AAAA": dnscache.AAAA, "MX": dnscache.MX, "PTR": dnscache.PTR}
	for key, what := range j.Errors {
		name, typ, _ := strings.Cut(key, "/")
		outcome := map[string]dnscache.Outcome{"NXDOMAIN": dnscache.NXDomain, "TIMEOUT": dnscache.Timeout, "SERVFAIL": dnscache.ServFail}[what]
		if outcome == 0 {
			t.Fatal(fmt.Errorf("%s: unknown %q", key, what))
		}
		if dt, ok := types[typ]; ok {
			z.fault(name, dt, outcome)
		}
	}
	return z
}

func TestConformanceMailAuth(t *testing.T) {
	runSuite(t, "spf/mail-auth-spf.json", jsonSuite(t, corpus(t, "spf/mail-auth-spf.json")), mailAuthDifferences)
}

func TestConformanceMox(t *testing.T) {
	runSuite(t, "spf/mox-spf.json", jsonSuite(t, corpus(t, "spf/mox-spf.json")), moxDifferences)
}

func TestConformanceRspamd(t *testing.T) {
	runSuite(t, "spf/rspamd-spf.json", jsonSuite(t, corpus(t, "spf/rspamd-spf.json")), nil)
}
