package peers

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/postvet/postvet/policy/dkim"
)

// keptSigning returns why the peer that signs must go on signing: its keys are where Postvet does not
// look for them. It returns the setting, and "" if Postvet takes the signing over.
func (p *Plan) keptSigning() (s Setting, why string) {
	if s, ok := p.setting(p.signer, "SetupPolicyScript"); ok {
		return s, "a script decides who signs"
	}
	for _, name := range []string{"SigningTable", "KeyTable"} {
		s, ok := p.setting(p.signer, name)
		if scheme, _, found := strings.Cut(s.Value, ":"); ok && found && isDatabase(scheme) {
			return s, "the " + name + " is in a database (" + scheme + "); write it into a text file, or see [sign.sql]"
		}
	}
	_, signing := p.setting(p.signer, "SigningTable")
	if s, keys := p.setting(p.signer, "KeyTable"); keys != signing {
		return s, "it has a KeyTable or a SigningTable without the other"
	}
	if signing {
		return Setting{}, ""
	}
	file, domain := p.effective(p.signer, "KeyFile"), p.effective(p.signer, "Domain")
	if !strings.HasPrefix(file.Value, "/") {
		return file, "the path of its key is not absolute"
	}
	if list, listed := p.members(p.signer, "Domain"); !listed || len(list) == 0 {
		return domain, "its domains cannot be read; name them in Domain, or write sign.files by hand"
	}
	return Setting{}, ""
}

// signing translates who signs, as whom and how.
func (p *Plan) signing() {
	p.signingKeys()
	p.signingOrigin()
	p.signedFields()
	if s, ok := p.setting(p.signer, "SignatureTTL"); ok {
		n := min(max(integer(s), 0), 8760*3600)
		p.draft.putFrom(s, "sign.expires", seconds(n))
		p.item(s, Kept, "", "sign.expires")
	} else {
		p.differs(p.effective(p.signer, "Mode"), "signatures expire after 7 days; opendkim's did not (sign.expires)")
	}
	if s, ok := p.setting(p.signer, "RequireSafeKeys"); ok {
		if isTrue(s.Value) {
			p.item(s, Kept, "", "sign.key_permissions")
		} else {
			p.draft.putFrom(s, "sign.key_permissions", quoted("warn"))
			p.item(s, Kept, "", "sign.key_permissions")
		}
	}
	if s, ok := p.setting(p.signer, "On-SignatureError"); ok {
		if strings.HasPrefix(strings.ToLower(s.Value), "a") {
			p.draft.putFrom(s, "sign.on_key_error", quoted("unsigned"))
			p.item(s, Kept, "", "sign.on_key_error")
		} else {
			p.item(s, Changed, "a message whose key cannot be read is deferred", "sign.on_key_error")
		}
	}
	p.draft.put("sign.state", quoted("/var/lib/postvet/keys.json"), "Which keys the DNS has shown: only these sign.")
	p.differs(p.effective(p.signer, "Mode"), "a key signs once the DNS shows it, and a user may only write as a domain that signs for the login or the sender too (sign.sender_match); opendkim asked neither")
}

