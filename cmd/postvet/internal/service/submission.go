package service

import (
	"context"
	"errors"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
	"github.com/postvet/postvet/cmd/postvet/internal/keys"
	"github.com/postvet/postvet/cmd/postvet/internal/submission"
	"github.com/postvet/postvet/cmd/postvet/internal/watch"
)

// ReportServer returns a client of the MTA that takes reports and notices. The
// configuration says where it is and how to log in; o has the name for EHLO and the times.
func ReportServer(c *config.Config, o submission.Options) (*submission.Client, error) {
	o.Address, o.RequireTLS = c.Report.SMTP, true
	if file := c.Report.AuthFile; file != "" {
		o.Auth = func() (submission.Auth, error) {
			data, err := keys.ReadSecret(file)
			if err != nil {
				return submission.Auth{}, err
			}
			return submission.ParseAuth(data)
		}
	}
	return submission.New(o)
}

// submitMail hands a notice to the MTA that takes reports.
func submitMail(ctx context.Context, c *config.Config, authservID, from, to, subject, text string) error {
	client, err := ReportServer(c, submission.Options{Hello: authservID})
	if err != nil {
		return err
	}
	a := client.Submit(ctx, &submission.Message{From: from, To: to, Data: watch.Message(from, to, subject, text, time.Now()), Quiet: true})
	if a.Result == submission.Accepted || a.Result == submission.Lost { // it may have been taken
		return nil
	}
	return errors.New(a.Text)
}
