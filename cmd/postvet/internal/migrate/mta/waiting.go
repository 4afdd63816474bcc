package mta

import (
	"slices"
	"time"
)

// asking is a service that asks Postvet.
type asking struct {
	service Service
	cf      MainCF // as the service sees it
	milter  Milter // Postvet's entry in its list
}

// setting is how a service deals with Postvet in one respect, such as how long
// it waits.
type setting struct {
	// where names the service where services differ; "" if it goes for all.
	where       string
	name, value string
	// at is where the value stands if that is not main.cf.
	at string
}

// is writes the setting as it stands, want as it should.
func (s setting) is() string { return s.want(s.value) }

func (s setting) want(value string) string {
	switch {
	case s.at == "":
		return "milter_" + s.name + " = " + value
	case s.at == inEntry:
		return s.name + "=" + value + s.at
	}
	return "milter_" + s.name + "=" + value + s.at
}

// what names the setting without its value.
func (s setting) what() string {
	if s.at == inEntry {
		return s.where + s.name + s.at
	}
	return s.where + "milter_" + s.name + s.at
}

// Where a value stands beside main.cf.
const (
	inEntry  = " in Postvet's entry of smtpd_milters"
	inMaster = " in master.cf"
)

// setting returns what holds for Postvet: what its entry in the list says, else
// the parameter as the service sees it (MILTER_README, "Advanced policy").
func (a asking) setting(name, byDefault string) setting {
	s := setting{name: name, value: a.cf.Value("milter_"+name, byDefault)}
	if own, ok := a.milter.Settings[name]; ok {
		s.value, s.at = own, inEntry
	} else if _, ok := a.service.Options["milter_"+name]; ok {
		s.at = inMaster
	}
	return s
}

// settings returns a setting as all the services have it, or that of each where
// they differ.
func settings(all []asking, name, byDefault string) []setting {
	list := make([]setting, len(all))
	for i, a := range all {
		list[i] = a.setting(name, byDefault)
	}
	if !slices.ContainsFunc(list, func(s setting) bool { return s != list[0] }) {
		return list[:1]
	}
	for i, a := range all {
		list[i].where = "smtpd on " + a.service.Name + ": "
	}
	return list
}

// waiting judges what the services that ask Postvet do while they wait for it,
// and when it is not there.
func (f *Findings) waiting(all []asking, ours Ours) {
	for _, s := range settings(all, "default_action", "tempfail") {
		f.away(s)
	}
	for _, s := range settings(all, "protocol", "6") {
		if s.value == "6" {
			f.ok(s.where + "milter_protocol is 6")
		} else {
			f.error(s.where+s.is()+" hides white space that DKIM signatures cover", s.want("6"))
		}
	}
	for _, s := range settings(all, "content_timeout", "300s") {
		f.patience(s.what(), seconds(s.value, time.Second), ours.VerdictTimeout, s.want("300s")+", or a lower limits.verdict_timeout")
	}
	if ours.EarlyTimeout == 0 {
		return // nothing but the end of a message is waited for
	}
	for _, s := range settings(all, "command_timeout", "30s") {
		f.patience(s.what(), seconds(s.value, time.Second), ours.EarlyTimeout, s.want("30s")+", or policy.spf_early = false")
	}
}

// away judges what becomes of mail while Postvet is not there.
func (f *Findings) away(s setting) {
	switch s.value {
	case "tempfail":
		f.ok(s.where + "mail waits while Postvet is away (" + s.is() + ")")
	case "accept":
		f.error(s.where+"mail passes unchecked while Postvet is away, with forged results inside ("+s.is()+")", s.want("tempfail"))
	case "reject":
		f.error(s.where+"mail is refused for good while Postvet is away ("+s.is()+")", s.want("tempfail"))
	default:
		f.warn(s.where+"while Postvet is away, "+s.is(), s.want("tempfail")+", so that mail waits")
	}
}
