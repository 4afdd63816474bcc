package config

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"
)

// EffectiveAuthservID returns the configured authserv-id, or the host's name. A
// host name without a domain is completed from /etc/hosts as "hostname -f"
// does. It asks no DNS, because the name must not depend on the DNS's health.
func (c *Config) EffectiveAuthservID() (string, error) {
	if c.AuthservID != "" {
		return c.AuthservID, nil
	}
	name, err := os.Hostname()
	if err != nil {
		return "", fmt.Errorf("the host's name is unknown (%w); set authserv_id or --authserv-id", err)
	}
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	if !strings.Contains(name, ".") {
		if f, err := os.Open("/etc/hosts"); err == nil {
			defer f.Close()
			name = qualify(name, f)
		}
	}
	if _, problem, _ := checkAuthservID(name); problem != "" {
		return "", fmt.Errorf("the host's name %q cannot be an authserv-id; set authserv_id or --authserv-id", name)
	}
	return name, nil
}

// qualify returns the canonical name beside which a hosts file has the name as
// an alias, or else the name itself.
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

// checkAuthservID accepts a name that needs no quoting in an
// Authentication-Results field: the token of RFC 2045 (RFC 8601 section 2.2).
func checkAuthservID(s string) (normal, problem, remedy string) {
	remedy = "write a name such as \"mx.example.org\""
	if len(s) > 253 {
		return "", "is longer than a host name can be", remedy
	}
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 0x7f || strings.IndexByte(`()<>@,;:\"/[]?=`, c) >= 0 {
			return "", cite(s) + " contains a character that it must not", remedy
		}
	}
	if s == "" {
		return "", "is empty", remedy
	}
	if strings.Trim(s, ".") == "" {
		return "", cite(s) + " is no name", remedy
	}
	return s, "", ""
}
