//go:build linux

package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/postvet/postvet/contrib/child"
)

const (
	reportsBin    = "/usr/sbin/opendmarc-reports"
	importBin     = "/usr/sbin/opendmarc-import"
	reportsSchema = "/usr/share/dbconfig-common/data/opendmarc/install/mysql"
	rspamadmBin   = "/usr/bin/rspamadm"
	redisAddress  = "127.0.0.1:6379"
	sqlAddress    = "127.0.0.1:3306"
)

// reporters returns those that are here.
func reporters(t *testing.T) []reporter {
	t.Helper()
	all := []reporter{
		{name: "Postvet", reports: ownReports, exact: true},
		{name: "Rspamd", reports: func(t *testing.T, bin string, cases []Case) []string {
			return sent(t, bin, cases, reportingRspamd, sendRspamd)
		}},
		{name: "OpenDMARC", reports: func(t *testing.T, bin string, cases []Case) []string {
			return sent(t, bin, cases, reportingOpenDMARC, sendOpenDMARC)
		}},
	}
	for _, f := range []string{rspamadmBin, reportsBin, importBin, reportsSchema, filepath.Join(reportersRoot(), "usr/sbin/mariadbd")} {
		if _, err := os.Stat(f); err != nil {
			t.Skipf("%s is not there; run contrib/bench/install.sh and contrib/bench/reporters.sh as root on Debian", f)
		}
	}
	if _, err := exec.LookPath("xmllint"); err != nil {
		t.Skip("xmllint is not installed; run make xmllint")
	}
	return all
}

// reportersRoot is where reporters.sh unpacks.
func reportersRoot() string {
	if dir := os.Getenv("POSTVET_REPORTERS_ROOT"); dir != "" {
		return dir
	}
	return "/var/cache/postvet/reporters"
}

// fromPackages has a command find the libraries and the modules of Perl of the packages.
func fromPackages(cmd *exec.Cmd) *exec.Cmd {
	find := func(patterns ...string) string {
		var all []string
		for _, p := range patterns {
			found, _ := filepath.Glob(filepath.Join(reportersRoot(), p)) // the pattern is valid
			all = append(all, found...)
		}
		return strings.Join(all, ":")
	}
	cmd.Env = append(os.Environ(), "LC_ALL=C", "TZ=UTC",
		"LD_LIBRARY_PATH="+find("usr/lib/*-linux-gnu*"), "PERL5LIB="+find("usr/share/perl5", "usr/lib/*-linux-gnu*/perl5/*"))
	return cmd
}

// startStores starts the servers in which the peers keep what they report. They end with
// the test.
func startStores(t *testing.T) {
	t.Helper()
	redis, sql := t.TempDir(), t.TempDir()
	host, port, _ := net.SplitHostPort(redisAddress)
	startStore(t, redisAddress, "usr/bin/redis-server", "--bind", host, "--port", port, "--dir", redis, "--save", "")
	host, port, _ = net.SplitHostPort(sqlAddress)
	startStore(t, sqlAddress, "usr/sbin/mariadbd", "--no-defaults", "--user=root", "--skip-grant-tables", "--datadir="+sql, "--socket="+sql+"/sql.sock",
		"--pid-file="+sql+"/pid", "--bind-address="+host, "--port="+port, "--lc-messages-dir="+reportersRoot()+"/usr/share/mysql",
		"--innodb-log-file-size=8M", "--innodb-buffer-pool-size=16M")
	schema, err := os.Open(reportsSchema)
	if err != nil {
		t.Fatal(err)
	}
	defer schema.Close()
	client := fromPackages(exec.CommandContext(t.Context(), filepath.Join(reportersRoot(), "usr/bin/mariadb"), "--no-defaults", "--socket="+sql+"/sql.sock"))
	client.Stdin = schema
	command(t, sql, client)
}

// startStore starts a server and waits until it takes connections.
func startStore(t *testing.T, address, name string, args ...string) {
	t.Helper()
	cmd := fromPackages(exec.Command(filepath.Join(reportersRoot(), name), args...))
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	p, err := child.Start(cmd, syscall.SIGKILL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Kill()
		<-p.Done()
	})
	for end := time.Now().Add(2 * time.Minute); ; time.Sleep(50 * time.Millisecond) {
		c, err := net.DialTimeout("tcp", address, time.Second)
		if err == nil {
			_ = c.Close()
			return
		}
		if why := p.Alive(); why != nil || time.Now().After(end) {
			p.Kill()
			<-p.Done()
			t.Fatalf("%s: %v, %v\n%s", name, err, why, out.String())
		}
	}
}

// command runs a command and returns what it says.
func command(t *testing.T, dir string, cmd *exec.Cmd) string {
	t.Helper()
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", filepath.Base(cmd.Path), err, out)
	}
	return string(out)
}

// reportingRspamd is Rspamd as in the benchmark, with reports.
func reportingRspamd(p *place) ([]program, error) {
	programs, err := startRspamd(p)
	if err != nil {
		return nil, err
	}
	host, port, _ := net.SplitHostPort(sinkAddress)
	return programs, changeFile(filepath.Join(p.dir, "rspamd.conf"), "dmarc {\n", fmt.Sprintf(`redis { servers = "%s"; }
dmarc {
    reporting {
        enabled = true; email = "dmarc@test.example"; domain = "test.example"; org_name = "Test";
        helo = "mx.test.example"; smtp = "%s"; smtp_port = %s;
    }
`, redisAddress, host, port))
}

// changeFile replaces a text in a file, which must have it once.
func changeFile(name, old, replacement string) error {
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	if n := strings.Count(string(text), old); n != 1 {
		return fmt.Errorf("%s has %q %d times", name, old, n)
	}
	return os.WriteFile(name, []byte(strings.Replace(string(text), old, replacement, 1)), 0o644)
}

func sendRspamd(t *testing.T, r *running) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	conf := filepath.Join(r.dir, "rspamd.conf")
	command(t, r.dir, exec.CommandContext(ctx, rspamadmBin, "dmarc_report", "-c", conf, time.Now().Format("20060102")))
}

// reportingOpenDMARC is OpenDMARC behind OpenDKIM, as in the benchmark, with a history.
func reportingOpenDMARC(p *place) ([]program, error) {
	programs, err := startChain(p, false)
	if err != nil {
		return nil, err
	}
	return programs, changeFile(filepath.Join(p.dir, "opendmarc.conf"), "Syslog\t\t\tfalse\n", "Syslog false\nHistoryFile "+p.dir+"/history\n")
}

func sendOpenDMARC(t *testing.T, r *running) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	host, port, _ := net.SplitHostPort(sqlAddress)
	database := []string{"--dbhost=" + host, "--dbport=" + port, "--dbuser=root", "--dbpasswd=any"}
	command(t, r.dir, fromPackages(exec.CommandContext(ctx, "perl", append([]string{importBin, "--input=" + r.dir + "/history"}, database...)...)))
	host, port, _ = net.SplitHostPort(sinkAddress)
	command(t, r.dir, fromPackages(exec.CommandContext(ctx, "perl", append([]string{
		reportsBin, "--utc", "--verbose", "--report-email=dmarc@test.example", "--report-org=test.example", "--smtp-server=" + host, "--smtp-port=" + port,
	}, database...)...)))
}
