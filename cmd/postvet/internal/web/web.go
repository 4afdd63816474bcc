// Package web serves the pages in which an administrator sees what Postvet does.
//
// Each page is an entry of [pages]: a path, a role, a template, and a function that
// returns what the page shows as a plain value. The same value is the JSON at the same
// path with ".json" behind it. Pages know nothing of HTML, and templates nothing of the
// journal.
//
// A page asks its [Source] for what it shows. It never touches what the mail path waits
// for, and its time is bounded.
package web

import (
	"context"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/postvet/postvet/cmd/postvet/internal/control"
	"github.com/postvet/postvet/cmd/postvet/internal/idle"
	"github.com/postvet/postvet/cmd/postvet/internal/web/access"
	"github.com/postvet/postvet/cmd/postvet/internal/web/live"
)

// Source has what the pages show.
type Source interface {
	Overview
	CountSource
	DomainSource
	ReportSource
	LookupSource
	Auditor
	Policies
	Checks
	Keys
	Fleets
	// Ask carries out a request of a user as the control socket does for a process. An
	// error that is a [*control.Refusal] is told to the user as it is.
	Ask(ctx context.Context, user access.User, q control.Request) (any, error)
}

// Options are the options of a Server. Source and Gate are needed.
type Options struct {
	Source Source
	Gate   access.Gate
	// Base is the path under which a proxy shows the pages, such as "/postvet"; "" for
	// the root.
	Base string
	// Version is the version of the program.
	Version string
	// Node is the name of this machine for the head of each page.
	Node string
	// Live has the last messages for the page that shows them as they come; nil for none.
	Live *live.Ring
	// Now is the clock. Default time.Now.
	Now func() time.Time
	// Logger receives what a user changes, and failures. Default: none.
	Logger *zap.Logger
}

// Handler serves the pages. It is safe for concurrent use.
type Handler struct {
	opt      Options
	mux      *http.ServeMux
	pages    []page
	forms    forms
	requests requestCounts
	streams  streams
	feed     *live.Feed // nil without Options.Live
}

// New returns a handler.
func New(o Options) *Handler {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = zap.NewNop()
	}
	h := &Handler{opt: o, mux: http.NewServeMux(), forms: newForms()}
	h.feed, h.pages = h.newFeed(), h.allPages()
	h.routes()
	return h
}

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	setHeaders(w.Header())
	if conn := idle.ConnOf(r.Context()); conn != nil {
		conn.Touch() // those without a request are closed first
	}
	c := &counted{ResponseWriter: w}
	w = c
	defer h.count(c)
	below, ok := belowBase(r.URL, h.opt.Base)
	switch {
	case !ok:
		http.Error(w, "there is no such page; the pages are below "+h.opt.Base+"/", http.StatusNotFound)
	case below.Path == "":
		redirectTo(w, r, h.opt.Base+"/")
	case below.Path != "/" && below.Path == path.Clean(below.Path)+"/":
		redirectTo(w, r, h.opt.Base+strings.TrimSuffix(below.EscapedPath(), "/"))
	default:
		r2 := *r
		r2.URL = below
		if below.Path != path.Clean(below.Path) {
			h.notFound(w, &r2) // the mux would lead out of the base
			return
		}
		h.mux.ServeHTTP(w, &r2)
	}
}

// belowBase returns an address without the path under which a proxy shows the pages, and
// whether it has that path.
func belowBase(u *url.URL, base string) (*url.URL, bool) {
	below := *u
	var ok, rawOK bool
	below.Path, ok = strings.CutPrefix(u.Path, base)
	below.RawPath, rawOK = strings.CutPrefix(u.RawPath, base)
	if !ok || !rawOK && u.RawPath != "" || below.Path != "" && below.Path[0] != '/' {
		return nil, false
	}
	return &below, true
}

// redirectTo leads to a path with the same query.
func redirectTo(w http.ResponseWriter, r *http.Request, to string) {
	if r.URL.RawQuery != "" {
		to += "?" + r.URL.RawQuery
	}
	http.Redirect(w, r, to, http.StatusPermanentRedirect)
}

// setHeaders sets what each answer has. The policy allows neither a script nor a style
// inside a page, so that foreign text cannot become either.
func setHeaders(header http.Header) {
	header.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Cross-Origin-Opener-Policy", "same-origin")
	header.Set("Cache-Control", "no-store")
}
