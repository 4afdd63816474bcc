package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// unixTransport returns a transport for HTTP by a unix socket.
func unixTransport(socket string) *http.Transport {
	return &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}}
}

// scrape reads a page of the metrics listener of a running service.
func scrape(t *testing.T, socket, path string) (code int, body string) {
	t.Helper()
	transport := unixTransport(socket)
	transport.DisableKeepAlives = true
	client := http.Client{Timeout: patience, Transport: transport}
	r, err := client.Get("http://postvet" + path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, string(b)
}

// TestMetrics sends real messages, reloads and drains, and looks at the metrics.
func TestMetrics(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	milter, page, file := filepath.Join(dir, "s"), filepath.Join(dir, "m"), filepath.Join(dir, "c")
	text := fmt.Sprintf("listen = [\"unix:%s\"]\nauthserv_id = \"mx.test.example\"\n[dns]\nresolvers = [%q]\n[metrics]\nlisten = \"unix:%s\"\n", milter, testResolver(t), page)
	writeConfig(t, file, text)
	s := startService(t, nil, "--config", file)
	s.waitLog(`"msg":"serving"`, 1)

	m := dialMTA(t, "unix", milter)
	m.connect("192.0.2.66", "evil.example")
	spoof := testMessage(t, "spoof.eml")
	for range 2 {
		if _, verdict := m.end(m.begin("x@evil.example", spoof)); !strings.HasPrefix(verdict, "reply 550 5.7.26 ") {
			t.Fatalf("a forgery got %q", verdict)
		}
	}
	good := dialMTA(t, "unix", milter)
	good.connect("192.0.2.1", "mx.good.example")
	good.end(good.begin("bounce@good.example", testMessage(t, "signed.eml")))
	// The hook that counts runs after the reply and before the log line.
	s.waitLog(`"msg":"message"`, 3)

	wait(t, page, `postvet_messages_total{action="accept",rule="dmarc-pass"} 1`)
	_, got := scrape(t, page, "/metrics")
	for _, want := range []string{
		`postvet_messages_total{action="reject",rule="dmarc-reject"} 2`,
		`postvet_messages_total{action="tempfail",rule="fault"} 0`,
		`postvet_results_total{method="dmarc",result="fail"} 2`,
		`postvet_results_total{method="dmarc",result="pass"} 1`,
		`postvet_results_total{method="arc",result="none"} 3`,
		`postvet_verdict_seconds_count 3`, `postvet_message_seconds_count 3`, `postvet_dns_wait_seconds_count 3`,
		`postvet_connections 2`, `postvet_connections_total 2`, `postvet_sessions_total 2`, `postvet_listeners 1`, `postvet_ready 1`,
		`postvet_faults_total 0`, `postvet_panics_total 0`, `postvet_config_last_reload_successful 1`,
		`postvet_dns_lookups_total{outcome="servfail",source="upstream"} 0`,
		`postvet_build_info{`, `process_resident_memory_bytes `, `go_goroutines `,
	} {
		if !strings.Contains(got, "\n"+want) {
			t.Errorf("there is no %q", want)
		}
	}
	if strings.Contains(got, "evil.example") || strings.Contains(got, "192.0.2.66") || strings.Contains(got, "good.example") {
		t.Error("a label comes from the outside")
	}

	writeConfig(t, file, "mode = \"nonsense\"\n")
	s.signal(syscall.SIGHUP)
	wait(t, page, "postvet_config_last_reload_successful 0")
	if code, body := scrape(t, page, "/readyz"); code != 200 || body != "ready\n" {
		t.Errorf("after a refused reload: %d %q", code, body)
	}
	writeConfig(t, file, text+"[[rule]]\nname = \"evil\"\nspf = [\"pass\"]\naction = \"tempfail\"\n")
	s.signal(syscall.SIGHUP)
	wait(t, page, `postvet_config_reloads_total{result="done"} 1`)
	wait(t, page, `postvet_messages_total{action="tempfail",rule="evil"} 0`)
	if _, verdict := m.end(m.begin("x@evil.example", spoof)); !strings.HasPrefix(verdict, "reply 45") {
		t.Fatalf("a message that a rule defers got %q", verdict)
	}
	wait(t, page, `postvet_messages_total{action="tempfail",rule="evil"} 1`)
	wait(t, page, `postvet_rule_matches_total{rule="evil"} 1`)

	// The service waits for a message in flight, and says that it is stopping.
	body := good.begin("bounce@good.example", testMessage(t, "signed.eml"))
	s.signal(syscall.SIGTERM)
	wait(t, page, "postvet_draining 1")
	if code, text := scrape(t, page, "/readyz"); code != 503 || !strings.HasPrefix(text, "not ready\nstopping: ") {
		t.Errorf("while stopping: %d %q", code, text)
	}
	if code, text := scrape(t, page, "/healthz"); code != 200 || text != "ok\n" {
		t.Errorf("while stopping: %d %q", code, text)
	}
	good.end(body)
	if code := s.waitExit(); code != exitDone {
		t.Errorf("exit code %d", code)
	}
}

// wait waits until the metrics have a line.
func wait(t *testing.T, socket, line string) {
	t.Helper()
	shown := func() bool {
		_, got := scrape(t, socket, "/metrics")
		return strings.Contains(got, "\n"+line+"\n")
	}
	if !eventually(shown) {
		t.Fatalf("%q never came", line)
	}
}

// TestMetricsListenerInUse: the service does not start without its metrics.
func TestMetricsListenerInUse(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	dir := t.TempDir()
	file := filepath.Join(dir, "c")
	writeConfig(t, file, fmt.Sprintf("listen = [\"unix:%s/s\"]\n[metrics]\nlisten = %q\n", dir, l.Addr()))
	s := startService(t, nil, "--config", file, "--resolver", "127.0.0.1:1")
	if code := s.waitExit(); code != exitFailed {
		t.Errorf("exit code %d", code)
	}
	s.waitLog("postvet: metrics.listen: cannot listen on "+l.Addr().String()+": port in use: ", 1)
}
