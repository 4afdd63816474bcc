//go:build linux

package main

import (
	"context"
	"strings"
	"time"

	"github.com/postvet/postvet/dnscache/dnstest"
)

// validating are the lines that have a program validate by the key ANCHOR of the root,
// without a reason in what it refuses.
var validating = map[string]string{
	"unbound":       "  module-config: \"validator iterator\"\n  trust-anchor: \". DS ANCHOR\"\n",
	"named":         "  dnssec-validation yes;\n};\ntrust-anchors {\n  . static-ds QUOTED;\n",
	"kresd":         "trust_anchors.add('. DS ANCHOR')\n",
	"pdns_recursor": "dnssec=validate\nlua-config-file=" + dir + "/trust.lua\n",
}

// halfSigned has the program of the cell validate a signed zone, in which the records of
// one domain are bogus, and beside it a resolver that does not.
func halfSigned(ctx context.Context, s *site) error {
	anchor, err := s.server.Sign(bogus)
	if err != nil {
		return err
	}
	x, err := s.run(ctx, s.program, anchored(s.lines, anchor))
	if err != nil {
		return err
	}
	s.options.Upstreams = []string{x.setting.addr.String()}
	return besideCredulous(ctx, s)
}

// anchored returns the setting of a program that validates by a key of the root, of which
// anchor is the DS record.
func anchored(lines, anchor string) setting {
	f := strings.Fields(anchor) // ". 3600 IN DS tag algorithm type digest"
	f = f[len(f)-4:]
	anchor = strings.Join(f, " ")
	f[3] = "\"" + f[3] + "\""
	return setting{
		lines: strings.NewReplacer("ANCHOR", anchor, "QUOTED", strings.Join(f, " ")).Replace(lines),
		files: map[string]string{"trust.lua": "clearTA('.')\naddTA('.', \"" + anchor + "\")\n"},
	}
}

// halfValidating is halfSigned with an unbound that says what is wrong.
func halfValidating(ctx context.Context, s *site) error {
	s.lines = validating["unbound"] + "  ede: yes\n"
	return halfSigned(ctx, s)
}

// besideCredulous puts a dnsmasq that does not validate behind the program. It is slower, so
// that it is asked second.
func besideCredulous(ctx context.Context, s *site) error {
	other, err := dnstest.NewServer(s.zone)
	if err != nil {
		return err
	}
	s.closers = append(s.closers, func() { other.Close() })
	other.SetDelay(100 * time.Millisecond)
	x, err := s.run(ctx, find("dnsmasq"), setting{behind: address(other.Addr())})
	if err == nil {
		s.options.Upstreams = append(s.options.Upstreams, x.setting.addr.String())
	}
	return err
}
