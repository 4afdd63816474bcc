package web

import (
	"context"
	"fmt"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/postvet/postvet/cmd/postvet/internal/control"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
	"github.com/postvet/postvet/cmd/postvet/internal/layout"
	"github.com/postvet/postvet/policy/foreign"
)

// forgetPage has the messages of an address or a domain removed from the journal: it is asked
// for, confirmed, and then done.
type forgetPage struct {
	// What is the address or the domain, IsAddress which of them.
	What      string `json:"what"`
	IsAddress bool   `json:"is_address"`
	Fault     string `json:"fault,omitempty"`
	// Confirm is true if the user is to confirm it. Done says what was done.
	Confirm bool   `json:"confirm"`
	Done    string `json:"done,omitempty"`
}

func (h *Handler) forgetForm(q *request) (any, error) {
	if err := h.needJournal(q); err != nil {
		return nil, err
	}
	return &forgetPage{What: foreign.Terminal(q.get("what"), 320)}, nil
}

// needJournal returns an error if there is no journal.
func (h *Handler) needJournal(q *request) error {
	if h.facts(q).Journal.Directory == "" {
		return ErrNoJournal
	}
	return nil
}

func (h *Handler) forget(q *request) (any, error) {
	if err := h.needJournal(q); err != nil {
		return nil, err
	}
	p := &forgetPage{What: strings.TrimSpace(pasted(q.http.PostFormValue("what")))}
	p.IsAddress = strings.Contains(p.What, "@")
	queries := rows.ForgetDomain(p.What)
	if p.IsAddress {
		queries = rows.ForgetAddress(p.What)
	}
	if p.What == "" || len(p.What) > 320 || strings.ContainsAny(p.What, " \n\t") {
		p.Fault = "Write one address such as ann@example.org, or one domain such as example.org."
		return p, nil
	}
	for i := range queries {
		if queries[i].Check() != nil {
			p.Fault = "This is neither an address nor a domain; write one such as ann@example.org or example.org."
			return p, nil
		}
	}
	if q.http.PostFormValue("confirm") == "" {
		p.Confirm = true
		return p, nil
	}
	var err error
	p.Done, err = h.forgetAll(q, queries)
	return p, err
}

// forgetTime bounds how long it may take to make the files of the journal anew.
const forgetTime = time.Hour

// forgetAll has messages forgotten, and says what was done. It goes on when the user's patience
// is over: files are being made anew.
func (h *Handler) forgetAll(q *request, queries []rows.Query) (string, error) {
	type outcome struct {
		n   int
		err error
	}
	done := make(chan outcome, 1)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(q.ctx), forgetTime)
	background := *q
	background.ctx = ctx
	go func() {
		defer cancel()
		var o outcome
		_, o.err = h.attempt(&background, func(b *request) (any, error) {
			var err error
			o.n, err = h.forgetEach(b, queries)
			return nil, err
		})
		if o.err != nil {
			h.opt.Logger.Warn("messages could not be forgotten", zap.Error(o.err))
		}
		done <- o
	}()
	select {
	case o := <-done:
		if o.err != nil {
			return "", o.err
		}
		return fmt.Sprintf("Forgotten: %s.", layout.Count(o.n, "message")), nil
	case <-q.ctx.Done():
		return "This takes longer. It goes on in the service; a search shows when nothing is left.", nil
	}
}

func (h *Handler) forgetEach(q *request, queries []rows.Query) (n int, err error) {
	for _, query := range queries {
		some, err := askedQuery[control.Forgotten](h, q, control.Request{Do: control.DoJournalForget}, query)
		if err != nil {
			return n, err
		}
		n += some.Messages
	}
	return n, nil
}
