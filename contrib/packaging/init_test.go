//go:build linux

package packaging_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// stubs are programs that a script calls. They note how they were called, and fail if a
// file FAIL-name lies in their folder.
type stubs struct {
	dir, calls string
}

func newStubs(t *testing.T, names ...string) stubs {
	t.Helper()
	dir := t.TempDir()
	s := stubs{dir: dir, calls: filepath.Join(dir, "calls")}
	for _, name := range names {
		s.write(t, name, `echo "`+name+` $*" >>`+s.calls+`
[ ! -e `+filepath.Join(dir, "FAIL-"+name)+` ] || { echo `+name+` fails >&2; exit 2; }`)
	}
	return s
}

// write makes a program of a script.
func (s stubs) write(t *testing.T, name, script string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
}

// fail has a program fail from now on, or work again.
func (s stubs) fail(t *testing.T, name string, fails bool) {
	t.Helper()
	file := filepath.Join(s.dir, "FAIL-"+name)
	if !fails {
		_ = os.Remove(file)
		return
	}
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
}

// environ returns our environment with the programs first in PATH.
func (s stubs) environ() []string {
	return append(os.Environ(), "PATH="+s.dir+":"+os.Getenv("PATH"))
}

// run runs a script with the programs first in PATH. It returns what they noted, and
// whether the script succeeded.
func (s stubs) run(t *testing.T, script string, args ...string) (calls []string, ok bool) {
	t.Helper()
	_ = os.Remove(s.calls)
	cmd := exec.CommandContext(t.Context(), "sh", append([]string{"-c", script, "sh"}, args...)...)
	cmd.Env = s.environ()
	out, err := cmd.CombinedOutput()
	t.Logf("%s: %v\n%s", strings.Join(args, " "), err, out)
	b, _ := os.ReadFile(s.calls)
	return strings.Split(strings.TrimSuffix(string(b), "\n"), "\n"), err == nil
}

// want compares the calls of programs with what was wanted, one a line.
func want(t *testing.T, what string, calls []string, lines ...string) {
	t.Helper()
	if got, want := strings.Join(calls, "\n"), strings.Join(lines, "\n"); got != want {
		t.Errorf("%s: calls\n%s\nwant\n%s", what, got, want)
	}
}

// TestOpenRC runs the functions of the OpenRC script under what openrc-run gives them.
// TestOpenRCService has the real one run it.
func TestOpenRC(t *testing.T) {
	t.Parallel()
	s := newStubs(t, "postvet", "checkpath", "supervise-daemon", "ebegin", "eend", "use", "after", "before")
	// eend hands on the status that it is told.
	s.write(t, "eend", `exit $1`)
	const script = `command=postvet RC_SVCNAME=postvet
. ../openrc/postvet.confd
. ../openrc/postvet.initd
"$@"`
	const check = "postvet config check --user postvet /etc/postvet/postvet.toml"
	prepared := []string{
		"checkpath --directory --owner postvet:postvet --mode 0755 /run/postvet",
		"checkpath --directory --owner postvet:postvet --mode 0750 /var/lib/postvet",
		check,
	}

	calls, ok := s.run(t, script, "start_pre")
	want(t, "start", calls, append(prepared, "supervise-daemon postvet --help", "checkpath --file --owner postvet:postvet --mode 0640 /var/log/postvet.log")...)
	if !ok {
		t.Error("the service does not start")
	}
	s.fail(t, "postvet", true)
	if calls, ok = s.run(t, script, "start_pre"); ok {
		t.Error("it starts with a wrong configuration")
	}
	want(t, "start with a wrong configuration", calls, prepared...)
	if _, ok = s.run(t, "RC_CMD=restart\n"+script, "stop_pre"); ok {
		t.Error("a restart stops the service though the configuration is wrong")
	}
	if _, ok = s.run(t, "RC_CMD=stop\n"+script, "stop_pre"); !ok {
		t.Error("with a wrong configuration the service cannot be stopped")
	}
	if _, ok = s.run(t, script, "reload"); ok {
		t.Error("a reload hides that the configuration is wrong")
	}
	s.fail(t, "postvet", false)
	calls, ok = s.run(t, script, "reload")
	want(t, "reload", calls, "ebegin Reloading postvet", "postvet reload --config /etc/postvet/postvet.toml")
	if !ok {
		t.Error("a reload fails")
	}
	s.fail(t, "checkpath", true)
	if calls, ok = s.run(t, script, "start_pre"); ok || len(calls) != 1 {
		t.Errorf("without its directories the service starts: %q", calls)
	}
	calls, _ = s.run(t, script, "depend")
	want(t, "order", calls, "use dns logger net", "after bootmisc firewall", "before mta postfix sendmail")
}

