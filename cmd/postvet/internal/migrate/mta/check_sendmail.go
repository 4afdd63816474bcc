package mta

import (
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/account"
	"github.com/postvet/postvet/cmd/postvet/internal/finding"
)

// CheckSendmail checks a sendmail.cf (or the sendmail.mc that it is built from):
// whether Sendmail asks Postvet, can open its socket, waits long enough, and what
// it does while Postvet is away. hostname is the machine's name. It is an error if
// the file cannot be read.
func CheckSendmail(file string, p Postvet, hostname string) (finding.List, error) {
	text, err := ReadText(file)
	if err != nil {
		return nil, err
	}
	cf := ParseSendmail(text)
	list := cf.Milters()
	c := check{postvet: p}
	c.unknownPorts(list)
	at, passed := p.find(QueueDirectory, list), p.passed()
	switch {
	case at >= 0:
		c.OK("Sendmail asks Postvet (" + list[at].Socket + ")")
		c.sendmailSocket(list[at])
		c.sendmailSettings(list[at])
		c.others(list, at, false)
	case passed != "" && len(list) > 0:
		c.Warning("whether Sendmail asks Postvet cannot be told: "+passed+" is a socket of systemd's", comparePassed)
	default:
		if m, ok := p.namesake(list); ok {
			c.Error(fmt.Sprintf("Sendmail asks %s at %s, but Postvet listens on %s", m.Name, m.Socket, strings.Join(p.Listen, ", ")),
				"write into sendmail.mc: "+SendmailMC(orPassed(p.Sendmail)))
			break
		}
		c.Error("Sendmail does not ask Postvet", "add to sendmail.mc: "+SendmailMC(orPassed(p.Sendmail)))
	}
	c.daemons(cf, p)
	c.sendmailClients(filepath.Dir(file), cf)
	c.sendmailSigning(cf, list, at)
	if cf.HostName != "" && !strings.ContainsAny(cf.HostName, "$") {
		hostname = cf.HostName
	}
	c.authservID(hostname)
	return c.Once(), nil
}

// sendmailSocket checks whether Sendmail can open the milter's socket, which it
// does as root.
func (c *check) sendmailSocket(m Milter) {
	switch path, ok := socketPath(m.Socket); {
	case !ok:
	case !filepath.IsAbs(path):
		c.Warning("the path of the socket "+m.Socket+" is not absolute: Sendmail looks for it below the folder that it works in", "write the whole path into the filter's line")
	default:
		c.canConnect(account.Account{Name: "root"}, path)
		c.isSafe(path)
	}
}

// sendmailSettings checks what Sendmail does while it waits for Postvet, and while
// Postvet is away.
func (c *check) sendmailSettings(m Milter) {
	switch flags := m.Settings["F"]; {
	case flags == "T":
		c.OK("mail waits while Postvet is away (F=T)")
	case flags == "":
		c.Error("mail passes unchecked while Postvet is away, with forged results inside (no F=)", "write F=T into the filter's line")
	default:
		c.Warning("while Postvet is away, F="+flags+" ("+map[string]string{"R": "mail is refused for good", "4": "the connection is closed with 421"}[flags]+")", "F=T, so that mail waits")
	}
	limits := map[string]string{"C": "5m", "S": "10s", "R": "10s", "E": "5m"} // Sendmail's defaults
	for one := range strings.SplitSeq(m.Settings["T"], ";") {
		if name, value, ok := strings.Cut(one, ":"); ok {
			limits[name] = value
		}
	}
	// Postvet sends a progress packet every 3 s while it works, and each starts R
	// anew.
	const progress = 3 * time.Second
	c.timeout("the filter's timeout E", parseSeconds(limits["E"]), c.postvet.VerdictTimeout, "T=E:5m in the filter's line, or a lower limits.verdict_timeout")
	c.timeout("the filter's timeout R", parseSeconds(limits["R"]), max(progress, c.postvet.EarlyTimeout), "T=R:60s in the filter's line")
}

// sendmailEquates have mail wait while Postvet is away, and leave it its time at
// the end of a message.
const sendmailEquates = "F=T, T=C:30s;S:10s;R:60s;E:5m"

// SendmailMC returns the line of sendmail.mc for a Postvet that listens on a socket,
// in Sendmail's notation.
func SendmailMC(socket string) string {
	return fmt.Sprintf("INPUT_MAIL_FILTER(`postvet', `S=%s, %s')dnl", socket, sendmailEquates)
}

// SendmailCF is SendmailMC for sendmail.cf.
func SendmailCF(socket string) string {
	return fmt.Sprintf("Xpostvet, S=%s, %s", socket, sendmailEquates)
}
