package main

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestReloadOfLists: SIGHUP reads the file of a list again. If it has a bad line,
// the whole new configuration is refused.
func TestReloadOfLists(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	socket, config, peers := filepath.Join(dir, "s"), filepath.Join(dir, "c.toml"), filepath.Join(dir, "forwarders")
	base := "authserv_id = \"mx.test.example\"\nlisten = [\"unix:" + socket + "\"]\ndns.resolvers = [\"" + testResolver(t) + "\"]\n"
	lists := "[trust]\nforwarders = [\"file:" + peers + "\"]\n"
	writeConfig(t, peers, "# nobody yet\n")
	writeConfig(t, config, base+lists)
	s := startService(t, nil, "--config", config)
	s.waitLog(`"msg":"serving"`, 1)
	spoof := testMessage(t, "spoof.eml")
	m := dialMTA(t, "unix", socket)
	m.connect("192.0.2.66", "evil.example")
	try := func(when string, accepted bool) {
		t.Helper()
		_, verdict := m.end(m.begin("x@evil.example", spoof))
		if accepted != (verdict == "c" || verdict == "a") {
			t.Fatalf("%s a forgery got %q", when, verdict)
		}
	}
	try("with an empty list", false)

	writeConfig(t, peers, "192.0.2.66\n")
	s.signal(syscall.SIGHUP)
	s.waitLog(`"msg":"configuration reloaded"`, 1)
	try("from a trusted forwarder", true)

	writeConfig(t, peers, "192.0.2.1\n192.0.2.256\n")
	writeConfig(t, config, "mode = \"monitor\"\n"+base+lists)
	s.signal(syscall.SIGHUP)
	line := s.waitLog("configuration refused, the old one stays in force", 1)
	if !strings.Contains(line, config+`:6: trust.forwarders: `+peers+`:2: `) {
		t.Errorf("the log says %s", line)
	}
	try("after a refused list", true)

	writeConfig(t, peers, "!192.0.2.66\n192.0.2.0/24\n")
	writeConfig(t, config, base+lists)
	s.signal(syscall.SIGHUP)
	s.waitLog(`"msg":"configuration reloaded"`, 2)
	try("as the exception of a list", false)
}
