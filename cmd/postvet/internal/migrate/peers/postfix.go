package peers

import (
	"fmt"
	"slices"
	"strings"

	"github.com/postvet/postvet/cmd/postvet/internal/migrate/mta"
)

// EditPostfix returns what to change in main.cf so that Postvet takes the place of
// the peers. socket is where Postvet listens, in Postfix's notation.
func (p *Plan) EditPostfix(file string, text, socket string) Edit {
	e := Edit{File: file, Lines: []EditLine{}, Then: "postfix check && postfix reload"}
	cf := mta.ParseMainCF(text)
	list := mta.ParseMilters(cf.Value("smtpd_milters", ""))
	now, gone := p.replace(list, mta.Milter{Socket: socket, Entry: socket})
	e.setParameter(cf, "smtpd_milters", names(now))
	e.Notes = p.notes(list, gone)

	// Local submissions are exempt: they need a signer, and no verifier.
	local := mta.ParseMilters(cf.Value("non_smtpd_milters", ""))
	kept := slices.DeleteFunc(slices.Clone(local), func(m mta.Milter) bool { return !p.isKept(m) })
	switch {
	case p.Signs && !p.KeepsSigner && p.listed(p.signer, local):
		now, _ := p.replace(local, mta.Milter{Socket: socket, Entry: socket})
		e.setParameter(cf, "non_smtpd_milters", names(now))
	case len(kept) < len(local):
		e.setParameter(cf, "non_smtpd_milters", names(kept))
	}

	if a := cf.Value("milter_default_action", "tempfail"); a != "tempfail" {
		e.setParameter(cf, "milter_default_action", "tempfail")
		e.Notes = append(e.Notes, fmt.Sprintf("milter_default_action = %s decides about all mail while Postvet is away; accept lets it pass unchecked, with forged results inside", a))
	}
	if v := cf.Value("milter_protocol", "6"); v != "6" {
		e.setParameter(cf, "milter_protocol", "6")
		e.Notes = append(e.Notes, "milter_protocol = "+v+" hides white space that DKIM signatures cover")
	}
	for _, name := range []string{"smtpd_recipient_restrictions", "smtpd_relay_restrictions", "smtpd_sender_restrictions", "smtpd_client_restrictions", "smtpd_helo_restrictions", "smtpd_data_restrictions"} {
		if v := cf.Value(name, ""); strings.Contains(v, "check_policy_service") && strings.Contains(v, "spf") {
			e.Notes = append(e.Notes, name+" asks a policy service for SPF: take that check_policy_service out, then its service out of master.cf, as Postvet does its work")
		}
	}
	e.Notes = append(e.Notes, "master.cf may set smtpd_milters for single services with -o (submission): look there too")
	return e
}

// setParameter adds or replaces a parameter if its value changes.
func (e *Edit) setParameter(cf mta.MainCF, name, value string) {
	line := name + " = " + value
	if value == "" {
		line = name + " ="
	}
	old, _ := cf.Get(name)
	if cf.Value(name, "") != value || old.Name == "" {
		e.Lines = append(e.Lines, EditLine{old.Line, old.Raw, line})
	}
}
