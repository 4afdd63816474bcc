package web

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/postvet/postvet/cmd/postvet/internal/web/access"
	"github.com/postvet/postvet/policy/foreign"
)

// login is the page on which users log in.
type login struct {
	Name string
	// To is the path to which the browser goes on.
	To string
	// Wrong says why the last attempt failed, "" for none.
	Wrong string
}

// maxShown bounds text from outside in a line of the log, in octets.
const maxShown = 200

// logins returns the gate if users can log in there, nil if they cannot.
func (h *Handler) logins() access.Logins {
	if l, ok := h.opt.Gate.(access.Logins); ok && l.Offered() {
		return l
	}
	return nil
}

// localPath returns a path below the base to which a request may lead the browser; "/" for
// what could lead elsewhere, or has characters that an address cannot have. A browser takes
// "%2e%2e" for "..", too.
func localPath(s string) string {
	u, err := url.ParseRequestURI(s)
	if err != nil || !strings.HasPrefix(s, "/") || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r == '\\' || r >= 0x7f }) || len(s) > 2*maxParameter {
		return "/"
	}
	if clean := path.Clean(u.Path); u.Path != clean && u.Path != clean+"/" {
		return "/"
	}
	return s
}

// sendToLogin leads a browser to the log-in, and from there to where it was.
func (h *Handler) sendToLogin(w http.ResponseWriter, r *http.Request) {
	to := h.opt.Base + "/login"
	if here := localPath(r.URL.RequestURI()); here != "/" && (r.Method == http.MethodGet || r.Method == http.MethodHead) {
		to += "?to=" + url.QueryEscape(here)
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// showLogin serves the page on which users log in.
func (h *Handler) showLogin(w http.ResponseWriter, r *http.Request) {
	l := h.logins()
	if l == nil {
		h.notFound(w, r)
		return
	}
	to := localPath(r.URL.Query().Get("to"))
	if u, err := l.Identify(r); err == nil && u.Role > access.Nobody {
		http.Redirect(w, r, h.opt.Base+to, http.StatusSeeOther)
		return
	}
	h.writeLogin(w, r, http.StatusOK, login{To: to})
}

func (h *Handler) writeLogin(w http.ResponseWriter, r *http.Request, status int, l login) {
	q := h.newRequest(r)
	h.write(w, q, status, "login", h.view(q, page{title: "Log in"}, l))
}

// logIn carries out a log-in.
func (h *Handler) logIn(w http.ResponseWriter, r *http.Request) {
	l := h.logins()
	if l == nil {
		h.notFound(w, r)
		return
	}
	if problem := h.forms.read(w, r, maxLogInForm); problem != nil {
		h.fail(w, h.newRequest(r), problem)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), pageTime)
	defer cancel()
	again := login{Name: foreign.Terminal(r.PostFormValue("name"), maxShown), To: localPath(r.PostFormValue("to"))}
	u, cookie, err := l.LogIn(ctx, r, r.PostFormValue("name"), r.PostFormValue("password"))
	fields := []zap.Field{zap.String("user", again.Name), zap.String("address", u.Address)}
	var many *access.TooMany
	switch {
	case errors.As(err, &many):
		h.requests.loginsRefused.Add(1)
		h.opt.Logger.Warn("log-in refused, too many failed or are under way", fields...)
		wait := many.Wait.Round(time.Second)
		w.Header().Set("Retry-After", strconv.Itoa(max(1, int(wait/time.Second))))
		again.Wrong = "Too many log-ins failed or are under way. Try again in " + span(max(wait, time.Second)) + "; what is open stays open."
		h.writeLogin(w, r, http.StatusTooManyRequests, again)
	case err != nil:
		h.requests.loginsFailed.Add(1)
		h.opt.Logger.Warn("log-in failed", fields...)
		again.Wrong = "The name or the password is wrong."
		h.writeLogin(w, r, http.StatusUnauthorized, again)
	default:
		h.requests.logins.Add(1)
		h.opt.Logger.Info("log-in", append(fields, zap.Stringer("role", u.Role))...)
		http.SetCookie(w, cookie)
		http.Redirect(w, r, h.opt.Base+again.To, http.StatusSeeOther)
	}
}

// logOut ends the session of a user.
func (h *Handler) logOut(w http.ResponseWriter, r *http.Request) {
	l := h.logins()
	if l == nil {
		h.notFound(w, r)
		return
	}
	q, ok := h.begin(w, r, access.Nobody, false)
	if !ok {
		return
	}
	if problem := h.forms.check(w, r, q.user.Token); problem != nil {
		h.fail(w, q, problem)
		return
	}
	http.SetCookie(w, l.LogOut(r))
	h.opt.Logger.Info("log-out", zap.String("user", foreign.Terminal(q.user.Name, maxShown)), zap.String("address", q.user.Address))
	http.Redirect(w, r, h.opt.Base+"/login", http.StatusSeeOther)
}
