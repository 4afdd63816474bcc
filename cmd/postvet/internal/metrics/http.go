package metrics

import (
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.uber.org/zap"

	"github.com/postvet/postvet/cmd/postvet/internal/idle"
)

// The bounds of the HTTP server. A client that reaches the listener must not take CPU
// time and memory from the mail.
const (
	maxConns       = 128
	maxScrapes     = 4 // at a time
	maxHeaderBytes = 16 << 10
	scrapeTimeout  = 10 * time.Second
	closeTimeout   = time.Second
)

// handler serves
//
//	/metrics   in the format that the scraper asks for
//	/healthz   200 "ok": the process answers
//	/readyz    200 "ready", or 503 and a line for each reason why not
//
// to GET and HEAD, and nothing else.
func (m *Metrics) handler(log *zap.Logger) http.Handler {
	options := promhttp.HandlerOpts{
		MaxRequestsInFlight: maxScrapes, Timeout: scrapeTimeout,
		ErrorHandling: promhttp.ContinueOnError, // some numbers are better than none
	}
	if std, err := zap.NewStdLogAt(log, zap.WarnLevel); err == nil {
		options.ErrorLog = std
	}
	scrape := promhttp.HandlerFor(m.opt.Registry, options)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Cache-Control", "no-store")
		h.Set("X-Content-Type-Options", "nosniff")
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			h.Set("Allow", "GET, HEAD")
			text(w, http.StatusMethodNotAllowed, "only GET and HEAD are served")
			return
		}
		switch r.URL.Path {
		case "/metrics":
			scrape.ServeHTTP(w, r)
		case "/healthz":
			text(w, http.StatusOK, "ok")
		case "/readyz":
			if why := m.NotReady(); len(why) > 0 {
				text(w, http.StatusServiceUnavailable, "not ready", why...)
				return
			}
			text(w, http.StatusOK, "ready")
		default:
			text(w, http.StatusNotFound, "there are /metrics, /healthz and /readyz")
		}
	})
}

func text(w http.ResponseWriter, status int, line string, more ...string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, strings.Join(append([]string{line}, more...), "\n")+"\n")
}

// Serve serves the metrics on l, which Close closes. A scrape under way has a moment to end.
func (m *Metrics) Serve(l net.Listener, log *zap.Logger) *idle.Server {
	// Mail goes on without its metrics.
	return idle.Serve(m.server(log), l, maxConns, closeTimeout, func(err error) {
		log.Error("metrics are no longer served; restart to get them back", zap.Error(err))
	})
}

// server returns the server, with its bounds.
func (m *Metrics) server(log *zap.Logger) *http.Server {
	s := &http.Server{
		Handler:           touching(m.handler(log)),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      scrapeTimeout + 10*time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    maxHeaderBytes,
	}
	if std, err := zap.NewStdLogAt(log, zap.WarnLevel); err == nil {
		s.ErrorLog = std
	}
	return s
}
