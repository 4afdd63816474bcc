package metrics

import (
	"net/http"

	"github.com/postvet/postvet/cmd/postvet/internal/idle"
)

// touching has each whole request keep its connection from being closed before others.
func touching(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c := idle.ConnOf(r.Context()); c != nil {
			c.Touch()
		}
		h.ServeHTTP(w, r)
	})
}
