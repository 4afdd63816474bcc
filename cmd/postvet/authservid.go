package main

import (
	"bufio"
	"io"
	"os"
	"strings"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
)

// authservID returns the name in force: the configured one, or the host's. A
// host name without a domain is completed from /etc/hosts as "hostname -f"
// does; the DNS is not asked, because the name must not depend on its health.
func authservID(c *config.Config) (string, error) {
	if c.AuthservID != "" {
		return c.AuthservID, nil
	}
	name, err := os.Hostname()
	if err != nil {
		return "", failed("the host's name is unknown (%v); set authserv_id or --authserv-id", err)
	}
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	if !strings.Contains(name, ".") {
		if f, err := os.Open("/etc/hosts"); err == nil {
			defer f.Close()
			name = qualify(name, f)
		}
	}
	if err := config.Default().SetFlag("host name", "authserv_id", name); err != nil || name == "" {
		return "", failed("the host's name %q cannot be an authserv-id; set authserv_id or --authserv-id", name)
	}
	return name, nil
}

// qualify looks for the name among the aliases of a hosts file and returns the
// canonical name beside it, or the name itself.
func qualify(name string, hosts io.Reader) string {
	const most = 1 << 20
	sc := bufio.NewScanner(io.LimitReader(hosts, most))
	for sc.Scan() {
		line, _, _ := strings.Cut(sc.Text(), "#")
		fields := strings.Fields(line)
		if len(fields) < 3 {
			continue
		}
		for _, alias := range fields[2:] {
			full := strings.ToLower(strings.TrimSuffix(fields[1], "."))
			if strings.EqualFold(alias, name) && strings.HasPrefix(full, name+".") {
				return full
			}
		}
	}
	return name
}
