package web

import (
	"net/http"
	"slices"
	"strings"

	"github.com/postvet/postvet/cmd/postvet/internal/web/access"
)

// page is one page. Its data is what the template shows, and the JSON at path + ".json".
type page struct {
	// path is a pattern of [http.ServeMux] without a method. group is the path of the
	// entry of the navigation that it belongs to, "" for its own.
	path, group string
	// title is the word in the navigation and the window.
	title string
	// template is the name of its file in the folder templates, without ".html".
	template string
	role     access.Role
	// data returns what the page shows, for a GET. An error that is a [*problem] is
	// shown in its words.
	data func(*request) (any, error)
	// post does what a form of the page asks for, and returns the path to which the
	// browser goes on, or what the page shows then; nil if the page has no form.
	post func(*request) (any, error)
}

// allPages returns all pages, in the order of the navigation.
func (h *Handler) allPages() []page {
	return []page{
		{path: "/", title: "Start", template: "home", role: access.Viewer, data: h.home},
		{path: "/messages", title: "Messages", template: "messages", role: access.Support, data: h.messages},
		{path: "/live", title: "Live", template: "live", role: access.Support, data: h.live},
		{path: "/held", title: "Held mail", template: "held", role: access.Support, data: h.held},
		{path: "/messages/{ref}", group: "/messages", title: "A message", template: "story", role: access.Support, data: h.story},
		{path: "/check", title: "Check", template: "check", role: access.Support, data: h.check, post: h.checkMessage},
		{path: "/policy", title: "Policy", template: "policy", role: access.Admin, data: h.policy, post: h.tryPolicy},
		{path: "/domains", title: "Domains", template: "domains", role: access.Viewer, data: h.domains},
		{path: "/domains/{name}", group: "/domains", title: "Domain", template: "domain", role: access.Viewer, data: h.domain},
		{path: "/forwarders", title: "Forwarders", template: "forwarders", role: access.Viewer, data: h.forwarders},
		{path: "/own", title: "Own domains", template: "own", role: access.Viewer, data: h.own},
		{path: "/lookup", title: "Lookup", template: "lookup", role: access.Support, data: h.lookupForm},
		{path: "/lookup/{name}", group: "/lookup", title: "Lookup", template: "lookup", role: access.Support, data: h.lookup, post: h.flush},
		{path: "/reports/in", title: "Received", template: "reports_in", role: access.Viewer, data: h.reportsIn},
		{path: "/reports/in/{id}", group: "/reports/in", title: "A report of another", template: "report_in", role: access.Viewer, data: h.reportIn},
		{path: "/reports/sent", title: "Sent", template: "reports_sent", role: access.Support, data: h.reportsSent},
		{path: "/reports/sent/{id}", group: "/reports/sent", title: "One of our reports", template: "report_sent", role: access.Support, data: h.reportSent},
		{path: "/keys", title: "Keys", template: "keys", role: access.Support, data: h.keys},
		{path: "/fleet", title: "Fleet", template: "fleet", role: access.Viewer, data: h.fleet},
		{path: "/status", title: "Status", template: "status", role: access.Viewer, data: h.status},
		{path: "/about", title: "About", template: "about", role: access.Nobody, data: h.about},
		{path: "/forget", group: "/status", title: "Forget", template: "forget", role: access.Admin, data: h.forgetForm, post: h.forget},
		{path: "/audit", group: "/status", title: "Audit", template: "audit", role: access.Admin, data: h.audit},
	}
}

// navigation is the pages that have an entry there, in groups.
var navigation = []struct {
	Title string
	Paths []string
}{
	{"", []string{"/", "/live"}},
	{"Mail", []string{"/messages", "/held", "/check"}},
	{"Senders", []string{"/domains", "/forwarders", "/own", "/lookup"}},
	{"Reports", []string{"/reports/in", "/reports/sent"}},
	{"Postvet", []string{"/policy", "/keys", "/fleet", "/status", "/about"}},
}

// routes has each page and its JSON served.
func (h *Handler) routes() {
	for _, p := range h.pages {
		pattern, twin := p.path, p.path
		if p.path == "/" {
			pattern, twin = "/{$}", "/index"
		}
		h.mux.HandleFunc("GET "+pattern, h.serve(p, false))
		if !strings.HasSuffix(p.path, "}") { // a wildcard takes the whole segment, so that serve cuts the suffix
			h.mux.HandleFunc("GET "+twin+".json", h.serve(p, true))
		}
		if p.post != nil {
			h.mux.HandleFunc("POST "+pattern, h.servePost(p))
		}
	}
	h.mux.HandleFunc("GET /login", h.showLogin)
	h.mux.HandleFunc("POST /login", h.logIn)
	h.mux.HandleFunc("POST /logout", h.logOut)
	h.mux.HandleFunc("GET /zone", h.chooseZone)
	h.mux.HandleFunc("GET /live/events", h.liveEvents)
	h.mux.Handle("GET /static/", static())
	h.mux.HandleFunc("GET /static", h.notFound) // otherwise the mux leads out of the base
	h.mux.HandleFunc("/", h.notFound)
}

// offered returns the page to which a path leads if there is one that the user may see.
func (h *Handler) offered(path string, user access.User) (page, bool) {
	i := slices.IndexFunc(h.pages, func(p page) bool {
		before, _, wildcard := strings.Cut(p.path, "{")
		return p.path == path || wildcard && strings.HasPrefix(path, before)
	})
	if i < 0 || !user.May(h.pages[i].role) {
		return page{}, false
	}
	return h.pages[i], true
}

func (h *Handler) notFound(w http.ResponseWriter, r *http.Request) {
	q, ok := h.begin(w, r, access.Nobody, strings.HasSuffix(r.URL.Path, ".json"))
	if !ok {
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		h.fail(w, q, &problem{Status: http.StatusMethodNotAllowed, Title: "This page takes no form", Text: "It can only be read."})
		return
	}
	h.fail(w, q, &problem{Status: http.StatusNotFound, Title: "There is no such page", Text: "The address is mistyped, or what it names is not kept any more."})
}
