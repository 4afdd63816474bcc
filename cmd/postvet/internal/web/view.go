package web

import (
	"strings"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/web/access"
)

// view is what the template of each page gets.
type view struct {
	Title string
	// Page is what the page shows.
	Page any
	// Here is the page's own path and query.
	Here string
	// JSON is the path of the same as JSON, "" for none.
	JSON  string
	Nav   []navGroup
	User  access.User
	Now   time.Time
	Place place
	// Zones are the other time zones that can be chosen.
	Zones []string
	// GoOn is the page with what this one had no time to read, "" if nothing is missing or the
	// page leads there itself.
	GoOn string
	// Node and Version stand in the head and the foot.
	Node, Version string

	// offered reports whether the user may see the page to which a path leads.
	offered func(path string) bool
}

// place is where a page is shown: below which path, and in which time zone.
type place struct {
	Base string
	Zone *time.Location
	Now  time.Time
	// Nodes are those whose numbers a page shows, nil if it shows none or this machine is
	// alone.
	Nodes *nodes
}

// navGroup is a part of the navigation.
type navGroup struct {
	Title string
	Links []navLink
}

type navLink struct {
	Path, Title string
	Current     bool
}

// view returns the view of a page.
func (h *Handler) view(q *request, p page, data any) view {
	v := view{
		Title: p.title, Page: data, Here: q.http.URL.RequestURI(), User: q.user, Now: q.now, Node: h.opt.Node, Version: h.opt.Version,
		Place: place{Base: h.opt.Base, Zone: q.zone, Now: q.now, Nodes: q.nodes}, Zones: zonesBeside(q.zone),
		offered: func(path string) bool {
			_, ok := h.offered(path, q.user)
			return ok
		},
	}
	if leads, ok := data.(interface{ leadsOn() bool }); q.time.cut && (!ok || !leads.leadsOn()) {
		v.GoOn = q.goOn()
	}
	if p.template != "" {
		v.JSON = jsonPath(q.http.URL.Path, q.http.URL.RawQuery)
	}
	if q.user.Role == access.Nobody {
		return v
	}
	for _, g := range navigation {
		group := navGroup{Title: g.Title}
		for _, path := range g.Paths {
			if x, ok := h.offered(path, q.user); ok {
				group.Links = append(group.Links, navLink{Path: path, Title: x.title, Current: path == p.path || path == p.group})
			}
		}
		if len(group.Links) > 0 {
			v.Nav = append(v.Nav, group)
		}
	}
	return v
}

// jsonPath returns the path of a page's JSON.
func jsonPath(path, query string) string {
	if path == "/" {
		path = "/index"
	}
	path += ".json"
	if query != "" {
		path += "?" + query
	}
	return path
}

// offer returns a path with parameters as query does, and "" if the reader may not see its
// page.
func offer(v view, path string, pairs ...any) string {
	before, _, _ := strings.Cut(path, "#")
	if before, _, _ = strings.Cut(before, "?"); !v.offered(before) {
		return ""
	}
	return query(v.Place, path, pairs...)
}
