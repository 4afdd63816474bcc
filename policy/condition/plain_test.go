package condition

import (
	"testing"
)

func newTest(t *testing.T, key string, entries ...string) *Test {
	t.Helper()
	k, ok := KeyNamed(key)
	if !ok {
		t.Fatalf("no key %q", key)
	}
	test, problem, remedy := NewTest(k, entries, Lists{})
	if problem != "" {
		t.Fatalf("%s %q: %s; %s", key, entries, problem, remedy)
	}
	return test
}

func TestPlainKeys(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		key     string
		entries []string
		want    bool
	}{
		{"client", []string{"192.0.2.0/24"}, true},
		{"client", []string{"192.0.2.7"}, true},
		{"client", []string{"2001:db8::/32", "198.51.100.1"}, false},
		{"client", []string{"192.0.2.0/24", "!192.0.2.7"}, false},
		{"client", []string{"!198.51.100.0/24"}, true},
		{"listener", []string{"smtp"}, true},
		{"listener", []string{"inet:127.0.0.1:8890", "other"}, true},
		{"listener", []string{"!inet:127.0.0.1:8890"}, false},
		{"listener", []string{"!other"}, true},
		{"relay", []string{"192.0.2.0/24"}, false},
		{"ptr", []string{"mx.example.org"}, true},
		{"ptr", []string{"example.org"}, false},
		{"ptr", []string{".example.org"}, true},
		{"ptr", []string{"*.example.org"}, true},
		{"ptr", []string{".mx.example.org"}, false},
		{"ptr", []string{"MX.Example.ORG."}, true},
		{"mail_from", []string{"lists.example.org"}, true},
		{"mail_from", []string{"ann@lists.example.org"}, true},
		{"mail_from", []string{"ANN@LISTS.example.org"}, true},
		{"mail_from", []string{"eve@lists.example.org"}, false},
		{"mail_from", []string{".example.org", "!ann@lists.example.org"}, false},
		{"to", []string{"bob@here.example"}, true},
		{"to", []string{"here.example"}, true},
		{"to", []string{"there.example"}, false},
		{"to", []string{"here.example", "!eve@here.example"}, false},
		{"to", []string{"!there.example"}, true},
		{"from", []string{"bank.example", ".bank.example"}, true},
		{"from", []string{"bänk.example"}, false},
		{"dmarc", []string{"fail", "temperror"}, true},
		{"dmarc", []string{"!pass"}, true},
		{"dmarc", []string{"!fail"}, false},
		{"sealer", []string{"example.org"}, true},
		{"signer", []string{"bank.example"}, false},
		{"list_id", []string{".lists.example.org"}, true},
		{"user", []string{"jane"}, false},
		{"user", []string{"!jane"}, true},
		{"dmarc_policy", []string{"reject"}, true},
	} {
		if got := newTest(t, tt.key, tt.entries...).Holds(spoofed()); got != tt.want {
			t.Errorf("%s %q: %v", tt.key, tt.entries, got)
		}
	}
	for _, k := range keys {
		if k.Bool() != (k.not != "") {
			t.Errorf("%s has no words for false", k.Name)
		}
	}
	list, _ := KeyNamed("list")
	if !NewBool(list, true).Holds(spoofed()) || NewBool(list, false).Holds(spoofed()) {
		t.Error("list")
	}
	// An ARC chain that does not pass proves no sealer.
	f := spoofed()
	f.ARC = "fail"
	if newTest(t, "sealer", "example.org").Holds(f) {
		t.Error("a sealer of a broken chain")
	}
	// A client without an address passes no test of its address.
	if newTest(t, "client", "0.0.0.0/0", "::/0").Holds(&Facts{}) || newTest(t, "client", "!192.0.2.1").Holds(&Facts{}) {
		t.Error("a client without an address")
	}
	// A client without a verified name has none of the names.
	if newTest(t, "ptr", ".example.org").Holds(&Facts{}) || !newTest(t, "ptr", "!.example.org").Holds(&Facts{}) {
		t.Error("a client without a name")
	}
}

func TestPlainKeysRefuse(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		key     string
		entries []string
		want    string
	}{
		{"client", nil, "is empty, so that the rule could never match; write at least one entry, or leave the key out"},
		{"client", []string{"mx.example.org"}, `"mx.example.org" is no address and no prefix; write one such as "192.0.2.0/24" or "2001:db8::/32"`},
		{"client", []string{"192.0.2.1", "!192.0.2.0/24"}, `excludes all that it lists, so that the rule could never match; remove the entries with "!", or the others`},
		{"ptr", []string{"a..b"}, `"a..b" is no domain; write one such as "example.org", or ".example.org" for all below it`},
		{"from", []string{"user@example.org"}, `"user@example.org" is an address where a domain is expected; write the domain alone`},
		{"from", []string{"a.example.org", "!.example.org"}, `excludes all that it lists, so that the rule could never match; remove the entries with "!", or the others`},
		{"to", []string{"@example.org"}, `"@example.org" is no address; write one such as "user@example.org"`},
		{"to", []string{"user@example.org", "!example.org"}, `excludes all that it lists, so that the rule could never match; remove the entries with "!", or the others`},
		{"dmarc", []string{"failed"}, `"failed" is not known; did you mean fail?`},
		{"dmarc", []string{"fail", "!fail"}, `excludes all that it lists, so that the rule could never match; remove the entries with "!", or the others`},
		{"arc", []string{"!none", "!pass", "!fail", "!temperror"}, "excludes every word, so that the rule could never match; write those that are meant"},
		{"user", []string{""}, `"" is no entry; leave it out`},
	} {
		k, _ := KeyNamed(tt.key)
		_, problem, remedy := NewTest(k, tt.entries, Lists{})
		if got := problem + "; " + remedy; got != tt.want {
			t.Errorf("%s %q:\ngot  %s\nwant %s", tt.key, tt.entries, got, tt.want)
		}
	}
}

func TestContradiction(t *testing.T) {
	t.Parallel()
	bool2 := func(key string, want bool) *Test {
		k, _ := KeyNamed(key)
		return NewBool(k, want)
	}
	for _, tt := range []struct {
		name   string
		tests  []*Test
		source string
		want   string
	}{
		{"none", []*Test{newTest(t, "dmarc", "fail")}, `list and arc == "pass"`, ""},
		{"key and expression", []*Test{newTest(t, "dmarc", "pass")}, `dmarc in ["fail", "none"] and list`, "dmarc"},
		{"excluded", []*Test{newTest(t, "dmarc", "!fail")}, `dmarc == "fail"`, "dmarc"},
		{"within the expression", nil, `dmarc == "fail" and size > 1 and dmarc == "pass"`, "dmarc"},
		{"or", nil, `dmarc == "fail" or dmarc == "pass"`, ""},
		{"truth", []*Test{bool2("list", true)}, `not list`, "list"},
		{"null sender", []*Test{bool2("null_sender", true), newTest(t, "mail_from", "example.org")}, "", "null_sender"},
		{"user", []*Test{bool2("authenticated", false), newTest(t, "user", "jane")}, "", "authenticated"},
		{"sealer", []*Test{newTest(t, "sealer", "example.org"), newTest(t, "arc", "fail")}, "", "arc"},
		{"domains", nil, `from == "a.example" and from == "b.example"`, "from"},
	} {
		var c *Condition
		if tt.source != "" {
			var err error
			if c, err = Compile(tt.source, Options{}); err != nil {
				t.Fatal(err)
			}
		}
		if got := Contradiction(tt.tests, c); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}
