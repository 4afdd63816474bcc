package web

import (
	"embed"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"sync"
)

//go:embed templates static
var files embed.FS

// templates are those of the pages, by name. Each has the layout and the parts too.
var templates = sync.OnceValue(func() map[string]*template.Template {
	base := template.Must(template.New("layout.html").Funcs(functions).ParseFS(files, "templates/layout.html", "templates/parts/*.html"))
	all := map[string]*template.Template{}
	names, err := fs.Glob(files, "templates/*.html")
	if err != nil {
		panic(err)
	}
	for _, name := range names {
		if key := strings.TrimSuffix(path.Base(name), ".html"); key != "layout" {
			all[key] = template.Must(template.Must(base.Clone()).ParseFS(files, name))
		}
	}
	return all
})

// templateOf returns the template of a page.
func templateOf(name string) *template.Template { return templates()[name] }

// staticAge is how long a browser may keep a style or a script. Their addresses change with
// the version.
const staticAge = "max-age=86400"

// static serves styles, scripts and pictures.
func static() http.Handler {
	server := http.FileServerFS(files)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/") {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Cache-Control", staticAge)
		server.ServeHTTP(w, r)
	})
}
