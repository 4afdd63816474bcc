package metrics

import "github.com/prometheus/client_golang/prometheus"

// WebStats are numbers of the web page.
type WebStats struct {
	// Requests are the answers by the first digit of their status.
	Requests [6]uint64
	// Logins are the log-ins that succeeded and that failed, LoginsRefused those that were
	// not tried, since too many had failed or were under way.
	Logins, LoginsFailed, LoginsRefused uint64
	// Streams are the pages that stay open now.
	Streams int
}

var (
	webRequests = prometheus.NewDesc("postvet_web_requests_total", "Requests for the web page, by the class of the status that answered them.", []string{"status"}, nil)
	webLogins   = prometheus.NewDesc("postvet_web_logins_total", "Log-ins on the web page, by how they ended: done, failed, or refused since too many had failed or were under way.", []string{"result"}, nil)
	webStreams  = prometheus.NewDesc("postvet_web_streams", "Pages that stay open and show what happens.", nil, nil)
)

// webDescs are those of collectWeb.
var webDescs = []*prometheus.Desc{webRequests, webLogins, webStreams}

// WatchWeb sets where to read the numbers of the web page.
func (m *Metrics) WatchWeb(read func() WebStats) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.web = read
}

// collectWeb sends the metrics of the web page.
func collectWeb(out chan<- prometheus.Metric, s *WebStats) {
	for i, class := range [...]string{2: "2xx", 3: "3xx", 4: "4xx", 5: "5xx"} {
		if class != "" {
			out <- value(webRequests, prometheus.CounterValue, float64(s.Requests[i]), class)
		}
	}
	out <- value(webLogins, prometheus.CounterValue, float64(s.Logins), "done")
	out <- value(webLogins, prometheus.CounterValue, float64(s.LoginsFailed), "failed")
	out <- value(webLogins, prometheus.CounterValue, float64(s.LoginsRefused), "refused")
	out <- value(webStreams, prometheus.GaugeValue, float64(s.Streams))
}
