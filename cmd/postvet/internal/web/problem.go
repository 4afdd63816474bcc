package web

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"go.uber.org/zap"

	"github.com/postvet/postvet/cmd/postvet/internal/control"
	"github.com/postvet/postvet/policy/foreign"
)

// problem is an error that a page shows in its place: what is wrong, and what to do.
type problem struct {
	Status int    `json:"-"`
	Title  string `json:"error"`
	Text   string `json:"text,omitempty"`
	// Paste is what to write into the configuration, "" for nothing.
	Paste string `json:"paste,omitempty"`

	// page is the title of a page that shows the problem as a whole; "" if none needs to.
	page string
	// unset is true if nothing fails: the configuration leaves out what the page shows. Its
	// Status is for what asks for an object, such as a page's JSON. A reader gets a page that
	// says how to set it.
	unset bool
}

func (p *problem) Error() string { return p.Title }

// maxProblem bounds a line of a problem, in octets.
const maxProblem = 1000

// harmless returns the problem with its foreign parts made visible.
func (p *problem) harmless() *problem {
	c := *p
	lines := strings.Split(p.Text, "\n")
	for i, line := range lines {
		lines[i] = foreign.Terminal(line, maxProblem)
	}
	c.Title, c.Text = foreign.Terminal(p.Title, maxProblem), strings.Join(lines, "\n")
	return &c
}

// words returns the problem in one line.
func (p *problem) words() string {
	switch {
	case p.page != "":
		return p.Title + ". The page " + p.page + " has the lines for the configuration that would change this."
	case p.Text == "":
		return p.Title + "."
	}
	if p.Paste != "" && !strings.Contains(p.Paste, "\n") {
		return p.Title + ": " + p.Text + " " + p.Paste
	}
	return p.Title + ": " + p.Text
}

// noJournal is the problem of pages that show the journal while there is none.
var noJournal = &problem{
	Status: http.StatusNotFound, Title: "No journal is kept",
	Text:  "Postvet remembers messages only with a journal: what became of each of them and why, so that you can find it here later. Paste these lines into the configuration, and restart the service.",
	Paste: "[journal]\ndirectory = \"/var/lib/postvet/journal\"",
	page:  "Messages", unset: true,
}

// ErrNoJournal is what a Source returns for what only a journal knows while there is none.
var ErrNoJournal error = noJournal

const unreadableTitle = "The journal cannot be read"

// unreadable returns the error of a reader of the journal with a remedy, unless it has one.
func (h *Handler) unreadable(q *request, err error) error {
	var p *problem
	var refusal *control.Refusal
	if errors.As(err, &p) || errors.As(err, &refusal) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return err
	}
	h.opt.Logger.Warn("a page could not be made", zap.String("path", foreign.Terminal(q.http.URL.Path, maxShown)), zap.Error(err))
	return &problem{
		Status: http.StatusServiceUnavailable, Title: unreadableTitle,
		Text:  "Mail is not affected. The log of the service says why, and this command says which file is damaged:",
		Paste: "postvet journal verify",
	}
}

// problemOf returns the problem that stands for an error.
func (h *Handler) problemOf(q *request, err error) *problem {
	var p *problem
	var refusal *control.Refusal
	switch {
	case errors.As(err, &p):
		return p
	case errors.As(err, &refusal):
		status := http.StatusBadRequest
		if refusal.Code == control.CodeFailed || refusal.Code == control.CodeBusy {
			status = http.StatusServiceUnavailable
		}
		return &problem{Status: status, Title: "The service refuses this", Text: refusal.Error()}
	case errors.Is(err, context.DeadlineExceeded):
		return &problem{Status: http.StatusGatewayTimeout, Title: "This took too long", Text: "Ask for a shorter time, or try again when the machine is less busy."}
	case errors.Is(err, context.Canceled):
		return &problem{Status: http.StatusServiceUnavailable, Title: "The service stops", Text: "Try again in a moment."}
	}
	h.opt.Logger.Warn("a page could not be made", zap.String("path", foreign.Terminal(q.http.URL.Path, maxShown)), zap.Error(err))
	return &problem{Status: http.StatusInternalServerError, Title: "This page could not be made", Text: "The log of the service says why."}
}
