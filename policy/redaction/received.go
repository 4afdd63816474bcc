package redaction

import (
	"net/netip"
	"strings"

	"github.com/postvet/postvet/policy/message"
)

// Bounds on a Received field.
const (
	maxReceived = 4096
	maxClauses  = 8
)

// received tells the clauses of a Received field (RFC 5321 section 4.4): who sent to whom,
// how, for whom, when. Comments are left out, as logins and senders stand in them, except
// for the client's name and address.
func (w *writer) received(f message.Field) string {
	value := f.Value()
	if len(value) > maxReceived {
		return ""
	}
	words, comments, date := split(value)
	var b strings.Builder
	for i := 0; i+1 < len(words) && i < 2*maxClauses; i += 2 {
		name, what := strings.ToLower(words[i]), words[i+1]
		switch name {
		case "from", "by", "with", "id", "via":
			if what = host(what); name == "id" && w.personal(what) {
				what = w.Local(what)
			}
		case "for":
			if what = w.Path(strings.Trim(what, "<>")); what != "" {
				what = "<" + what + ">"
			}
		default:
			i-- // a word that begins no clause
			continue
		}
		if what == "" {
			continue
		}
		b.WriteString(name + " " + what + " ")
		if client := client(comments[i+1]); name == "from" && client != "" {
			b.WriteString("(" + client + ") ")
		}
	}
	text := strings.TrimSpace(b.String())
	if at := plainDate(date); at != "" && text != "" {
		return text + "; " + at
	}
	return text
}

// split returns the words of a Received field, for each the comment behind it, and what
// stands behind the last semicolon.
func split(value string) (words, comments []string, date string) {
	depth, begin, quoted := 0, -1, false
	clauses := -1 // words in front of the last semicolon
	end := func(at int) {
		if begin >= 0 {
			words, comments = append(words, value[begin:at]), append(comments, "")
		}
		begin = -1
	}
	for i := 0; i < len(value); i++ {
		switch c := value[i]; {
		case c == '\\':
			i++
		case depth > 0 && c == ')':
			if depth--; depth == 0 {
				if n := len(comments) - 1; n >= 0 && comments[n] == "" {
					comments[n] = value[begin:i]
				}
				begin = -1
			}
		case depth > 0 && c == '(':
			depth++
		case depth > 0:
		case c == '"':
			if quoted = !quoted; begin < 0 {
				begin = i
			}
		case quoted:
		case c == '(':
			end(i)
			depth, begin = 1, i+1
		case c == ';':
			end(i)
			clauses, date = len(words), value[i+1:]
		case strings.IndexByte(" \t\r\n", c) >= 0:
			end(i)
		case begin < 0:
			begin = i
		}
	}
	switch {
	case clauses >= 0:
		words = words[:clauses]
	case depth == 0:
		end(len(value))
	}
	return words, comments, date
}

// host returns a word of a clause if it is no more than a name, an address literal, a
// protocol or an id; "" otherwise.
func host(s string) string {
	if len(s) > maxDomain || strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:[]+/") != "" {
		return ""
	}
	return s
}

// client returns the client's name and address of the comment behind the name that it
// gave: "mx.example.org [192.0.2.1]".
func client(comment string) string {
	var told []string
	for i, part := range strings.Fields(comment) {
		plain := strings.TrimSuffix(strings.TrimPrefix(part, "["), "]")
		if rest, ok := strings.CutPrefix(plain, "IPv6:"); ok {
			plain = rest
		}
		if ip, err := netip.ParseAddr(plain); err == nil && ip.Zone() == "" {
			told = append(told, "["+ip.String()+"]")
			break
		}
		name, ok := message.NormalizeDomain(part)
		if i > 0 || !ok || part == "" {
			break
		}
		told = append(told, name)
	}
	return strings.Join(told, " ")
}