// rcSubr stands for FreeBSD's /etc/rc.subr, which needs FreeBSD. It has what the script
// relies on by rc.subr(8): the settings, and the order in which run_rc_command calls.
const rcSubr = `load_rc_config() { eval "$RC_CONF"; }
run_rc_command() {
	if [ "$1" = rcvar ]; then echo "$rcvar"; return; fi
	eval "enabled=\$$rcvar pre=\${$1_precmd:-} own=\${$1_cmd:-}"
	case $enabled in [Yy][Ee][Ss]) ;; *) echo "$rcvar is not set to YES" >&2; return 1 ;; esac
	for file in $required_files; do
		[ "$1" != start ] || [ -r "$file" ] || { echo "$file is not readable" >&2; return 1; }
	done
	[ -z "$pre" ] || $pre || return 1
	case $1 in
	start) eval "$command $command_args" ;;
	stop) echo "stop $pidfile" >>"$CALLS" ;;
	restart) run_rc_command stop && run_rc_command start ;;
	*) [ -n "$own" ] && $own ;;
	esac
}`

// TestFreeBSD runs the rc.d script under that rc.subr and with a daemon(8) that only
// notes its arguments.
func TestFreeBSD(t *testing.T) {
	t.Parallel()
	s := newStubs(t, "postvet", "daemon", "install")
	conf := filepath.Join(s.dir, "postvet.toml")
	s.write(t, "rc.subr", rcSubr)
	b, err := os.ReadFile("../freebsd/postvet")
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	for _, path := range [][2]string{
		{"/etc/rc.subr", s.dir + "/rc.subr"},
		{"/usr/local/bin/postvet", s.dir + "/postvet"},
		{"/usr/sbin/daemon", s.dir + "/daemon"},
	} {
		if !strings.Contains(text, path[0]) {
			t.Errorf("the script does not name %s", path[0])
		}
		text = strings.ReplaceAll(text, path[0], path[1])
	}
	s.write(t, "rc.d", text)
	script := `CALLS=` + s.calls + ` exec sh ` + s.dir + `/rc.d "$@"`
	on := `export RC_CONF='postvet_enable=YES postvet_config=` + conf + "'\n" + script
	check := "postvet config check --user postvet " + conf
	prepared := []string{
		"install -d -o postvet -g postvet -m 755 /var/run/postvet",
		"install -d -o postvet -g postvet -m 750 /var/db/postvet",
		check,
	}
	started := append(prepared, "daemon -c -f -P /var/run/postvet.pid -R 1 -T postvet -s info -l mail -u postvet "+s.dir+"/postvet serve --config "+conf)

	if calls, ok := s.run(t, script, "start"); ok || calls[0] != "" {
		t.Errorf("it starts though rc.conf does not say so: %q", calls)
	}
	if calls, ok := s.run(t, on, "start"); ok || calls[0] != "" {
		t.Errorf("it starts without a configuration: %q", calls)
	}
	if err := os.WriteFile(conf, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	calls, ok := s.run(t, on, "start")
	want(t, "start", calls, started...)
	if !ok {
		t.Error("the service does not start")
	}
	calls, _ = s.run(t, on, "restart")
	want(t, "restart", calls, append([]string{check, "stop /var/run/postvet.pid"}, started...)...)
	calls, ok = s.run(t, on, "reload")
	want(t, "reload", calls, "postvet reload --config "+conf)
	if !ok {
		t.Error("a reload fails")
	}
	s.fail(t, "postvet", true)
	for verb, called := range map[string][]string{"start": prepared, "restart": {check}, "checkconfig": {check}, "reload": {"postvet reload --config " + conf}} {
		calls, ok := s.run(t, on, verb)
		want(t, verb+" with a wrong configuration", calls, called...)
		if ok {
			t.Errorf("%s hides that the configuration is wrong", verb)
		}
	}
	if _, ok := s.run(t, on, "stop"); !ok {
		t.Error("with a wrong configuration the service cannot be stopped")
	}
}
