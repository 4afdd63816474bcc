package peers

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// rspamd translates the signing of Rspamd, which goes on with all else that it does.
func (p *Plan) rspamd() {
	if !p.rspamdSealing() && len(p.set[Rspamd]) > 0 {
		return
	}
	if s, ok := p.setting(Rspamd, "enabled"); ok {
		p.item(s, Kept, "")
		if !isTrue(s.Value) {
			return
		}
	}
	p.rspamdFiles()
	p.rspamdServers()
	p.rspamdOrigin()
	esld := Setting{Peer: Rspamd, Name: "use_esld", Value: "true"}
	if s, ok := p.setting(Rspamd, "use_esld"); ok {
		esld = s
	}
	p.draft.putFrom(esld, "sign.subdomains", fmt.Sprint(isTrue(esld.Value)))
	p.item(esld, Changed, "the author's domain is looked for first, then its parents", "sign.subdomains")
	if s, ok := p.setting(Rspamd, "use_domain"); ok {
		outcome, note := Kept, ""
		if s.Value != "header" {
			outcome, note = Changed, noteFrom
		}
		p.item(s, outcome, note)
	}
	p.draft.put("sign.state", quoted("/var/lib/postvet/keys.json"), "Which keys the DNS has shown: only these sign.")
	p.trap(Setting{Peer: Rspamd, Name: "dkim_signing"}, "set enabled = false in local.d/dkim_signing.conf once Postvet signs, and put Postvet behind Rspamd; before, sign.dry_run = true compares both")
}

// uclPath returns a path with Rspamd's own variables replaced.
func uclPath(s string) string {
	s = strings.NewReplacer("$LOCAL_CONFDIR", "/etc/rspamd", "${LOCAL_CONFDIR}", "/etc/rspamd", "$CONFDIR", "/etc/rspamd", "${CONFDIR}", "/etc/rspamd",
		"$DBDIR", "/var/lib/rspamd", "${DBDIR}", "/var/lib/rspamd").Replace(s)
	return strings.TrimPrefix(s, "file://")
}

// rspamdFiles translates keys in files.
func (p *Plan) rspamdFiles() {
	path := Setting{Peer: Rspamd, Name: "path", Value: "/var/lib/rspamd/dkim/$domain.$selector.key"}
	selector := Setting{Peer: Rspamd, Name: "selector", Value: "dkim"}
	for _, s := range []*Setting{&path, &selector} {
		if set, ok := p.setting(Rspamd, s.Name); ok {
			*s = set
		}
	}
	p.draft.putFrom(path, "sign.rspamd.path", quoted(uclPath(path.Value)))
	p.draft.putFrom(selector, "sign.rspamd.selector", quoted(selector.Value))
	p.item(path, Kept, "", "sign.rspamd.path")
	p.item(selector, Kept, "", "sign.rspamd.selector")
	for _, name := range []string{"path_map", "selector_map"} {
		if s, ok := p.setting(Rspamd, name); ok {
			p.draft.putFrom(s, "sign.rspamd."+name, quoted(uclPath(s.Value)))
			p.item(s, Kept, "it is read as it is", "sign.rspamd."+name)
		}
	}
	signing, both := p.setting(Rspamd, "signing_table")
	table, ok := p.setting(Rspamd, "key_table")
	if both && ok {
		for _, s := range []Setting{signing, table} {
			file := "refile:" + uclPath(strings.TrimPrefix(s.Value, "glob;"))
			p.draft.putFrom(s, "sign.opendkim."+s.Name, quoted(file))
			p.item(s, Kept, "it is read as it is", "sign.opendkim."+s.Name)
		}
	}
	p.rspamdDomains(path, selector)
}

