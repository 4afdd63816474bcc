package dnscache

import (
	"testing"

	"github.com/miekg/dns"
)

// An upstream with the keys of some zones, but not of the root, validates.
func TestValidationOfSomeZones(t *testing.T) {
	t.Parallel()
	root := &dns.Msg{Answer: []dns.RR{&dns.NS{Hdr: dns.RR_Header{Name: "."}, Ns: "ns.test."}}}
	var v validation
	if v.saw(root, "."); v.state.Load() != validatesNot {
		t.Error("the root is not authentic, and nothing else was")
	}
	v.set(validates)
	if v.saw(root, "."); v.state.Load() != validates {
		t.Error("it has shown that it validates")
	}
}