// signingKeys translates where the keys are. With tables, opendkim asks for no other key.
func (p *Plan) signingKeys() {
	table, ok := p.setting(p.signer, "SigningTable")
	single := []string{"Domain", "KeyFile", "Selector"}
	if ok {
		keyTable := p.effective(p.signer, "KeyTable")
		p.draft.putFrom(table, "sign.opendkim.signing_table", quoted(table.Value))
		p.draft.putFrom(keyTable, "sign.opendkim.key_table", quoted(keyTable.Value))
		p.item(table, Kept, "it is read as it is", "sign.opendkim.signing_table")
		p.item(keyTable, Kept, "it is read as it is", "sign.opendkim.key_table")
		p.trap(keyTable, "the keys and tables must stay when opendkim is purged, and the service's user must be able to read them: chgrp postvet and chmod 0640 each key file; \"postvet check --sign\" tries one")
		if s, ok := p.setting(p.signer, "MultipleSignatures"); ok {
			p.draft.putFrom(s, "sign.opendkim.multiple", fmt.Sprint(isTrue(s.Value)))
			p.item(s, Kept, "", "sign.opendkim.multiple")
		}
		p.draft.putFrom(table, "sign.subdomains", "false", "The table says which subdomains are signed.")
		for _, name := range append(single, "SubDomains") {
			if s, ok := p.setting(p.signer, name); ok {
				p.item(s, Changed, "it had no effect beside the tables")
			}
		}
		return
	}
	file, selector := p.effective(p.signer, "KeyFile"), p.effective(p.signer, "Selector")
	if selector.Value == "" {
		selector.Value = "default"
	}
	domains, _ := p.members(p.signer, "Domain")
	var entries []string
	for _, d := range domains {
		entries = append(entries, strings.ToLower(d)+":"+selector.Value+":"+file.Value)
	}
	p.draft.putFrom(file, "sign.files", quotedList(entries))
	for _, name := range single {
		if s, ok := p.setting(p.signer, name); ok {
			p.item(s, Kept, "", "sign.files")
		}
	}
	p.trap(file, "the key must stay when opendkim is purged, and the service's user must be able to read it: chgrp postvet and chmod 0640 %s", file.Value)
	s := p.effective(p.signer, "SubDomains")
	p.draft.putFrom(s, "sign.subdomains", fmt.Sprint(isTrue(s.Value)))
	p.item(s, Kept, "", "sign.subdomains")
	if s, ok := p.setting(p.signer, "MultipleSignatures"); ok {
		p.item(s, Changed, "it had no effect without a SigningTable")
	}
}

// members returns the members of a peer's list with those of the files it names; listed is false
// if it cannot be read.
func (p *Plan) members(peer Peer, name string) (list []string, listed bool) {
	s := p.effective(peer, name)
	e, why := parseDataset(s.Value)
	listed = why == ""
	for _, one := range e {
		path, isFile := strings.CutPrefix(one, "file:")
		if !isFile {
			list = append(list, one)
			continue
		}
		known, read := p.files[path]
		listed = listed && read
		for _, entry := range known {
			list = append(list, entry.Text)
		}
	}
	return list, listed
}

// signingOrigin translates whose mail is signed.
func (p *Plan) signingOrigin() {
	s := p.effective(p.signer, "InternalHosts")
	hosts, listed := p.members(p.signer, "InternalHosts")
	var networks, names []string
	loopback := false
	for _, h := range hosts {
		switch {
		case h == "-":
		case !isAddress(h):
			loopback = loopback || strings.EqualFold(h, "localhost")
			if !strings.EqualFold(h, "localhost") {
				names = append(names, h)
			}
		default:
			networks = append(networks, h)
			loopback = loopback || holdsLoopback(h)
		}
	}
	p.draft.putFrom(s, "sign.networks", quotedList(networks))
	if !loopback {
		p.draft.putFrom(s, "sign.local", "false", "This machine is not among the hosts.")
	}
	switch {
	case !listed:
		p.item(s, NoCounterpart, "its file cannot be read: write the addresses into sign.networks", "sign.networks")
	case len(names) > 0:
		p.item(s, Changed, "without "+some(names)+": a name proves nothing about who wrote; let these hosts log in, or list their addresses", "sign.networks")
	default:
		p.item(s, Kept, "what came to these hosts from outside before is not signed (sign.relayed)", "sign.networks")
	}
	var daemons []string
	if m, ok := p.setting(p.signer, "MTA"); ok {
		e, _ := parseDataset(m.Value)
		daemons = append(daemons, e...)
		p.draft.putFrom(m, "sign.listeners", "")
		p.item(m, Kept, "", "sign.listeners")
	}
	if m, ok := p.setting(p.signer, "MacroList"); ok {
		p.trap(m, "in opendkim MacroList names mail of your own; in pyspf-milter the same word names mail from outside")
		e, _ := parseDataset(m.Value)
		var others []string
		for _, one := range e {
			name, values, _ := strings.Cut(strings.Replace(one, "=", "|", 1), "|")
			if strings.Trim(name, "{}") != "daemon_name" || values == "" {
				others = append(others, one)
				continue
			}
			daemons = append(daemons, strings.Split(values, "|")...)
			p.draft.putFrom(m, "sign.listeners", "")
		}
		switch {
		case len(others) == 0:
			p.item(m, Kept, "", "sign.listeners")
		case slices.Equal(others, []string{"auth_authen"}) || slices.Equal(others, []string{"{auth_authen}"}):
			p.item(m, Kept, "mail of users who log in is signed in any case", "sign.listeners")
		default:
			p.item(m, NoCounterpart, "logins are known without it; a listener of its own for your users goes into sign.listeners ("+some(others)+")", "sign.listeners")
		}
	}
	if len(daemons) > 0 {
		p.lists["sign.listeners"] = daemons
	}
}

