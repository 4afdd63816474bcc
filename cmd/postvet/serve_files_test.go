package main

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/postvet/postvet/dnscache/dnstest"
)

// TestFewFiles has the service under a hard limit of 200 files, with more sessions
// than that carries and a slow resolver. The soft limit of 64 is raised by Go itself.
func TestFewFiles(t *testing.T) {
	t.Parallel()
	dns, err := dnstest.NewServer("")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = dns.Close() })
	dns.SetDelay(50 * time.Millisecond)
	socket := filepath.Join(t.TempDir(), "s")
	s := &serveProcess{t: t, cmd: exec.Command("sh", "-c",
		`ulimit -Sn 64 && ulimit -Hn 200 && exec postvet serve --listen "unix:$0" --authserv-id mx.test.example --resolver "$1"`, socket, dns.Addr())}
	s.start()
	warned := s.waitLog(`"msg":"too few open files`, 1)
	// Go leaves one of the files of the hard limit.
	if want := regexp.MustCompile(`"files":(199|200),"needed":2124,"connections":4[89],"max_in_flight":25`); !want.MatchString(warned) {
		t.Errorf("there is no %s in %s", want, warned)
	}
	s.waitLog(`"msg":"serving"`, 1)

	var sessions sync.WaitGroup
	for i := range 80 {
		sessions.Go(func() {
			m := dialMTA(t, "unix", socket)
			m.connect(fmt.Sprintf("192.0.2.%d", i), fmt.Sprintf("mx%d.test.example", i))
			from := fmt.Sprintf("ann@sender%d.test.example", i)
			if _, verdict := m.end(m.begin(from, "From: "+from+"\r\n\r\nhello\r\n")); verdict != "c" && verdict != "a" {
				t.Errorf("session %d: verdict %q", i, verdict)
			}
			_ = m.conn.Close()
		})
	}
	sessions.Wait()
	for _, line := range s.log.All() {
		if strings.Contains(line, "too many open files") {
			t.Error(line)
		}
	}
}
