package web

import (
	"context"
	"errors"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/control"
	"github.com/postvet/postvet/cmd/postvet/internal/web/access"
)

// request is a request for a page.
type request struct {
	ctx  context.Context
	http *http.Request
	user access.User
	// zone is where the times of the page are.
	zone *time.Location
	now  time.Time
	json bool
	// time is what the page has for reading.
	time *allowance
	// known are the facts of the page; nil until one asks for them.
	known *Facts
	// nodes are those of the numbers of the page, once asksNodes is true.
	nodes     *nodes
	asksNodes bool
	// uncounted is why the counts of this node cannot be read; nil if they can.
	uncounted error
}

// newRequest returns a request that begins now.
func (h *Handler) newRequest(r *http.Request) *request {
	q := &request{ctx: r.Context(), http: r, zone: zoneOf(r), now: h.opt.Now()}
	q.time = q.allow()
	return q
}

// facts returns what the service knows of itself as the page begins. They are read once: each
// time opens all files of the journal.
func (h *Handler) facts(q *request) *Facts {
	if q.known == nil {
		f := h.opt.Source.Facts(q.ctx)
		q.known = &f
	}
	return q.known
}

// maxParameter bounds a parameter of a query, in octets.
const maxParameter = 1024

// get returns a parameter of the query, without blanks around it.
func (q *request) get(name string) string {
	v := strings.TrimSpace(q.http.URL.Query().Get(name))
	return v[:min(len(v), maxParameter)]
}

// again returns the path of the page with its parameters and one more. It is below the base path.
func (q *request) again(name, value string) string {
	v := q.http.URL.Query()
	for name := range v {
		v.Set(name, q.get(name))
	}
	v.Set(name, value)
	path := q.http.URL.Path
	if q.json {
		path = strings.TrimSuffix(path, ".json")
	}
	return path + "?" + v.Encode()
}

// segment returns a wildcard of the page's path, without the ".json" of its JSON.
func (q *request) segment(name string) string {
	v := q.http.PathValue(name)
	if q.json {
		v = strings.TrimSuffix(v, ".json")
	}
	return v[:min(len(v), maxParameter)]
}

// zoneCookie keeps the time zone that a user chose.
const zoneCookie = "postvet_zone"

// zoneOf returns the time zone of a request: that of the cookie, or UTC.
func zoneOf(r *http.Request) *time.Location {
	c, err := r.Cookie(zoneCookie)
	if err != nil || c.Value == "Local" || len(c.Value) > 64 {
		return time.UTC
	}
	zone, err := time.LoadLocation(c.Value)
	if err != nil {
		return time.UTC
	}
	return zone
}

// localZone returns the name of this machine's time zone, "" if it is UTC or unknown.
var localZone = sync.OnceValue(func() string {
	name := os.Getenv("TZ")
	if name == "" {
		if link, err := os.Readlink("/etc/localtime"); err == nil {
			_, name, _ = strings.Cut(link, "zoneinfo/")
		}
	}
	if zone, err := time.LoadLocation(name); err != nil || zone == time.UTC || zone.String() == "Etc/UTC" || name == "Local" {
		return ""
	}
	return name
})

// chooseZone keeps the time zone that a user chose, and leads back to the page.
func (h *Handler) chooseZone(w http.ResponseWriter, r *http.Request) {
	name := r.URL.Query().Get("name")
	if _, err := time.LoadLocation(name); err != nil || name == "Local" || len(name) > 64 {
		name = "UTC"
	}
	http.SetCookie(w, &http.Cookie{Name: zoneCookie, Value: name, Path: h.opt.Base + "/", MaxAge: 365 * 24 * 3600, HttpOnly: true, SameSite: http.SameSiteStrictMode})
	http.Redirect(w, r, h.opt.Base+localPath(r.URL.Query().Get("back")), http.StatusSeeOther)
}

// asked has the source carry out a request, and returns its result.
func asked[T any](h *Handler, q *request, r control.Request) (result T, err error) {
	r.V = control.Version
	v, err := h.opt.Source.Ask(q.ctx, q.user, r)
	if err != nil {
		return result, err
	}
	result, ok := v.(T)
	if !ok {
		return result, errors.New("the service gave an answer that this page does not know")
	}
	return result, nil
}

// zonesBeside returns the time zones that can be chosen in place of one.
func zonesBeside(zone *time.Location) []string {
	all := []string{"UTC"}
	if local := localZone(); local != "" {
		all = append(all, local)
	}
	return slices.DeleteFunc(all, func(name string) bool { return name == zone.String() })
}
