package setup

import (
	"context"
	"fmt"

	"github.com/postvet/postvet/cmd/postvet/internal/finding"
	"github.com/postvet/postvet/cmd/postvet/internal/submission"
	"github.com/postvet/postvet/policy/mx"
)

// probeUser is the local part of an address that a bounce might come to.
const probeUser = "bounce+check"

// server checks that the server is there and takes what we send.
func (c *check) server(ctx context.Context) Section {
	s := Section{Name: "server", Subject: c.Report.SMTP, Findings: finding.List{}}
	if c.Probe == nil {
		s.Findings.Error("the server cannot be asked: "+c.ProbeError.Error(), "set report.smtp and report.auth_file")
		return s
	}
	if c.Report.Email == "" {
		return s // there is nobody to ask about
	}
	a := c.Probe(ctx, probeUser+"@"+c.bounce, c.Report.Email)
	switch {
	case a.Result == submission.Accepted:
		s.Findings.OK("the server answers, and would take a report for " + c.Report.Email)
	case a.Stage == submission.Connect || a.Stage == submission.Hello || a.Code == 0:
		s.Findings.Error("the server does not answer: "+a.Text, "start it, or set report.smtp to where it listens")
	case a.Stage == submission.Login || a.Stage == submission.StartTLS:
		s.Findings.Error("the server lets nobody in: "+said(a), "look at report.auth_file, and at the server's log")
	case a.Result == submission.Temporary:
		s.Findings.Warning("the server would not take a report for "+c.Report.Email+" now: "+said(a), "look at its log")
	default:
		s.Findings.Error("the server would not take a report for "+c.Report.Email+": "+said(a), "let it take mail from this machine (mynetworks of Postfix), or name another in report.smtp")
	}
	return s
}

// bounces checks that bounces come back: the domain takes mail, and the server takes the
// address, with any text behind its "+".
func (c *check) bounces(ctx context.Context) Section {
	address := probeUser + "@" + c.bounce
	s := Section{Name: "bounces", Subject: "bounce+TOKEN@" + c.bounce, Findings: finding.List{}}
	takesMail(&s.Findings, mx.Check(ctx, c.dns, c.bounce), "bounces of reports are lost, and dead addresses get reports for ever")
	if c.Probe == nil {
		return s
	}
	a := c.Probe(ctx, "", address)
	switch {
	case a.Result == submission.Accepted:
		s.Findings.OK("the server takes bounces to " + address)
		s.Findings.Note("most bounces are written by the server itself, when another one refuses a report; it must show them to Postvet",
			"internal_mail_filter_classes = bounce and non_smtpd_milters = $smtpd_milters in main.cf of Postfix")
	case a.Stage != submission.Recipient || a.Code == 0:
		s.Findings.Warning("the server could not be asked whether it takes bounces to "+address, "")
	case a.Result == submission.Temporary:
		s.Findings.Warning("the server does not take bounces to "+address+" now: "+said(a), "look at its log")
	default:
		s.Findings.Error("the server refuses bounces to "+address+": "+said(a),
			"have it take bounce@"+c.bounce+", with recipient_delimiter = + (Postfix); Postvet drops bounces that it has read")
	}
	return s
}

// said returns what a server said.
func said(a submission.Answer) string {
	if a.Code == 0 {
		return a.Text
	}
	if a.Status == "" {
		return fmt.Sprintf("%d %s", a.Code, a.Text)
	}
	return fmt.Sprintf("%d %s %s", a.Code, a.Status, a.Text)
}
