//go:build linux

package main

import (
	"encoding/json"
	"errors"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// wayZone has the way to a domain with all that protects it, and to one that is bogus.
const wayZone = `
dane.example. 3600 MX 10 mx.dane.example.
mx.dane.example. A 185.0.2.1
_25._tcp.mx.dane.example. TLSA 3 1 1 92003ba34942dc74152e2f2c408d29eca5a520e7f2e06bb944f4dca346baf63c
_25._tcp.mx.dane.example. TLSA 2 1 1 92003ba34942dc74152e2f2c408d29eca5a520e7f2e06bb944f4dca346baf63c
_mta-sts.dane.example. TXT "v=STSv1; id=1;"
mta-sts.dane.example. A 185.0.2.2
dane.example. CAA 0 issue "ca.example"
alias.dane.example. MX 10 to.dane.example.
to.dane.example. CNAME mx.dane.example.
none.example. MX 10 mx.none.example.
mx.none.example. A 185.0.2.3
1.2.0.185.in-addr.arpa. PTR mx.dane.example.
bad.example. MX 10 mx.dane.example.
half.example. MX 10 mx.half.example.
mx.half.example. A 185.0.2.4
_25._tcp.mx.half.example. TLSA 3 1 1 92003ba34942dc74152e2f2c408d29eca5a520e7f2e06bb944f4dca346baf63c
`

// way is what the test reads of a report.
type way struct {
	Result string
	MX     struct {
		DNSSEC string
		TTL    int
	}
	Transport struct {
		DANE struct{ State string }
		CAA  []struct {
			Host    string
			Issuers []string
		}
	}
}

// TestRoute has "postvet route" ask resolvers that validate a signed zone: what it says
// about DNSSEC and DANE rests on their answers for MX, A, TLSA and CAA.
func TestRoute(t *testing.T) {
	t.Parallel()
	needPrograms(t)
	binary := buildPostvet(t)
	for name, lines := range validating {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := newSite(find(name), wayZone)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(s.close)
			anchor, err := s.server.Sign("bad.example", "_tcp.mx.half.example")
			if err != nil {
				t.Fatal(err)
			}
			x, err := s.run(t.Context(), s.program, anchored(lines, anchor))
			if err != nil {
				t.Fatal(err)
			}
			for _, tt := range []struct {
				domain, result, dnssec, dane string
				code                         int
			}{
				{"dane.example", "delivers", "secure", "works", 0},
				{"alias.dane.example", "delivers", "secure", "works", 1}, // an MX record names an alias
				{"none.example", "delivers", "secure", "absent", 0},
				{"bad.example", "undeliverable", "bogus", "unknown", 1},
				{"half.example", "delivers", "secure", "broken", 1},
				{"gone.example", "undeliverable", "secure", "unknown", 1},
			} {
				w, code := askWay(t, binary, x.setting.addr.String(), tt.domain)
				if w.Result != tt.result || w.MX.DNSSEC != tt.dnssec || w.Transport.DANE.State != tt.dane || code != tt.code {
					t.Errorf("%s: exit code %d, %+v, want %+v", tt.domain, code, w, tt)
				}
				if name == "named" {
					w.MX.TTL = 3600 // here it gives all answers a TTL of 0
				}
				if tt.domain == "dane.example" && (w.MX.TTL < 3000 || w.MX.TTL > 3600 || len(w.Transport.CAA) != 2 || strings.Join(w.Transport.CAA[1].Issuers, "") != "ca.example") {
					t.Errorf("%+v", w)
				}
			}
		})
	}
}

// askWay runs "postvet route", and returns its answer and its exit code.
func askWay(t *testing.T, binary, resolver, domain string) (w way, code int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), binary, "route", "--resolver", resolver, "--dns-timeout", "20s", "--json", "ann@"+domain)
	cmd.WaitDelay = time.Minute
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		code = exit.ExitCode()
	} else if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(out, &w); err != nil {
		t.Fatalf("%s: %v\n%s", domain, err, out)
	}
	return w, code
}
