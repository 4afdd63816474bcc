package mta

import (
	"fmt"
	"path/filepath"
	"strings"
	"time"
)

// CheckSendmail looks at a sendmail.cf (or the sendmail.mc it is built from):
// whether Sendmail asks Postvet, may open its socket, waits long enough, and
// what it does while Postvet is away. hostname is the machine's name. An error
// tells that the file cannot be read.
func CheckSendmail(file string, ours Ours, hostname string) (Findings, error) {
	text, err := readText(file)
	if err != nil {
		return nil, err
	}
	cf := ParseSendmail(text)
	list := cf.Milters()
	var f Findings
	at, passed := ours.find(QueueDirectory, list), ours.passed()
	switch {
	case at >= 0:
		f.ok("Sendmail asks Postvet (" + list[at].Socket + ")")
		f.sendmail(list[at], ours)
		f.others(list, at)
	case passed != "" && len(list) > 0:
		f.warn("whether Sendmail asks Postvet cannot be told: "+passed+" is a socket of systemd's", comparePassed)
	default:
		f.error("Sendmail does not ask Postvet", fmt.Sprintf("add to sendmail.mc: INPUT_MAIL_FILTER(`postvet', `S=%s, F=T, T=C:30s;S:10s;R:60s;E:5m')dnl", orPassed(ours.Sendmail)))
	}
	if cf.HostName != "" && !strings.ContainsAny(cf.HostName, "$") {
		hostname = cf.HostName
	}
	f.name(ours.AuthservID, hostname)
	return f, nil
}

func (f *Findings) sendmail(m Milter, ours Ours) {
	switch path, ok := socketPath(m.Socket); {
	case !ok:
	case !filepath.IsAbs(path):
		f.warn("the path of the socket "+m.Socket+" is not absolute: Sendmail looks for it below the folder that it works in", "write the whole path into the filter's line")
	default:
		// Sendmail opens the socket as root.
		f.reachable(account{name: "root"}, path)
		f.safe(path)
	}
	switch flags := m.Settings["F"]; {
	case flags == "T":
		f.ok("mail waits while Postvet is away (F=T)")
	case flags == "":
		f.error("mail passes unchecked while Postvet is away, with forged results inside (no F=)", "write F=T into the filter's line")
	default:
		f.warn("while Postvet is away, F="+flags+" ("+map[string]string{"R": "mail is refused for good", "4": "the connection is closed with 421"}[flags]+")", "F=T, so that mail waits")
	}
	limits := map[string]string{"C": "5m", "S": "10s", "R": "10s", "E": "5m"} // Sendmail's own
	for _, one := range strings.Split(m.Settings["T"], ";") {
		if name, value, ok := strings.Cut(one, ":"); ok {
			limits[name] = value
		}
	}
	// Postvet sends word every 3 s while it works, and each starts R anew.
	const progress = 3 * time.Second
	f.patience("the filter's timeout E", seconds(limits["E"], time.Second), ours.VerdictTimeout, "T=E:5m in the filter's line, or a lower limits.verdict_timeout")
	f.patience("the filter's timeout R", seconds(limits["R"], time.Second), max(progress, ours.EarlyTimeout), "T=R:60s in the filter's line")
}
