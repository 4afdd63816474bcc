package mta

import "strings"

// service is one service of master.cf.
type service struct {
	// name and kind are as in the file: "smtp" "inet", "127.0.0.1:10025" "inet".
	name, kind string
	// command is the program, such as "smtpd".
	command string
	chroot  bool
	// options are the parameters that -o sets for this service alone.
	options map[string]string
}

// parseMasterCF reads master.cf (master(5)). chrootDefault is what "-" in the chroot
// column means: false since compatibility_level 1 of Postfix 3.0.
func parseMasterCF(text string, chrootDefault bool) []service {
	var list []service
	for _, l := range logicalLines(text) {
		if s, ok := parseService(l.text, chrootDefault); ok {
			list = append(list, s)
		}
	}
	return list
}

func parseService(line string, chrootDefault bool) (service, bool) {
	f := strings.Fields(line)
	const columns = 8 // name type private unpriv chroot wakeup maxproc command
	if len(f) < columns {
		return service{}, false
	}
	s := service{name: f[0], kind: f[1], command: f[7], options: map[string]string{}}
	s.chroot = f[4] == "y" || f[4] == "-" && chrootDefault
	for i := columns; i+1 < len(f); i++ {
		if f[i] != "-o" {
			continue
		}
		option := f[i+1]
		if strings.HasPrefix(option, "{") {
			var ok bool
			if option, ok = inBraces(strings.Join(f[i+1:], " ")); !ok {
				break
			}
		}
		if name, value, ok := strings.Cut(option, "="); ok {
			s.options[strings.TrimSpace(name)] = strings.TrimSpace(value)
		}
	}
	return s, true
}

// inBraces returns what stands between the "{" at the beginning of a text and the "}" that
// belongs to it: { name = value } may hold white space and further braces.
func inBraces(text string) (inside string, ok bool) {
	depth := 0
	for i := range len(text) {
		switch text[i] {
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return text[1:i], true
			}
		}
	}
	return "", false
}
