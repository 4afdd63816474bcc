package spf

import (
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"golang.org/x/tools/txtar"
	"gopkg.in/yaml.v3"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/dnscache/dnstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The result word of a case is written by hand and never rewritten.
var update = flag.Bool("update", false, "rewrite all but the result word of the cases in testdata")

// sectionCase is a case of a file in testdata, which is named after a section
// of RFC 7208. The whole result is compared.
type sectionCase struct {
	Name        string `yaml:"name"`
	Identity    string `yaml:"identity,omitempty"` // default mailfrom
	IP          string `yaml:"ip"`
	Helo        string `yaml:"helo,omitempty"`
	Sender      string `yaml:"sender,omitempty"`
	Want        Status `yaml:"want"`
	Domain      string `yaml:"domain,omitempty"`
	Mechanism   string `yaml:"mechanism,omitempty"`
	Explanation string `yaml:"explanation,omitempty"`
	Reason      string `yaml:"reason,omitempty"`
	Lookups     int    `yaml:"lookups,omitempty"`
	Voids       int    `yaml:"voids,omitempty"`
	LocalPart   bool   `yaml:"local_part,omitempty"`
	Record      string `yaml:"record,omitempty"`
}

func (c sectionCase) query() Query {
	q := Query{Identity: MailFrom, Helo: c.Helo, Sender: c.Sender}
	if c.Identity != "" {
		q.Identity = Identity(c.Identity)
	}
	q.IP, _ = netip.ParseAddr(c.IP)
	return q
}

// serve starts a DNS server on loopback and a resolver.
func serve(tb testing.TB, zone string) *dnscache.Resolver {
	tb.Helper()
	_, r := dnstest.Start(tb, zone)
	return r
}

// TestSections uses a real DNS server on loopback.
func TestSections(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "*.txtar"))
	if err != nil || len(files) == 0 {
		t.Fatal("no cases", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			ar, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if len(ar.Files) != 2 || ar.Files[0].Name != "zone" || ar.Files[1].Name != "cases" {
				t.Fatal("want the files zone and cases")
			}
			var cases []sectionCase
			if err := yaml.Unmarshal(ar.Files[1].Data, &cases); err != nil {
				t.Fatal(err)
			}
			r := serve(t, string(ar.Files[0].Data))
			t.Run("cases", func(t *testing.T) {
				for i := range cases {
					t.Run(cases[i].Name, func(t *testing.T) {
						t.Parallel()
						c := &cases[i]
						opt := Options{
							Receiver: "mx.receiver.example",
							Now:      func() time.Time { return time.Unix(1767225600, 0) },
						}
						got := Check(t.Context(), r, c.query(), opt)
						opt.Sequential = true
						if diff := cmp.Diff(Check(t.Context(), r, c.query(), opt), got); diff != "" {
							t.Errorf("starting lookups ahead changes the result (-without +with):\n%s", diff)
						}
						if *update && got.Status == c.Want {
							c.Domain, c.Mechanism, c.Explanation = got.Domain, got.Mechanism, got.Explanation
							c.Reason, c.Lookups, c.Voids, c.LocalPart, c.Record = got.Reason, got.Lookups, got.Voids, got.LocalPart, got.Record
						}
						want := Result{
							Identity: c.query().Identity, Domain: c.Domain, Status: c.Want, Mechanism: c.Mechanism,
							Explanation: c.Explanation, Reason: c.Reason, Lookups: c.Lookups, Voids: c.Voids, LocalPart: c.LocalPart, Record: c.Record,
						}
						if diff := cmp.Diff(want, got); diff != "" {
							t.Errorf("result (-want +got):\n%s", diff)
						}
					})
				}
			})
			if *update && !t.Failed() {
				if ar.Files[1].Data, err = yaml.Marshal(cases); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(file, txtar.Format(ar), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}
