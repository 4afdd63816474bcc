package mta

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
)

// CheckPostfix looks at the configuration in a folder (/etc/postfix): whether
// each service that takes mail from outside asks Postvet, can reach it, waits
// long enough, and what it does while Postvet is away. hostname stands in for a
// name that the configuration leaves to the system. An error tells that main.cf
// or master.cf cannot be read.
func CheckPostfix(dir string, ours Ours, hostname string) (Findings, error) {
	main, err := readText(filepath.Join(dir, "main.cf"))
	if err != nil {
		return nil, err
	}
	master, err := readText(filepath.Join(dir, "master.cf"))
	if err != nil {
		return nil, err
	}
	cf := ParseMainCF(main)
	level, _ := strconv.ParseFloat(cf.Value("compatibility_level", "0"), 64)
	var f Findings
	var all []asking
	found := false
	for _, s := range ParseMasterCF(master, level < 1) {
		if s.Command == "smtpd" {
			found = true
			if a, asks := f.service(cf, s, ours); asks {
				all = append(all, a)
			}
		}
	}
	if !found {
		f.error("master.cf has no service that runs smtpd", "look whether "+dir+" is the configuration of the Postfix that runs")
	}
	if len(all) == 0 {
		all = []asking{{cf: cf}} // what will hold once one asks
	}
	f.waiting(all, ours)
	if ours.find(cf.queue(), ParseMilters(cf.Value("non_smtpd_milters", ""))) >= 0 {
		f.warn("non_smtpd_milters has Postvet, which exempts what is submitted on the machine itself", "take it out of non_smtpd_milters")
	}
	f.name(ours.AuthservID, cf.Value("myhostname", hostname))
	return f, nil
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

// service judges one smtpd of master.cf, and reports whether it asks Postvet.
func (f *Findings) service(main MainCF, s Service, ours Ours) (a asking, asks bool) {
	cf := main.with(s.Options)
	name := "smtpd on " + s.Name
	list := ParseMilters(cf.Value("smtpd_milters", ""))
	off := strings.Contains(cf.Value("receive_override_options", ""), "no_milters")
	at, passed := ours.find(cf.queue(), list), ours.passed()
	switch {
	case at >= 0 && !off:
		f.ok(name + " asks Postvet (" + list[at].Socket + ")")
		f.opens(cf, s, list[at])
		f.others(list, at)
		return asking{s, cf, list[at]}, true
	case trusted(s):
		f.ok(name + " does not ask Postvet; it takes mail from own users or this machine")
	case at >= 0:
		f.error(name+" does not ask Postvet: receive_override_options has no_milters", "take no_milters out of receive_override_options")
	case passed != "" && len(list) > 0 && !off:
		f.warn("whether "+name+" asks Postvet cannot be told: "+passed+" is a socket of systemd's", comparePassed)
	default:
		f.error(name+" does not ask Postvet", "smtpd_milters = "+wanted(cf, ours)+" in main.cf, then postfix reload")
	}
	return asking{}, false
}

// trusted reports whether a service takes mail only from users who log in, or
// from this machine.
func trusted(s Service) bool {
	switch s.Name[strings.LastIndexByte(s.Name, ':')+1:] {
	case "submission", "submissions", "smtps", "587", "465":
		return true
	}
	return s.Type == "unix" || strings.HasPrefix(s.Name, "127.") || strings.HasPrefix(s.Name, "localhost:") || strings.HasPrefix(s.Name, "[::1]")
}

// wanted is our first address as main.cf names it.
func wanted(cf MainCF, ours Ours) string {
	path, ok := socketPath(ours.Postfix)
	if !ok {
		return orPassed(ours.Postfix)
	}
	if inside, ok := strings.CutPrefix(path, cf.queue()+"/"); ok {
		return "unix:" + inside
	}
	return "unix:" + path
}

func socketPath(addr string) (string, bool) {
	kind, rest, ok := strings.Cut(addr, ":")
	if strings.HasPrefix(addr, "/") {
		return addr, true
	}
	if ok && (strings.EqualFold(kind, "unix") || strings.EqualFold(kind, "local")) {
		return rest, true
	}
	return "", false
}

// opens judges whether the service can open the milter's socket.
func (f *Findings) opens(cf MainCF, s Service, m Milter) {
	path, ok := socketPath(m.Socket)
	if !ok {
		return
	}
	queue := cf.queue()
	outside := path
	switch {
	case !strings.HasPrefix(path, "/"):
		outside = filepath.Join(queue, path)
	case s.Chroot:
		outside = filepath.Join(queue, path)
		if strings.HasPrefix(path, queue+"/") {
			f.error(fmt.Sprintf("smtpd on %s runs in a chroot at %s and looks for %s below it", s.Name, queue, path),
				"smtpd_milters = unix:"+strings.TrimPrefix(path, queue+"/"))
			return
		}
	}
	a, err := accountNamed(cf.Value("mail_owner", "postfix"))
	if err != nil {
		f.warn(fmt.Sprintf("the rights of %s cannot be judged: %v", outside, err), "run the check on the machine that Postfix runs on")
		return
	}
	f.reachable(a, outside)
}
