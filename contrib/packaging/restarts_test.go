//go:build linux

package packaging_test

import (
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

// TestRestarts makes the service fail under systemd in several ways. It comes back by itself as soon
// as it can, and the pauses between starts that fail grow.
func TestRestarts(t *testing.T) {
	t.Parallel()
	root := scratch(t)
	m := boot(t, root)
	m.run(t, "dpkg", "--force-unsafe-io", "-i", bring(t, root, deb(t, first)))
	const unit, address = "postvet.service", "127.0.0.1:8899"
	edit(t, root, "authserv_id = \"mx.test.example\"\nlisten = [\"inet:"+address+"\"]\n")
	m.run(t, "systemctl", "restart", "postvet")
	active(t, m)
	right, err := os.ReadFile(root + conffile)
	if err != nil {
		t.Fatal(err)
	}
	// fails starts the service, which does not come up.
	fails := func(what string) {
		t.Helper()
		if out, err := m.command(t.Context(), "systemctl", "restart", "postvet").CombinedOutput(); err == nil {
			t.Errorf("%s: systemctl says that it was started: %s", what, out)
		}
	}
	// returns waits until the service runs, and says how long that took.
	returns := func(what string) time.Duration {
		t.Helper()
		began := time.Now()
		eventually(t, what+": the service comes back", func() bool { return m.property(t, unit, "ActiveState") == "active" })
		return time.Since(began)
	}
	occupy := func() net.Listener {
		t.Helper()
		var l net.Listener
		if err := m.onNetwork(func() (err error) {
			l, err = net.Listen("tcp", address)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
		return l
	}

	pid := m.property(t, unit, "MainPID")
	m.run(t, "sh", "-c", "kill -SEGV "+pid) // as an error in the program would end it
	eventually(t, "after a crash another process serves", func() bool {
		now := m.property(t, unit, "MainPID")
		return now != pid && now != "0" && m.property(t, unit, "ActiveState") == "active"
	})

	edit(t, root, "mode = \"sometimes\"\n")
	fails("a wrong configuration")
	time.Sleep(3 * time.Second)
	if got := m.run(t, "systemctl", "show", "-p", "ActiveState,ExecMainStatus,NRestarts", unit); got != "NRestarts=0\nExecMainStatus=2\nActiveState=failed" {
		t.Errorf("a wrong configuration: %s", got)
	}

	if err := os.Remove(root + conffile); err != nil {
		t.Fatal(err)
	}
	fails("no configuration")
	if err := os.WriteFile(root+conffile, right, 0o644); err != nil {
		t.Fatal(err)
	}
	t.Logf("with a configuration again it runs after %v", returns("a configuration that was missing").Round(10*time.Millisecond))

	m.run(t, "systemctl", "stop", "postvet")
	l := occupy()
	fails("a port that is taken for some seconds")
	time.Sleep(3 * time.Second)
	l.Close()
	took := returns("a port that was taken for some seconds")
	t.Logf("at a port that was taken for 3 s it runs after another %v", took.Round(10*time.Millisecond))
	if took > 5*time.Second {
		t.Errorf("the mail waits %v for a port that is free", took)
	}

	m.run(t, "systemctl", "stop", "postvet")
	l = occupy()
	fails("a port that is taken")
	eventually(t, "the pauses grow", func() bool {
		return strings.Contains(m.property(t, unit, "StatusText"), "the next one comes in 4s")
	})
	said := m.run(t, "journalctl", "-u", "postvet", "-o", "cat", "--no-pager")
	for _, want := range []string{"port in use", "6 starts have failed one after the other; the next one comes in 1s", "the next one comes in 2s"} {
		if !strings.Contains(said, want) {
			t.Errorf("the log does not say %q:\n%s", want, said)
		}
	}
	began := time.Now()
	m.run(t, "systemctl", "stop", "postvet")
	if state := m.property(t, unit, "ActiveState"); state != "inactive" || time.Since(began) > 3*time.Second {
		t.Errorf("a service that pauses is %s %v after systemctl stop", state, time.Since(began))
	}
	l.Close()
	m.run(t, "systemctl", "start", "postvet")
	active(t, m)
}
