package main

import "strings"

// Verdict is the result of a message after the milters of a chain.
type Verdict struct {
	// Action is accept, reject, tempfail, discard or hold.
	Action string
	Text   string  // of a reply
	Fields []Field // the header with all changes, on accept and hold
	Added  int     // so many fields are new
}

var actions = map[byte]string{'a': "accept", 'c': "accept", 'd': "discard", 'r': "reject", 't': "tempfail", '4': "tempfail"}

// verdict returns the verdict of an answer that ends the conversation.
func (a answer) verdict() *Verdict {
	v := &Verdict{Action: actions[a.cmd], Text: strings.TrimRight(string(a.data), "\x00")}
	if a.cmd == 'y' {
		v.Action = "reject"
		if strings.HasPrefix(v.Text, "4") {
			v.Action = "tempfail"
		}
	}
	if v.Action == "" {
		v.Action = "answer " + string(a.cmd)
	}
	return v
}

// session is one SMTP session of the MTA, with a link to each milter of the
// chain. As in Postfix, each envelope command goes to all milters before the
// next command. The content goes to one milter after the other, each with the
// changes of those before.
type session struct {
	links  []*link
	client Client
	values map[string]string
}

// openSession connects to the milters and tells them the client and its HELO.
func openSession(chain []string, c Client) (*session, error) {
	s := &session{client: c, values: map[string]string{
		"j": "mx.test.example", "{daemon_name}": "mx.test.example", "{daemon_addr}": "127.0.0.1", "v": "Postfix 3.7.11",
		"_": c.Host + " [" + c.IP + "]", "{client_addr}": c.IP, "{client_name}": strings.Trim(c.Host, "[]"),
		"{client_ptr}": strings.Trim(c.Host, "[]"), "{client_port}": "12345", "{client_connections}": "1",
	}}
	for _, path := range chain {
		l, err := dialMilter(path)
		if err != nil {
			s.close()
			return nil, err
		}
		s.links = append(s.links, l)
	}
	for _, l := range s.links {
		family := byte('4')
		if strings.Contains(c.IP, ":") {
			family = '6'
		}
		a, err := l.step(noConnect, nrConnect, l.macros[stageConnect], s.values, 'C', cstring(c.Host), []byte{family, 0x30, 0x39}, cstring(c.IP))
		if err == nil && a.goOn() {
			a, err = l.step(noHelo, nrHelo, l.macros[stageHelo], s.values, 'H', cstring(c.Helo))
		}
		if err != nil {
			s.close()
			return nil, err
		}
		l.doneConnection = !a.goOn()
	}
	return s, nil
}

func (s *session) close() {
	for _, l := range s.links {
		l.close()
	}
}

// message plays one mail transaction.
func (s *session) message(c *Case, queueID string) (*Verdict, error) {
	s.values["i"] = queueID
	s.values["{mail_addr}"], s.values["{mail_host}"], s.values["{mail_mailer}"] = c.MailFrom, "test.example", "smtp"
	s.values["{auth_type}"], s.values["{auth_authen}"] = "", c.Login
	if c.Login != "" {
		s.values["{auth_type}"] = "PLAIN"
	}
	s.values["{rcpt_addr}"], s.values["{rcpt_host}"], s.values["{rcpt_mailer}"] = c.Rcpt, "test.example", "virtual"
	for _, l := range s.links {
		l.doneMessage = l.doneConnection
	}
	v, err := s.envelope(c)
	if v == nil && err == nil {
		v, err = s.content(c)
	}
	if err != nil {
		return nil, err
	}
	for _, l := range s.links {
		l.send('A') // Postfix sends it after every message
	}
	return v, nil
}

// envelope plays MAIL FROM, RCPT TO and DATA. A verdict ends the message.
func (s *session) envelope(c *Case) (*Verdict, error) {
	all := func(play func(l *link) (answer, error)) (*Verdict, error) {
		for _, l := range s.links {
			if l.doneMessage {
				continue
			}
			a, err := play(l)
			if err != nil {
				return nil, err
			}
			if a.cmd == 'a' {
				l.doneMessage = true
			} else if !a.goOn() {
				return a.verdict(), nil
			}
		}
		return nil, nil
	}
	v, err := all(func(l *link) (answer, error) {
		return l.step(noMail, nrMail, l.macros[stageMail], s.values, 'M', cstring("<"+c.MailFrom+">"))
	})
	if v == nil && err == nil {
		v, err = all(func(l *link) (answer, error) {
			return l.step(noRcpt, nrRcpt, l.macros[stageRcpt], s.values, 'R', cstring("<"+c.Rcpt+">"))
		})
	}
	if v == nil && err == nil {
		v, err = all(func(l *link) (answer, error) {
			return l.step(noData, nrData, l.macros[stageData], s.values, 'T')
		})
	}
	return v, err
}

// content plays header, body and end of message to one milter after the other.
func (s *session) content(c *Case) (*Verdict, error) {
	v := &Verdict{Action: "accept", Fields: c.Fields}
	for _, l := range s.links {
		if l.doneMessage {
			continue
		}
		a, err := s.show(l, c, v.Fields)
		if err != nil {
			return nil, err
		}
		for done := false; !done; {
			switch a.cmd {
			case 'h', 'i', 'm':
				if v.Fields, err = edit(v.Fields, a); err != nil {
					return nil, err
				}
			case 'q':
				v.Action = "hold"
			case 'c', 'a':
				done = true
			case '+', '-', 'b', 'e', '2': // recipients, body, sender: of no interest
			default:
				return a.verdict(), nil
			}
			if done {
				break
			}
			if a, err = l.receive(); err != nil {
				return nil, err
			}
		}
	}
	v.Added = len(v.Fields) - len(c.Fields)
	return v, nil
}

// show sends the content of a message and returns the answer to its end, or an
// earlier one that ends the message.
func (s *session) show(l *link, c *Case, fields []Field) (answer, error) {
	a, err := s.header(l, fields)
	if err == nil && a.goOn() {
		a, err = s.body(l, c.Body)
	}
	if err != nil || !a.goOn() {
		return a, err
	}
	l.define('E', l.macros[stageEOM], s.values)
	l.send('E')
	return l.receive()
}

func (s *session) header(l *link, fields []Field) (answer, error) {
	for i := range fields {
		value := fields[i].Value
		if l.protocol&leadSpace == 0 {
			value = strings.TrimPrefix(value, " ")
		}
		if a, err := l.step(noHeaders, nrHeaders, onlyID, s.values, 'L', cstring(fields[i].Name), cstring(value)); err != nil || !a.goOn() {
			return a, err
		}
	}
	return l.step(noEOH, nrEOH, l.macros[stageEOH], s.values, 'N')
}

// onlyID is what Postfix sends with each field and each part of a body.
var onlyID = []string{"i"}

func (s *session) body(l *link, body []byte) (answer, error) {
	for len(body) > 0 {
		n := min(len(body), 65535)
		a, err := l.step(noBody, nrBody, onlyID, s.values, 'B', body[:n])
		if err != nil || a.cmd != 'c' {
			// With 's' the milter skips the rest.
			return a, err
		}
		body = body[n:]
	}
	return silence, nil
}