// rspamdDomains translates the section domain: for each name a path and a selector, or a
// list of both.
func (p *Plan) rspamdDomains(path, selector Setting) {
	type one struct {
		path, selector string
		from           Setting
	}
	found := map[string]*one{}
	var order []string
	settings := p.inOrder(Rspamd)
	slices.SortStableFunc(settings, func(a, b Setting) int { return cmp.Or(a.Line-b.Line, strings.Compare(a.Name, b.Name)) })
	for _, s := range settings {
		part := strings.Fields(s.Name)
		if part[0] != "domain" || len(part) < 3 {
			continue
		}
		key, last := strings.Join(part[1:len(part)-1], " "), part[len(part)-1]
		if found[key] == nil {
			found[key] = &one{path.Value, selector.Value, s}
			order = append(order, key)
		}
		switch last {
		case "path":
			found[key].path = s.Value
		case "selector":
			found[key].selector = s.Value
		default:
			continue
		}
		p.item(s, Kept, "", "sign.files")
	}
	var entries []string
	for _, key := range order {
		domain, _, _ := strings.Cut(strings.ToLower(key), " ")
		file := strings.NewReplacer("$domain", domain, "$selector", found[key].selector).Replace(uclPath(found[key].path))
		entries = append(entries, domain+":"+found[key].selector+":"+file)
		p.draft.putFrom(found[key].from, "sign.files", "")
	}
	if len(entries) > 0 {
		p.lists["sign.files"] = entries
	}
}

// rspamdServers translates keys in Redis and Vault.
func (p *Plan) rspamdServers() {
	if s, ok := p.setting(Rspamd, "use_redis"); ok {
		servers, named := p.setting(Rspamd, "servers")
		p.item(s, Kept, "", "sign.redis.address")
		if isTrue(s.Value) {
			address := "127.0.0.1:6379"
			if named {
				address, _, _ = strings.Cut(servers.Value, ",")
				if strings.HasPrefix(address, "/") {
					address = "unix:" + address
				}
				if address == "localhost" || address == "127.0.0.1" {
					address += ":6379"
				}
				p.item(servers, Changed, "one server; another machine needs TLS (tls://)", "sign.redis.address")
			} else {
				p.trap(s, "the server stands in redis.conf: write it into sign.redis.address")
			}
			p.draft.putFrom(s, "sign.redis.address", quoted(address))
		}
	}
	for name, key := range map[string]string{"key_prefix": "sign.redis.keys", "selector_prefix": "sign.redis.selectors"} {
		if s, ok := p.setting(Rspamd, name); ok {
			p.draft.putFrom(s, key, quoted(s.Value))
			p.item(s, Kept, "", key)
		}
	}
	if s, ok := p.setting(Rspamd, "db"); ok {
		p.draft.putFrom(s, "sign.redis.database", s.Value)
		p.item(s, Kept, "", "sign.redis.database")
	}
	if s, ok := p.setting(Rspamd, "vault_url"); ok {
		p.draft.putFrom(s, "sign.vault.url", quoted(s.Value))
		p.draft.put("sign.vault.token_file", quoted("/etc/postvet/vault.token"), "The token belongs into this file.")
		p.item(s, Kept, "", "sign.vault.url", "sign.vault.token_file")
		if v, ok := p.setting(Rspamd, "vault_path"); ok {
			p.draft.putFrom(v, "sign.vault.path", quoted(v.Value))
			p.item(v, Kept, "", "sign.vault.path")
		}
		if v, ok := p.setting(Rspamd, "vault_kv_version"); ok {
			p.draft.putFrom(v, "sign.vault.kv", v.Value)
			p.item(v, Kept, "", "sign.vault.kv")
		}
	}
	if s, ok := p.setting(Rspamd, "use_vault"); ok {
		p.item(s, Kept, "", "sign.vault.url")
	}
}

// rspamdOrigin translates whose mail is signed.
func (p *Plan) rspamdOrigin() {
	local := true
	if s, ok := p.setting(Rspamd, "sign_local"); ok {
		local = isTrue(s.Value)
		p.draft.putFrom(s, "sign.local", fmt.Sprint(local))
		p.item(s, Kept, "what came to this machine from outside before is not signed (sign.relayed)", "sign.local", "sign.networks")
	}
	var networks []string
	if local {
		networks = slices.Clone(byDefault)
	}
	if s, ok := p.setting(Rspamd, "sign_networks"); ok {
		for one := range strings.SplitSeq(uclPath(s.Value), ",") {
			if one = strings.TrimSpace(one); strings.HasPrefix(one, "/") {
				one = "file:" + one
			}
			networks = append(networks, one)
		}
		p.item(s, Kept, "", "sign.networks")
	}
	if len(networks) > 0 {
		p.draft.put("sign.networks", quotedList(networks), "Rspamd signed what these hosts send.")
	}
}