// holdsLoopback reports whether an address or network is that of this machine.
func holdsLoopback(entry string) bool {
	for _, own := range []string{"127.0.0.1", "::1"} {
		a := netip.MustParseAddr(own)
		if prefix, err := netip.ParsePrefix(entry); err == nil && prefix.Contains(a) {
			return true
		}
		if host, err := netip.ParseAddr(strings.Trim(entry, "[]")); err == nil && host == a {
			return true
		}
	}
	return false
}

// some returns the first of a list.
func some(list []string) string {
	const most = 5
	if n := len(list); n > most {
		return strings.Join(list[:most], ", ") + fmt.Sprintf(" and %d more", n-most)
	}
	return strings.Join(list, ", ")
}

// signedFields lists what of the choice of fields and forms is other in Postvet.
func (p *Plan) signedFields() {
	if s, ok := p.setting(p.signer, "Canonicalization"); ok {
		outcome, note := Kept, ""
		if !strings.EqualFold(s.Value, "relaxed/relaxed") {
			outcome, note = Changed, "relaxed/relaxed: simple breaks at the first server that folds a line"
		}
		p.item(s, outcome, note)
	}
	if s, ok := p.setting(p.signer, "SignatureAlgorithm"); ok {
		outcome, note := Kept, ""
		if !strings.EqualFold(s.Value, "rsa-sha256") {
			outcome, note = Changed, "rsa-sha256, and Ed25519 beside it (sign.ed25519): receivers ignore SHA-1 (RFC 8301), and many Ed25519 alone"
		}
		p.item(s, outcome, note, "sign.ed25519")
	}
	signed, oversigned := map[string]bool{}, map[string]bool{}
	for _, f := range dkim.DefaultFields() {
		signed[strings.ToLower(f.Name)] = true
		oversigned[strings.ToLower(f.Name)] = f.Cover != dkim.Present
	}
	for _, o := range []struct {
		name    string
		covered map[string]bool
		lacks   string
	}{{"SignHeaders", signed, "does not sign"}, {"OversignHeaders", oversigned, "does not oversign"}} {
		s, ok := p.setting(p.signer, o.name)
		if !ok {
			continue
		}
		e, _ := parseDataset(s.Value)
		var lost []string
		for _, name := range e {
			if name = strings.ToLower(strings.TrimPrefix(name, "+")); name != "*" && !strings.HasPrefix(name, "-") && !o.covered[name] {
				lost = append(lost, name)
			}
		}
		outcome, note := Kept, "sign.fields = \"default\" covers these and more"
		if len(lost) > 0 {
			outcome, note = Changed, "sign.fields = \"default\" covers these and more, but "+o.lacks+" "+some(lost)
		}
		p.item(s, outcome, note, "sign.fields")
	}
	if s, ok := p.setting(p.signer, "OmitHeaders"); ok {
		p.item(s, Changed, "the fields of sign.fields are signed", "sign.fields")
	}
	if s, ok := p.setting(p.signer, "SenderHeaders"); ok {
		outcome, note := Kept, ""
		if !strings.EqualFold(s.Value, "From") {
			outcome, note = Changed, "From alone says who signs: DMARC compares no other field"
		}
		p.item(s, outcome, note)
	}
}
