package mta

import "slices"

// smtpd is a service of Postfix that asks Postvet.
type smtpd struct {
	service service
	cf      MainCF // as the service sees it
	milter  Milter // Postvet's entry in its list
}

// setting is how a service deals with Postvet in one respect, such as how long it
// waits.
type setting struct {
	// where names the service if services differ; "" if they do not.
	where       string
	name, value string
	// at is the place of the value; "" is main.cf.
	at string
}

// The places of a value besides main.cf.
const (
	inEntry  = " in Postvet's entry of smtpd_milters"
	inMaster = " in master.cf"
)

// String returns the setting as it is written.
func (s setting) String() string { return s.with(s.value) }

// with returns the setting as it would be written with another value.
func (s setting) with(value string) string {
	switch {
	case s.at == "":
		return "milter_" + s.name + " = " + value
	case s.at == inEntry:
		return s.name + "=" + value + s.at
	}
	return "milter_" + s.name + "=" + value + s.at
}

// what returns the setting's name and place.
func (s setting) what() string {
	if s.at == inEntry {
		return s.where + s.name + s.at
	}
	return s.where + "milter_" + s.name + s.at
}

// setting returns what holds for Postvet: what its entry in the list says, else the
// parameter as the service sees it (MILTER_README, "Advanced policy").
func (s smtpd) setting(name, byDefault string) setting {
	is := setting{name: name, value: s.cf.Value("milter_"+name, byDefault)}
	if own, ok := s.milter.Settings[name]; ok {
		is.value, is.at = own, inEntry
	} else if _, ok := s.service.options["milter_"+name]; ok {
		is.at = inMaster
	}
	return is
}

// settingsOf returns a setting as all the services have it, or that of each if they
// differ.
func settingsOf(all []smtpd, name, byDefault string) []setting {
	list := make([]setting, len(all))
	for i, s := range all {
		list[i] = s.setting(name, byDefault)
	}
	if !slices.ContainsFunc(list, func(s setting) bool { return s != list[0] }) {
		return list[:1]
	}
	for i, s := range all {
		list[i].where = "smtpd on " + s.service.name + ": "
	}
	return list
}

// settings checks what the services that ask Postvet do while they wait for it, and
// while it is away.
func (c *check) settings(all []smtpd) {
	for _, s := range settingsOf(all, "default_action", "tempfail") {
		c.defaultAction(s)
	}
	for _, s := range settingsOf(all, "protocol", "6") {
		if s.value == "6" {
			c.OK(s.where + "milter_protocol is 6")
		} else {
			c.Error(s.where+s.String()+" hides white space that DKIM signatures cover", s.with("6"))
		}
	}
	for _, s := range settingsOf(all, "content_timeout", "300s") {
		c.timeout(s.what(), parseSeconds(s.value), c.postvet.VerdictTimeout, s.with("300s")+", or a lower limits.verdict_timeout")
	}
	if c.postvet.EarlyTimeout == 0 {
		return // only the end of a message is waited for
	}
	for _, s := range settingsOf(all, "command_timeout", "30s") {
		c.timeout(s.what(), parseSeconds(s.value), c.postvet.EarlyTimeout, s.with("30s")+", or policy.spf_early = false")
	}
}

// defaultAction checks what happens to mail while Postvet is away.
func (c *check) defaultAction(s setting) {
	switch s.value {
	case "tempfail":
		c.OK(s.where + "mail waits while Postvet is away (" + s.String() + ")")
	case "accept":
		c.Error(s.where+"mail passes unchecked while Postvet is away, with forged results inside ("+s.String()+")", s.with("tempfail"))
	case "reject":
		c.Error(s.where+"mail is refused for good while Postvet is away ("+s.String()+")", s.with("tempfail"))
	default:
		c.Warning(s.where+"while Postvet is away, "+s.String(), s.with("tempfail")+", so that mail waits")
	}
}
