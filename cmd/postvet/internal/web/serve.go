package web

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"

	"go.uber.org/zap"

	"github.com/postvet/postvet/cmd/postvet/internal/web/access"
	"github.com/postvet/postvet/policy/foreign"
)

// begin identifies the user of a request, and refuses one who may not see the page.
func (h *Handler) begin(w http.ResponseWriter, r *http.Request, role access.Role, asJSON bool) (*request, bool) {
	q := h.newRequest(r)
	q.json = asJSON
	user, err := h.opt.Gate.Identify(r)
	user.Token = h.forms.token(user)
	q.user = user
	switch {
	case errors.Is(err, access.ErrLogin) && asJSON:
		h.fail(w, q, &problem{Status: http.StatusUnauthorized, Title: "Log in first"})
	case errors.Is(err, access.ErrLogin):
		h.sendToLogin(w, r)
	case err != nil:
		h.fail(w, q, &problem{Status: http.StatusForbidden, Title: "You may not see this page", Text: errorSentence(err)})
	case !user.May(role):
		h.fail(w, q, &problem{Status: http.StatusForbidden, Title: "You may not see this page", Text: fmt.Sprintf("It needs the role %s, and yours is %s. An administrator of this machine gives roles, as postvet-web(7) says.", role, user.Role)})
	default:
		return q, true
	}
	return q, false
}

// errorSentence returns an error as a sentence.
func errorSentence(err error) string {
	s := err.Error()
	return strings.ToUpper(s[:1]) + s[1:] + "."
}

// serve returns the handler of a page.
func (h *Handler) serve(p page, asJSON bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		q, ok := h.begin(w, r, p.role, asJSON || strings.HasSuffix(p.path, "}") && strings.HasSuffix(r.URL.Path, ".json"))
		if !ok {
			return
		}
		h.answer(w, q, p, p.data)
	}
}

// servePost returns the handler of a page's form. The page gets the form once it is read and
// its token shows that one of our pages sent it.
func (h *Handler) servePost(p page) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		q, ok := h.begin(w, r, p.role, false)
		if !ok {
			return
		}
		if problem := h.forms.check(w, r, q.user.Token); problem != nil {
			h.fail(w, q, problem)
			return
		}
		h.answer(w, q, p, p.post)
	}
}

// flushKey is the key for the context of a page, which has a [sync.Once].
type flushKey struct{}

// FlushOnce calls flush, which writes the newest mail into the journal, unless a call for the
// same page has done so: a page reads the journal several times. Without the context of a page
// it always calls flush.
func FlushOnce(ctx context.Context, flush func()) {
	if once, ok := ctx.Value(flushKey{}).(*sync.Once); ok {
		once.Do(flush)
		return
	}
	flush()
}

// answer writes what a function of a page returns. A panic costs the page alone.
func (h *Handler) answer(w http.ResponseWriter, q *request, p page, f func(*request) (any, error)) {
	ctx, cancel := context.WithTimeout(q.ctx, pageTime)
	defer cancel()
	q.ctx = context.WithValue(ctx, flushKey{}, new(sync.Once))
	data, err := h.attempt(q, f)
	if err != nil {
		h.answerProblem(w, q, p, h.problemOf(q, err))
		return
	}
	if to, ok := data.(redirect); ok {
		http.Redirect(w, q.http, h.opt.Base+string(to), http.StatusSeeOther)
		return
	}
	if q.json {
		h.writeJSON(w, http.StatusOK, data)
		return
	}
	h.write(w, q, http.StatusOK, p.template, h.view(q, p, data))
}

// answerProblem writes the problem of a page. If the configuration only leaves out what the page
// shows, the page says how to set it, and nothing has failed.
func (h *Handler) answerProblem(w http.ResponseWriter, q *request, p page, problem *problem) {
	if !problem.unset || q.json || q.http.Method == http.MethodPost {
		h.fail(w, q, problem)
		return
	}
	h.write(w, q, http.StatusOK, "problem", h.view(q, page{title: problem.Title, path: p.path, group: p.group}, problem.harmless()))
}

// redirect is the path to which a form leads.
type redirect string

func (h *Handler) attempt(q *request, f func(*request) (any, error)) (data any, err error) {
	defer func() {
		if v := recover(); v != nil {
			h.opt.Logger.Error("panic while a page was made", zap.String("path", foreign.Terminal(q.http.URL.Path, maxShown)), zap.Any("panic", v), zap.Stack("stack"))
			err = &problem{Status: http.StatusInternalServerError, Title: "This page could not be made", Text: "That is a fault in Postvet. The log of the service has what is needed to report it; mail is not affected."}
		}
	}()
	return f(q)
}

// fail writes a problem. Its text may have foreign parts, such as the name that was asked for.
func (h *Handler) fail(w http.ResponseWriter, q *request, p *problem) {
	p = p.harmless()
	if q.json {
		h.writeJSON(w, p.Status, p)
		return
	}
	h.write(w, q, p.Status, "problem", h.view(q, page{title: p.Title}, p))
}

func (h *Handler) writeJSON(w http.ResponseWriter, status int, data any) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetIndent("", "  ")
	if err := e.Encode(data); err != nil {
		h.opt.Logger.Error("a page could not be written as JSON", zap.Error(err))
		http.Error(w, "this page could not be made", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(foreign.JSON(b.Bytes())) // it may be read at a terminal
}

// write writes a page. It is made whole first, so that none ends in the middle.
func (h *Handler) write(w http.ResponseWriter, q *request, status int, name string, v view) {
	var b bytes.Buffer
	if err := templateOf(name).Execute(&b, v); err != nil {
		h.opt.Logger.Error("a page could not be written", zap.String("path", foreign.Terminal(q.http.URL.Path, maxShown)), zap.Error(err))
		http.Error(w, "this page could not be made; the log of the service says why", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes())
}
