//go:build linux

package monitoring_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/postvet/postvet/contrib/child"
)

// tool returns a program of Debian's package prometheus, either from where
// install.sh unpacked it or from PATH. It skips the test if there is none, and
// says why.
func tool(t *testing.T, name string) string {
	t.Helper()
	if testing.Short() {
		t.Skip("-short leaves out Prometheus")
	}
	root := os.Getenv("POSTVET_PROMETHEUS_ROOT")
	if root == "" {
		root = "/var/cache/postvet/prometheus"
	}
	for _, path := range []string{filepath.Join(root, "usr/bin", name), name} {
		if found, err := exec.LookPath(path); err == nil {
			return found
		}
	}
	text := fmt.Sprintf("there is no %s below %s and none in PATH; run contrib/monitoring/install.sh as root on Debian or Ubuntu (it needs apt and the network)", name, root)
	if os.Getenv("POSTVET_REQUIRE_PROMETHEUS") != "" {
		t.Fatal("POSTVET_REQUIRE_PROMETHEUS is set: " + text)
	}
	t.Skip("skipped: " + text)
	return ""
}

// patience bounds each wait. It only guards against waiting for ever.
const patience = 2 * time.Minute

// program is a program that runs beside the test, with its log.
type program struct {
	t    *testing.T
	proc *child.Process
	log  child.Lines
}

// start runs a program until the test ends.
func start(t *testing.T, name string, args ...string) *program {
	t.Helper()
	p := &program{t: t}
	cmd := exec.Command(name, args...)
	cmd.Stderr = &p.log
	var err error
	if p.proc, err = child.Start(cmd, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.proc.Stop(patience); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			const most = 20
			log := p.log.All()
			t.Logf("the end of what %s says:\n%s", name, strings.Join(log[max(0, len(log)-most):], "\n"))
		}
	})
	return p
}

// line waits for a line that holds a text, and returns it.
func (p *program) line(text string) string {
	p.t.Helper()
	line, err := p.log.Await(patience, p.proc.Done(), func(line string) bool { return strings.Contains(line, text) })
	if err != nil {
		p.t.Fatalf("%q: %v", text, err)
	}
	return line
}

// after waits for a line that holds both texts, and returns what follows the
// second up to a blank or quote.
func (p *program) after(line, text string) string {
	p.t.Helper()
	found, err := p.log.Await(patience, p.proc.Done(), func(l string) bool { return strings.Contains(l, line) && strings.Contains(l, text) })
	if err != nil {
		p.t.Fatalf("%q with %q: %v", line, text, err)
	}
	_, rest, _ := strings.Cut(found, text)
	if at := strings.IndexAny(rest, "\" "); at >= 0 {
		rest = rest[:at]
	}
	return rest
}

// eventually repeats a check until it succeeds.
func eventually(t *testing.T, what string, ask func() error) {
	t.Helper()
	var err error
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if err = ask(); err == nil {
			return
		}
	}
	t.Fatalf("%s: %v", what, err)
}

// prometheus is a running Prometheus.
type prometheus struct{ base string }

// startPrometheus starts one that scrapes a target twice a second.
func startPrometheus(t *testing.T, target string) *prometheus {
	t.Helper()
	dir := t.TempDir()
	rules, err := filepath.Abs("alerts.yml")
	if err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(dir, "prometheus.yml")
	text := fmt.Sprintf("global: {scrape_interval: 500ms, scrape_timeout: 500ms, evaluation_interval: 500ms}\nrule_files: [%q]\n"+
		"scrape_configs:\n  - job_name: postvet\n    static_configs: [{targets: [%q]}]\n", rules, target)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c := start(t, tool(t, "prometheus"), "--config.file="+config, "--storage.tsdb.path="+filepath.Join(dir, "data"),
		"--web.listen-address=127.0.0.1:0", "--web.console.templates="+dir, "--web.console.libraries="+dir)
	return &prometheus{base: "http://" + c.after(`msg="Listening on"`, "address=")}
}

// get reads an answer of the API into v.
func (p *prometheus) get(path string, v any) error {
	client := http.Client{Timeout: patience}
	r, err := client.Get(p.base + "/api/v1/" + path)
	if err != nil {
		return err
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	var answer struct {
		Status, Error string
		Data          json.RawMessage
	}
	if err := json.NewDecoder(bytes.NewReader(b)).Decode(&answer); err != nil {
		return fmt.Errorf("%w: %s", err, b)
	}
	if answer.Status != "success" {
		return errors.New(answer.Error)
	}
	return json.Unmarshal(answer.Data, v)
}

// sample is one series of an answer and its value.
type sample struct {
	Metric map[string]string
	Value  [2]any
}

// errNoData is the error of a query without a result.
var errNoData = errors.New("no data")

// query evaluates an expression now.
func (p *prometheus) query(expr string) ([]sample, error) {
	var data struct{ Result []sample }
	if err := p.get("query?query="+url.QueryEscape(expr), &data); err != nil {
		return nil, err
	}
	if len(data.Result) == 0 {
		return nil, errNoData
	}
	return data.Result, nil
}
