package mta

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/postvet/postvet/cmd/postvet/internal/account"
	"github.com/postvet/postvet/cmd/postvet/internal/finding"
)

// CheckPostfix checks the configuration in a folder (/etc/postfix): whether each
// service that takes mail from outside asks Postvet, can open its socket, waits
// long enough, and what it does while Postvet is away. hostname stands in for a
// name that the configuration leaves to the system. It is an error if main.cf or
// master.cf cannot be read.
func CheckPostfix(dir string, p Postvet, hostname string) (finding.List, error) {
	main, err := ReadText(filepath.Join(dir, "main.cf"))
	if err != nil {
		return nil, err
	}
	master, err := ReadText(filepath.Join(dir, "master.cf"))
	if err != nil {
		return nil, err
	}
	cf := ParseMainCF(main)
	c := check{postvet: p}
	var asking []smtpd
	found := false
	services := parseMasterCF(master, cf.level() < chrootLevel)
	for _, s := range services {
		if s.command == "smtpd" {
			found = true
			if a, asks := c.service(cf, s); asks {
				asking = append(asking, a)
			}
		}
	}
	if !found {
		c.Error("master.cf has no service that runs smtpd", "check whether "+dir+" is the configuration of the Postfix that runs")
	}
	if len(asking) == 0 {
		asking = []smtpd{{cf: cf}} // what will hold once a service asks
		once := append(cf[:len(cf):len(cf)], Parameter{Name: "smtpd_milters", Value: cf.address(p)})
		quiet := check{postvet: p}
		c.networksOf(dir, once, services, quiet.contentFilters(once, services))
	} else {
		c.postfixClients(dir, cf, services)
	}
	c.settings(asking)
	c.postfixSigning(cf, services)
	if s := p.Signing; (s == nil || !s.Local) && p.find(cf.queue(), ParseMilters(cf.Value("non_smtpd_milters", ""))) >= 0 {
		c.Warning("non_smtpd_milters has Postvet, which exempts what is submitted on the machine itself", "take it out of non_smtpd_milters")
	}
	c.authservID(cf.Value("myhostname", hostname))
	return c.Once(), nil // services share lists
}

func (m MainCF) queue() string { return m.Value("queue_directory", QueueDirectory) }

// with returns the parameters as a service sees them.
func (m MainCF) with(options map[string]string) MainCF {
	all := m[:len(m):len(m)]
	for name, value := range options {
		all = append(all, Parameter{Name: name, Value: value})
	}
	return all
}

// service checks one smtpd of master.cf, and reports whether it asks Postvet.
func (c *check) service(main MainCF, s service) (a smtpd, asks bool) {
	cf := main.with(s.options)
	name := "smtpd on " + s.name
	list := ParseMilters(cf.Value("smtpd_milters", ""))
	off := strings.Contains(cf.Value("receive_override_options", ""), overrideMilters)
	c.unknownPorts(list)
	at, passed := c.postvet.find(cf.queue(), list), c.postvet.passed()
	switch {
	case at >= 0 && !off && cf.Value("smtpd_milter_maps", "") != "":
		c.Warning(fmt.Sprintf("whether %s asks Postvet cannot be told for all clients: smtpd_milter_maps = %s may name other milters or DISABLE", name, cf.Value("smtpd_milter_maps", "")),
			"look into that table: clients with DISABLE are not checked, and forged results in their mail stay")
		c.postfixSocket(cf, s, list[at])
		c.others(list, at, c.signsOnly(s))
		return smtpd{s, cf, list[at]}, true
	case at >= 0 && !off:
		c.OK(name + " asks Postvet (" + list[at].Socket + ")")
		c.postfixSocket(cf, s, list[at])
		c.others(list, at, c.signsOnly(s))
		return smtpd{s, cf, list[at]}, true
	case c.signsOnly(s):
		// postfixSigning says what that means.
	case s.isInternal():
		c.OK(name + " does not ask Postvet; it takes mail from own users or this machine")
	case at >= 0:
		c.Error(name+" does not ask Postvet: receive_override_options has no_milters", "take no_milters out of receive_override_options")
	case passed != "" && len(list) > 0 && !off:
		c.Warning("whether "+name+" asks Postvet cannot be told: "+passed+" is a socket of systemd's", comparePassed)
	default:
		if m, ok := c.postvet.namesake(list); ok && !off {
			c.Error(fmt.Sprintf("%s asks %s, but Postvet listens on %s", name, m.Socket, strings.Join(c.postvet.Listen, ", ")),
				"smtpd_milters = "+cf.address(c.postvet)+" in main.cf, then postfix reload; or listen = there")
			return smtpd{}, false
		}
		c.Error(name+" does not ask Postvet", "smtpd_milters = "+cf.address(c.postvet)+" in main.cf, then postfix reload")
	}
	return smtpd{}, false
}

// isInternal reports whether a service takes mail only from users who log in, or
// from this machine.
func (s service) isInternal() bool {
	switch s.name[strings.LastIndexByte(s.name, ':')+1:] {
	case "submission", "submissions", "smtps", "587", "465":
		return true
	}
	return s.kind == "unix" || strings.HasPrefix(s.name, "127.") || strings.HasPrefix(s.name, "localhost:") || strings.HasPrefix(s.name, "[::1]")
}

// address returns our first address as main.cf names it.
func (m MainCF) address(p Postvet) string {
	path, ok := socketPath(p.Postfix)
	if !ok {
		return orPassed(p.Postfix)
	}
	if inside, ok := strings.CutPrefix(path, m.queue()+"/"); ok {
		return "unix:" + inside
	}
	return "unix:" + path
}

// postfixSocket checks whether the service can open the milter's socket.
func (c *check) postfixSocket(cf MainCF, s service, m Milter) {
	path, ok := socketPath(m.Socket)
	if !ok {
		return
	}
	queue := cf.queue()
	outside := path
	switch {
	case !strings.HasPrefix(path, "/"):
		outside = filepath.Join(queue, path)
	case s.chroot:
		outside = filepath.Join(queue, path)
		if strings.HasPrefix(path, queue+"/") {
			c.Error(fmt.Sprintf("smtpd on %s runs in a chroot at %s and looks for %s below it", s.name, queue, path),
				"smtpd_milters = unix:"+strings.TrimPrefix(path, queue+"/"))
			return
		}
	}
	a, err := account.Named(cf.Value("mail_owner", "postfix"))
	if err != nil {
		c.Warning(fmt.Sprintf("the permissions of %s cannot be checked: %v", outside, err), "run the check on the machine that Postfix runs on")
		return
	}
	c.canConnect(a, outside)
}
