package sql

import (
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
)

// TestSecure: over a network every connection checks the certificate for the host's name,
// whatever the DSN says.
func TestSecure(t *testing.T) {
	t.Parallel()
	for _, dsn := range []string{
		"host=db.example.org user=x", "host=db.example.org user=x sslmode=disable", "host=db.example.org user=x sslmode=allow",
		"postgres://x@db.example.org/mail?sslmode=require", "host=192.0.2.7,/run/postgresql,db.example.org user=x",
	} {
		c, err := pgxpool.ParseConfig(dsn)
		if err != nil {
			t.Fatal(err)
		}
		cc := &c.ConnConfig.Config
		if err := New(Options{}).secure(cc); err != nil {
			t.Fatal(err)
		}
		check := func(host string, name string, insecure bool) {
			if !isThisMachine(host) && (name != host || insecure) {
				t.Errorf("%s: %s is asked with the name %q, unchecked %v", dsn, host, name, insecure)
			}
		}
		if cc.TLSConfig == nil {
			t.Fatalf("%s: no TLS", dsn)
		}
		check(cc.Host, cc.TLSConfig.ServerName, cc.TLSConfig.InsecureSkipVerify)
		for _, f := range cc.Fallbacks {
			if isThisMachine(f.Host) {
				continue
			}
			if f.TLSConfig == nil {
				t.Fatalf("%s: no TLS to %s", dsn, f.Host)
			}
			check(f.Host, f.TLSConfig.ServerName, f.TLSConfig.InsecureSkipVerify)
		}
	}
}
