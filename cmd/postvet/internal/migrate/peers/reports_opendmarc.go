package peers

import (
	"path"
	"slices"
	"strings"
)

// opendmarcReports translates what opendmarc itself says of reports.
func (p *Plan) opendmarcReports() {
	if s, ok := p.setting(OpenDMARC, "HistoryFile"); ok {
		p.reporter.sends = append(p.reporter.sends, s)
	}
	if s, ok := p.setting(OpenDMARC, "FailureReports"); ok {
		if isTrue(s.Value) {
			p.reporter.failures = append(p.reporter.failures, s)
		} else {
			p.item(s, Kept, "", "report.failure.send")
		}
	}
	if s, ok := p.setting(OpenDMARC, "FailureReportsSentBy"); ok {
		p.reportAddress(s, "report.from")
	}
	if s, ok := p.setting(OpenDMARC, "NoReportsList"); ok {
		p.reportDomains(s, "report.exclude", "no reports to these domains, neither aggregate nor failure reports")
	}
}

// scriptOptions are the options of opendmarc-import, opendmarc-reports and
// opendmarc-expire, by the program's last word and the option.
var scriptOptions = []option{
	{name: "reports report-email"},
	{name: "reports report-org"},
	{name: "reports smtp-server"},
	{name: "reports smtp-port", kind: number},
	{name: "reports domain"},
	{name: "reports nodomain"},
	{name: "reports day", outcome: Kept, note: noteDaily},
	{name: "reports interval", outcome: Changed, note: noteDaily},
	{name: "reports utc", outcome: Kept, note: noteDaily},
	{name: "reports keepfiles", outcome: Changed, note: "\"postvet report show ID --xml\" prints a report that was sent"},
	{name: "reports noupdate", outcome: NoCounterpart, note: "\"postvet report send --dry-run\" sends nothing"},
	{name: "reports test", outcome: NoCounterpart, note: "\"postvet report preview\" shows what would be sent"},
	{name: "reports"},
	{name: "reports *", outcome: Changed, note: noteDatabase},
	{name: "import", outcome: Changed, note: noteHistory},
	{name: "import *", outcome: Changed, note: noteDatabase},
	{name: "expire expire", kind: number},
	{name: "expire", outcome: Changed, note: "report.retention says how long counts and reports are kept"},
	{name: "expire *", outcome: Changed, note: noteDatabase},
}

// scriptFlags are the options without a value.
var scriptFlags = []string{"day", "utc", "keepfiles", "nokeepfiles", "noupdate", "test", "verbose", "version", "help", "alltables"}

// readScript reads how a shell script calls the programs of opendmarc's reports.
func (r *reader) readScript(text string) {
	variables := map[string]string{}
	calls := false
	n := 0
	command := ""
	for line := range strings.Lines(text) {
		if n++; n > maxLines {
			r.fault(n, "", "the file goes on", "name a script of fewer than 20000 lines")
			return
		}
		line = strings.TrimRight(line, "\r\n")
		if before, ok := strings.CutSuffix(line, `\`); ok {
			command += before + " "
			continue
		}
		for _, words := range shellCommands(command+line, variables) {
			calls = r.call(n, words) || calls
		}
		command = ""
	}
	if !calls && len(r.faults) == 0 {
		r.fault(1, "", "calls none of opendmarc-import, opendmarc-reports and opendmarc-expire", "name the script or crontab that does")
	}
}

// call adds the options of one command. It reports whether the command is one of
// opendmarc's.
func (r *reader) call(n int, words []string) bool {
	at := slices.IndexFunc(words, func(w string) bool { return strings.HasPrefix(path.Base(w), "opendmarc-") })
	if at < 0 {
		return false
	}
	program := strings.TrimSuffix(strings.TrimPrefix(path.Base(words[at]), "opendmarc-"), ".pl")
	if !slices.Contains([]string{"import", "reports", "expire"}, program) {
		return false
	}
	r.add(n, program, "opendmarc-"+program)
	for i := at + 1; i < len(words); i++ {
		name, value, has := strings.Cut(strings.TrimLeft(words[i], "-"), "=")
		if name == "" || !strings.HasPrefix(words[i], "-") {
			continue
		}
		switch {
		case slices.Contains(scriptFlags, name):
			value = "yes"
		case !has && i+1 < len(words) && !strings.HasPrefix(words[i+1], "-"):
			i++
			value = words[i]
		}
		if name == "dbpasswd" {
			value = hiddenValue
		}
		r.add(n, program+" "+name, value)
	}
	return true
}

// hiddenValue stands for a password.
const hiddenValue = "(not shown)"

// shellCommands returns the words of the commands of a line. Assignments become variables.
func shellCommands(line string, variables map[string]string) (all [][]string) {
	var words []string
	var word strings.Builder
	inWord, quote := false, byte(0)
	endWord := func() {
		if inWord {
			w := word.String()
			name, value, ok := strings.Cut(w, "=")
			if ok && len(words) == 0 && name != "" && strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_") == "" {
				variables[name] = value
			} else {
				words = append(words, w)
			}
		}
		word.Reset()
		inWord = false
	}
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case quote != 0 && c == quote:
			quote = 0
		case quote == 0 && (c == '"' || c == '\''):
			quote, inWord = c, true
		case quote != '\'' && c == '$':
			value, size := expand(line[i:], variables)
			word.WriteString(value)
			inWord = true
			i += size - 1
		case quote != 0:
			word.WriteByte(c)
		case c == '#' && !inWord:
			i = len(line)
		case c == ' ' || c == '\t':
			endWord()
		case c == ';' || c == '&' || c == '|':
			endWord()
			if len(words) > 0 {
				all = append(all, words)
			}
			words = nil
		default:
			word.WriteByte(c)
			inWord = true
		}
	}
	endWord()
	if len(words) > 0 {
		all = append(all, words)
	}
	return all
}

// expand returns the value of the variable that a text begins with, and how long its name
// is there.
func expand(s string, variables map[string]string) (value string, size int) {
	if inner, ok := strings.CutPrefix(s, "${"); ok {
		if end := strings.IndexByte(inner, '}'); end >= 0 {
			return variables[inner[:end]], end + len("${}")
		}
	}
	n := 1
	for n < len(s) && (s[n] == '_' || s[n] >= '0' && s[n] <= '9' || s[n]|0x20 >= 'a' && s[n]|0x20 <= 'z') {
		n++
	}
	if n == 1 {
		return "$", 1
	}
	return variables[s[1:n]], n
}

// opendmarcScript translates the jobs that send opendmarc's reports.
func (p *Plan) opendmarcScript() {
	get := func(name string) (Setting, bool) { return p.setting(OpenDMARCReports, name) }
	if s, ok := get("reports"); ok {
		p.reporter.sends = append(p.reporter.sends, s)
	}
	if s, ok := get("reports report-email"); ok {
		p.reportAddress(s, "report.email", "report.from")
	}
	if s, ok := get("reports report-org"); ok {
		p.reportText(s, s.Value, "report.org_name")
	}
	p.reportServerOf(get, "reports smtp-server", "reports smtp-port")
	if s, ok := get("reports domain"); ok {
		p.reportDomains(s, "report.known", "these domains alone get reports (send = \"listed\")")
	}
	if s, ok := get("reports nodomain"); ok {
		p.reportDomains(s, "report.exclude", "no reports to these domains, neither aggregate nor failure reports")
	}
	if s, ok := get("expire expire"); ok {
		days := min(max(integer(s), 3), 400)
		p.draft.putFrom(s, "report.retention", seconds(days*24*60*60))
		p.item(s, Changed, "from 3 to 400 days", "report.retention")
	}
}
