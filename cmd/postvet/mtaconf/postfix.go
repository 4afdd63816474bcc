package mtaconf

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// CheckPostfix looks at the configuration in a folder (/etc/postfix): whether
// each service that takes mail from outside asks Postvet, can reach it, waits
// long enough, and what it does while Postvet is away. hostname stands in for a
// name that the configuration leaves to the system. An error tells that main.cf
// or master.cf cannot be read.
func CheckPostfix(dir string, ours Ours, hostname string) (Findings, error) {
	main, err := os.ReadFile(filepath.Join(dir, "main.cf"))
	if err != nil {
		return nil, err
	}
	master, err := os.ReadFile(filepath.Join(dir, "master.cf"))
	if err != nil {
		return nil, err
	}
	cf := ParseMainCF(string(main))
	level, _ := strconv.ParseFloat(cf.Value("compatibility_level", "0"), 64)
	var f Findings
	found := false
	for _, s := range ParseMasterCF(string(master), level < 1) {
		if s.Command == "smtpd" {
			found = true
			f.service(cf, s, ours)
		}
	}
	if !found {
		f.error("master.cf has no service that runs smtpd", "look whether "+dir+" is the configuration of the Postfix that runs")
	}
	f.postfix(cf, ours, hostname)
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

// service judges one smtpd of master.cf.
func (f *Findings) service(main MainCF, s Service, ours Ours) {
	cf := main.with(s.Options)
	name := fmt.Sprintf("smtpd on %s", s.Name)
	list := ParseMilters(cf.Value("smtpd_milters", ""))
	if strings.Contains(cf.Value("receive_override_options", ""), "no_milters") {
		list = nil
	}
	at := ours.find(cf.queue(), list)
	switch {
	case at >= 0:
		f.ok(name + " asks Postvet (" + list[at].Socket + ")")
		f.opens(cf, s, list[at])
		f.others(list, at)
	case trusted(s, cf):
		f.ok(name + " does not ask Postvet; it takes mail from own users or this machine")
	default:
		f.error(name+" does not ask Postvet", "smtpd_milters = "+wanted(cf, s, ours)+" in main.cf, then postfix reload")
	}
}

// trusted reports whether a service takes mail only from users who log in, or
// from this machine.
func trusted(s Service, cf MainCF) bool {
	switch {
	case s.Name == "submission" || s.Name == "submissions" || s.Name == "smtps" || s.Name == "587" || s.Name == "465":
		return true
	case strings.HasPrefix(s.Name, "127.") || strings.HasPrefix(s.Name, "localhost:") || strings.HasPrefix(s.Name, "[::1]"):
		return true
	}
	return s.Type == "unix"
}

// wanted is our first address as this service names it.
func wanted(cf MainCF, s Service, ours Ours) string {
	if len(ours.Listen) == 0 {
		return "inet:127.0.0.1:8890"
	}
	path, ok := socketPath(ours.Listen[0])
	if !ok {
		return ours.Listen[0]
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

// postfix judges what holds for all services.
func (f *Findings) postfix(cf MainCF, ours Ours, hostname string) {
	switch action := cf.Value("milter_default_action", "tempfail"); action {
	case "tempfail":
		f.ok("mail waits while Postvet is away (milter_default_action = tempfail)")
	case "accept":
		f.error("mail passes unchecked while Postvet is away, with forged results inside (milter_default_action = accept)", "milter_default_action = tempfail")
	case "reject":
		f.error("mail is refused for good while Postvet is away (milter_default_action = reject)", "milter_default_action = tempfail")
	default:
		f.warn("while Postvet is away, milter_default_action = "+action, "milter_default_action = tempfail, so that mail waits")
	}
	if v := cf.Value("milter_protocol", "6"); v == "6" {
		f.ok("milter_protocol is 6")
	} else {
		f.error("milter_protocol = "+v+" hides white space that DKIM signatures cover", "milter_protocol = 6")
	}
	f.patience("milter_content_timeout", seconds(cf.Value("milter_content_timeout", "300s"), time.Second), ours.VerdictTimeout,
		"milter_content_timeout = 300s, or a lower limits.verdict_timeout")
	f.patience("milter_command_timeout", seconds(cf.Value("milter_command_timeout", "30s"), time.Second), ours.EarlyTimeout,
		"raise milter_command_timeout, or lower limits.spf_timeout")
	if ours.find(cf.queue(), ParseMilters(cf.Value("non_smtpd_milters", ""))) >= 0 {
		f.warn("non_smtpd_milters has Postvet, which exempts what is submitted on the machine itself", "take it out of non_smtpd_milters")
	}
	f.name(ours.AuthservID, cf.Value("myhostname", hostname))
}
