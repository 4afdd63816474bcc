package service

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
	"github.com/postvet/postvet/cmd/postvet/internal/control"
	"github.com/postvet/postvet/cmd/postvet/internal/metrics"
	"github.com/postvet/postvet/cmd/postvet/internal/web/access"
)

// TestWebAudit: who searched for a person on the web page, and what was changed there, is
// written down with the user and the address.
func TestWebAudit(t *testing.T) {
	core, logs := observer.New(zap.InfoLevel)
	d := &daemon{log: &logger{Logger: zap.New(core)}, metrics: metrics.New(metrics.Options{})}
	c := config.Default()
	c.Journal.Directory = filepath.Join(t.TempDir(), "journal")
	d.started = c
	d.state.Store(&state{config: c})
	d.openJournal(c)
	defer d.closeJournal()
	ann := access.User{Name: "ann\x1b", Role: access.Support, Address: "192.0.2.1"}
	for _, u := range []access.User{ann, {Role: access.Admin}} {
		for _, query := range []string{`{"from":"eve@example.org","limit":1}`, `{"domain":"example.org","limit":1}`} {
			if _, err := (webSource{d: d}).Ask(t.Context(), u, control.Request{V: control.Version, Do: control.DoHistory, Query: query}); err != nil {
				t.Fatal(err)
			}
		}
		d.logRequest(peerOf(u), control.Request{Do: control.DoCacheFlush, Name: "example.org"})
	}
	text, err := os.ReadFile(filepath.Join(c.Journal.Directory, "audit.log"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	if len(lines) != 2 || !strings.Contains(lines[0], `"uid":-1,"web":"ann\u001b","address":"192.0.2.1","do":"history"`) || !strings.Contains(lines[1], `"uid":-1,"do":"history"`) {
		t.Errorf("audit.log has %q", lines)
	}
	changed := logs.FilterMessage("web request").All()
	if len(changed) != 2 || logs.FilterMessage("control request").Len() != 0 {
		t.Fatalf("%d lines", len(changed))
	}
	if m := changed[0].ContextMap(); m["user"] != "ann?" || m["address"] != "192.0.2.1" || m["do"] != control.DoCacheFlush || m["name"] != "example.org" {
		t.Errorf("logged %v", m)
	}
}
