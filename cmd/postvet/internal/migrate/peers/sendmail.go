package peers

import (
	"slices"

	"github.com/postvet/postvet/cmd/postvet/internal/migrate/mta"
)

// EditSendmail returns what to change in sendmail.mc, or in sendmail.cf if text is
// one, so that Postvet takes the place of the peers. socket is where Postvet
// listens, in Sendmail's notation.
func (p *Plan) EditSendmail(file string, text, socket string) Edit {
	cf := mta.ParseSendmail(text)
	e := Edit{File: file, Lines: []EditLine{}, Then: "rebuild sendmail.cf (make -C /etc/mail) and restart sendmail"}
	ours := mta.Milter{Name: "postvet", Socket: socket, Entry: mta.SendmailMC(socket)}
	if cf.Built {
		ours.Entry = mta.SendmailCF(socket)
		e.Then = "restart sendmail"
	}
	list := cf.Milters()
	now, gone := p.replace(list, ours)
	e.define(cf, list, gone, ours)
	e.order(cf, names(now))
	e.Notes = p.notes(list, gone)
	if cf.Built {
		e.Notes = append(e.Notes, "sendmail.cf is built from sendmail.mc: change that, or the next build undoes this")
	}
	return e
}

// define replaces the definition of the first milter that is taken out by ours, and
// removes the other definitions.
func (e *Edit) define(cf mta.Sendmail, list, gone []mta.Milter, ours mta.Milter) {
	named := func(in []mta.Milter, name string) bool {
		return slices.ContainsFunc(in, func(m mta.Milter) bool { return m.Name == name })
	}
	placed := slices.ContainsFunc(list, func(m mta.Milter) bool { return mta.SameSocket(m.Socket, ours.Socket) })
	for _, l := range cf.Lines {
		if l.Milter == nil || !named(gone, l.Milter.Name) {
			continue
		}
		change := EditLine{Line: l.Line, Old: l.Raw}
		if !placed {
			placed, change.New = true, ours.Entry
		}
		e.Lines = append(e.Lines, change)
	}
	if !placed {
		e.Lines = append(e.Lines, EditLine{New: ours.Entry})
	}
}

// order sets the list, if the file has one or needs one.
func (e *Edit) order(cf mta.Sendmail, names string) {
	line := "define(`confINPUT_MAIL_FILTERS', `" + names + "')dnl"
	if cf.Built {
		line = "O InputMailFilters=" + names
	}
	for i := len(cf.Lines) - 1; i >= 0; i-- {
		if l := cf.Lines[i]; l.Milter == nil {
			if l.Raw != line {
				e.Lines = append(e.Lines, EditLine{l.Line, l.Raw, line})
			}
			return
		}
	}
	if cf.Built {
		e.Lines = append(e.Lines, EditLine{New: line})
	}
}
