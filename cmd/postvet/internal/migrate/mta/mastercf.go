package mta

import "strings"

// Service is one service of master.cf.
type Service struct {
	// Name and Type are as in the file: "smtp" "inet", "127.0.0.1:10025" "inet".
	Name, Type string
	// Command is the program, such as "smtpd".
	Command string
	Chroot  bool
	// Options are the parameters that -o sets for this service alone.
	Options map[string]string
	Line    int
}

// ParseMasterCF reads master.cf (master(5)). chrootDefault is what "-" in the
// chroot column means: false since Postfix 3.0's compatibility_level 1.
func ParseMasterCF(text string, chrootDefault bool) []Service {
	var list []Service
	var logical string
	start, n := 0, 0
	flush := func() {
		if s, ok := parseService(logical, chrootDefault); ok {
			s.Line = start
			list = append(list, s)
		}
		logical = ""
	}
	for line := range strings.Lines(text) {
		n++
		body := strings.TrimRight(line, "\r\n")
		switch trimmed := strings.TrimSpace(body); {
		case trimmed == "" || trimmed[0] == '#':
		case body[0] == ' ' || body[0] == '\t':
			logical += " " + trimmed
		default:
			flush()
			logical, start = body, n
		}
	}
	flush()
	return list
}

func parseService(line string, chrootDefault bool) (Service, bool) {
	f := strings.Fields(line)
	const columns = 8 // name type private unpriv chroot wakeup maxproc command
	if len(f) < columns {
		return Service{}, false
	}
	s := Service{Name: f[0], Type: f[1], Command: f[7], Options: map[string]string{}}
	s.Chroot = f[4] == "y" || f[4] == "-" && chrootDefault
	for i := columns; i+1 < len(f); i++ {
		if f[i] != "-o" {
			continue
		}
		option := f[i+1]
		// { name = value } may hold white space.
		if option == "{" || strings.HasPrefix(option, "{") && !strings.HasSuffix(option, "}") {
			rest := strings.Join(f[i+1:], " ")
			end := strings.IndexByte(rest, '}')
			if end < 0 {
				break
			}
			option = rest[:end+1]
		}
		if name, value, ok := strings.Cut(strings.Trim(option, "{} "), "="); ok {
			s.Options[strings.TrimSpace(name)] = strings.TrimSpace(value)
		}
	}
	return s, true
}
