package web

import (
	"net/http"
	"sync/atomic"
)

// RequestCounts are numbers of the web page since the start.
type RequestCounts struct {
	// Requests are the answers by the first digit of their status.
	Requests [6]uint64
	// Logins are those that succeeded, LoginsRefused those that were not tried, since too
	// many had failed or were under way.
	Logins, LoginsFailed, LoginsRefused uint64
	// Streams are the answers that stay open now.
	Streams int
}

type requestCounts struct {
	requests                            [6]atomic.Uint64
	logins, loginsFailed, loginsRefused atomic.Uint64
}

// Counts returns the numbers.
func (h *Handler) Counts() RequestCounts {
	c := RequestCounts{
		Logins: h.requests.logins.Load(), LoginsFailed: h.requests.loginsFailed.Load(), LoginsRefused: h.requests.loginsRefused.Load(),
		Streams: h.Streams(),
	}
	for i := range c.Requests {
		c.Requests[i] = h.requests.requests[i].Load()
	}
	return c
}

// counted notes the status of an answer.
type counted struct {
	http.ResponseWriter
	status int
}

func (c *counted) WriteHeader(status int) {
	if c.status == 0 {
		c.status = status
	}
	c.ResponseWriter.WriteHeader(status)
}

// Unwrap is for [http.ResponseController].
func (c *counted) Unwrap() http.ResponseWriter { return c.ResponseWriter }

// count counts an answer. One without a status has the status 200.
func (h *Handler) count(c *counted) {
	class := c.status / 100
	if class < 1 || class > 5 {
		class = 2
	}
	h.requests.requests[class].Add(1)
}
