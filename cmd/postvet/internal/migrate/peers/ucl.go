package peers

import (
	"fmt"
	"strings"
)

// uclReader reads the files of Rspamd (UCL): name = value; name value; sections in braces
// and lists in brackets. The names of the settings are those of the sections and the key
// with blanks between.
type uclReader struct {
	*reader
	text string
	at   int
	line int
}

// maxUCLDepth bounds sections and lists within one another.
const maxUCLDepth = 8

// readUCL adds all settings of a text.
func (r *reader) readUCL(text string) {
	u := &uclReader{reader: r, text: text, line: 1}
	if !u.section(nil) {
		return
	}
	if u.skip(); u.at < len(u.text) {
		u.fault(u.line, "", "has a brace that closes nothing", "remove it")
	}
}

// skip passes over white space, remarks and ends of values.
func (u *uclReader) skip() {
	for u.at < len(u.text) {
		switch rest := u.text[u.at:]; {
		case strings.HasPrefix(rest, "/*"):
			end := strings.Index(rest, "*/")
			if end < 0 {
				end = len(rest) - 2
			}
			u.advance(end + 2)
		case rest[0] == '#':
			end := strings.IndexByte(rest, '\n')
			if end < 0 {
				end = len(rest)
			}
			u.advance(end)
		case strings.IndexByte(" \t\r\n;,", rest[0]) >= 0:
			u.advance(1)
		default:
			return
		}
	}
}

func (u *uclReader) advance(n int) {
	n = min(n, len(u.text)-u.at)
	u.line += strings.Count(u.text[u.at:u.at+n], "\n")
	u.at += n
}

// word returns a quoted text, or one up to a blank or a sign of the syntax.
func (u *uclReader) word(stop string) string {
	if q := u.text[u.at]; q == '"' || q == '\'' {
		end := strings.IndexByte(u.text[u.at+1:], q)
		if end < 0 {
			end = len(u.text) - u.at - 1
		}
		s := u.text[u.at+1 : u.at+1+end]
		u.advance(end + 2)
		return s
	}
	end := strings.IndexAny(u.text[u.at:], stop)
	if end < 0 {
		end = len(u.text) - u.at
	}
	s := u.text[u.at : u.at+end]
	u.advance(end)
	return s
}

// section reads keys up to the end of the section. It returns false after a fault that
// ends the reading.
func (u *uclReader) section(names []string) bool {
	for {
		u.skip()
		if u.at >= len(u.text) || u.text[u.at] == '}' {
			return true
		}
		line := u.line
		name := u.word(" \t\r\n={}[];,:")
		if name == "" || len(names) >= maxUCLDepth {
			u.fault(line, "", "is not understood from here on", "write name = value; in each line")
			return false
		}
		u.blanks()
		if u.at < len(u.text) && (u.text[u.at] == '=' || u.text[u.at] == ':') {
			u.advance(1)
			u.blanks()
		}
		if !u.value(append(names[:len(names):len(names)], name), line) {
			return false
		}
	}
}

func (u *uclReader) blanks() {
	for u.at < len(u.text) && strings.IndexByte(" \t\r\n", u.text[u.at]) >= 0 {
		u.advance(1)
	}
}

// value reads the value of a name: a section, a list, or a text up to the end of the line.
func (u *uclReader) value(names []string, line int) bool {
	if u.at >= len(u.text) {
		u.fault(line, strings.Join(names, " "), "has no value", "write name = value;")
		return false
	}
	switch u.text[u.at] {
	case '{':
		u.advance(1)
		return u.section(names) && u.closed('}', line)
	case '[':
		u.advance(1)
		return u.list(names, line)
	case '"', '\'':
		u.add(line, strings.Join(names, " "), u.word(""))
	default:
		u.add(line, strings.Join(names, " "), strings.TrimSpace(u.word(";\r\n{}#")))
	}
	return true
}

// list reads a list. Its texts become one value with commas between, and each section in
// it has its number in its name.
func (u *uclReader) list(names []string, line int) bool {
	var texts []string
	for n := 0; ; n++ {
		u.skip()
		switch {
		case u.at >= len(u.text):
			u.fault(line, strings.Join(names, " "), "is a list without an end", "write ] behind it")
			return false
		case u.text[u.at] == ']':
			u.advance(1)
			if len(texts) > 0 {
				u.add(line, strings.Join(names, " "), strings.Join(texts, ","))
			}
			return true
		case u.text[u.at] == '{':
			u.advance(1)
			if !u.section(append(names[:len(names):len(names)], fmt.Sprint(n))) || !u.closed('}', line) {
				return false
			}
		default:
			word := u.word(" \t\r\n,;[]{}")
			if word == "" {
				u.fault(line, strings.Join(names, " "), "is a list that is not understood", "write texts with commas between")
				return false
			}
			texts = append(texts, word)
		}
	}
}

func (u *uclReader) closed(by byte, line int) bool {
	if u.at >= len(u.text) || u.text[u.at] != by {
		u.fault(line, "", "opens a section without an end", "write } behind it")
		return false
	}
	u.advance(1)
	return true
}
