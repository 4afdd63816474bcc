package dnscache

import (
	"os"
	"path/filepath"
	"testing"
)

// The resolvers of a resolv.conf with "options trust-ad" are trusted, also if the file says
// so later, unless the configuration trusts none.
func TestTrustOfResolvConf(t *testing.T) {
	t.Parallel()
	const servers = "nameserver 192.0.2.1\nnameserver 127.0.0.1\n"
	for _, c := range []struct {
		trust  Trust
		text   string
		remote bool
		local  bool
	}{
		{TrustLocal, servers, false, true},
		{TrustLocal, servers + "options edns0 trust-ad\n", true, true},
		{TrustLocal, servers + "#options trust-ad\noptions no-trust-ad\n", false, true},
		{TrustAll, servers, true, true},
		{TrustNone, servers + "options trust-ad\n", false, false},
	} {
		file := filepath.Join(t.TempDir(), "resolv.conf")
		for _, before := range []string{servers, c.text} {
			if err := os.WriteFile(file, []byte(before), 0o600); err != nil {
				t.Fatal(err)
			}
			us := &upstreams{opt: Options{ResolvConf: file, TrustAD: c.trust}}
			if o, err := us.opt.withDefaults(); err == nil {
				us.opt = o
			}
			us.init()
			if err := os.WriteFile(file, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			us.readConf()
			list := *us.list.Load()
			if len(list) != 2 || list[0].trusted != c.remote || list[1].trusted != c.local {
				t.Errorf("%q, trust %d: remote %v, local %v", c.text, c.trust, list[0].trusted, list[1].trusted)
			}
		}
	}
}
