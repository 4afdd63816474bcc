package mtaconf

import (
	"fmt"
	"os"
	"strings"
	"time"
)

// CheckSendmail looks at a sendmail.cf (or the sendmail.mc it is built from):
// whether Sendmail asks Postvet, may open its socket, waits long enough, and
// what it does while Postvet is away. hostname is the machine's name. An error
// tells that the file cannot be read.
func CheckSendmail(file string, ours Ours, hostname string) (Findings, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	cf := ParseSendmail(string(text))
	list := cf.Milters()
	var f Findings
	at := ours.find(QueueDirectory, list)
	if at < 0 {
		f.error("Sendmail does not ask Postvet", fmt.Sprintf("add to sendmail.mc: INPUT_MAIL_FILTER(`postvet', `S=%s, F=T, T=C:30s;S:10s;R:60s;E:5m')dnl", sendmailAddress(ours)))
	} else {
		f.ok("Sendmail asks Postvet (" + list[at].Socket + ")")
		f.sendmail(list[at], ours)
		f.others(list, at)
	}
	if cf.HostName != "" && !strings.ContainsAny(cf.HostName, "$") {
		hostname = cf.HostName
	}
	f.name(ours.AuthservID, hostname)
	return f, nil
}

// sendmailAddress is our first address in Sendmail's notation.
func sendmailAddress(ours Ours) string {
	if len(ours.Listen) == 0 {
		return "inet:8890@127.0.0.1"
	}
	kind, rest, ok := strings.Cut(ours.Listen[0], ":")
	if i := strings.LastIndexByte(rest, ':'); ok && strings.HasPrefix(kind, "inet") && i >= 0 {
		return kind + ":" + rest[i+1:] + "@" + strings.Trim(rest[:i], "[]")
	}
	return ours.Listen[0]
}

func (f *Findings) sendmail(m Milter, ours Ours) {
	if path, ok := socketPath(m.Socket); ok {
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
