//go:build linux

package main

import (
	"embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

//go:embed peers
var peerFiles embed.FS

// contestant is a milter, or a chain of them, that is measured.
type contestant struct {
	name string
	// needs are the programs and files that it cannot run without, and the
	// Debian packages that have them.
	needs    []string
	packages string
	// floor marks a milter that decides nothing. It has no verdicts to check
	// and no caches that could be cold.
	floor bool
	// onlyPostfix marks a milter that only shows the price that Postfix pays
	// for any milter.
	onlyPostfix bool
	// primes says that the first start takes long and fills a cache on disk, as
	// in an installation.
	primes bool
	start  func(p *place) ([]program, error)
}

// program is one milter of a chain: how it is started and where it listens.
type program struct {
	argv   []string
	socket string
}

// place is where a contestant runs: a folder for its files and sockets, in
// which any user may write.
type place struct {
	dir   string
	cache string // a folder that outlasts the contestant
	bin   string // our own binaries
}

// write writes one of our configurations into the folder, with its placeholders
// filled in, and returns its path.
func (p *place) write(name string, more ...string) (string, error) {
	text, err := peerFiles.ReadFile("peers/" + name)
	if err != nil {
		return "", err
	}
	r := strings.NewReplacer(append(more, "@DIR@", p.dir, "@CACHE@", p.cache, "@WORKERS@", fmt.Sprint(runtime.NumCPU()))...)
	path := filepath.Join(p.dir, name)
	return path, os.WriteFile(path, []byte(r.Replace(string(text))), 0o644)
}

func (p *place) socket(name string) string { return filepath.Join(p.dir, name+".sock") }

const (
	opendkimBin  = "/usr/sbin/opendkim"
	opendmarcBin = "/usr/sbin/opendmarc"
	pyspfBin     = "/usr/bin/pyspf-milter"
	rspamdBin    = "/usr/bin/rspamd"
	mfapi        = "/usr/include/libmilter/mfapi.h"
	suffixList   = "/usr/share/publicsuffix/public_suffix_list.dat"
)

// contestants returns all of them in the order of the table.
func contestants() []contestant {
	libmilter := func(options ...string) func(*place) ([]program, error) {
		return func(p *place) ([]program, error) {
			argv := append([]string{p.bin + "/libmilter"}, options...)
			return []program{{append(argv, p.socket("libmilter")), p.socket("libmilter")}}, nil
		}
	}
	return []contestant{
		{name: "postvet", start: startPostvet},
		{name: "postvet+journal", start: startPostvetJournal},
		{name: "rspamd", needs: []string{rspamdBin}, packages: "rspamd", primes: true, start: startRspamd},
		{
			name: "opendkim+opendmarc", needs: []string{opendkimBin, opendmarcBin, suffixList}, packages: "opendkim opendmarc publicsuffix",
			start: func(p *place) ([]program, error) { return startChain(p, false) },
		},
		{
			name: "pyspf+opendkim+opendmarc", needs: []string{pyspfBin, opendkimBin, opendmarcBin, suffixList}, packages: "pyspf-milter opendkim opendmarc publicsuffix",
			start: func(p *place) ([]program, error) { return startChain(p, true) },
		},
		{name: "go-milter+work", floor: true, start: func(p *place) ([]program, error) {
			return []program{{[]string{p.bin + "/gomilter", "-work", p.socket("work")}, p.socket("work")}}, nil
		}},
		{name: "go-milter", floor: true, start: func(p *place) ([]program, error) {
			return []program{{[]string{p.bin + "/gomilter", p.socket("nothing")}, p.socket("nothing")}}, nil
		}},
		{name: "libmilter", floor: true, needs: []string{mfapi}, packages: libmilterPackages, start: libmilter()},
		{name: "blind-libmilter", floor: true, onlyPostfix: true, needs: []string{mfapi}, packages: libmilterPackages, start: libmilter("-blind")},
	}
}

const libmilterPackages = "libmilter-dev gcc libc6-dev"

// missing returns what a contestant lacks to run; "" if it can.
func (c *contestant) missing() string {
	for _, f := range c.needs {
		if _, err := os.Stat(f); err != nil {
			return fmt.Sprintf("%s is not there; apt-get install --no-install-recommends %s", f, c.packages)
		}
	}
	return ""
}

func startPostvet(p *place) ([]program, error) {
	socket := p.socket("postvet")
	return []program{{[]string{
		p.bin + "/postvet", "serve", "--listen", "unix:" + socket, "--resolver", "127.0.0.1:53", "--authserv-id", "mx.test.example",
	}, socket}}, nil
}

// startPostvetJournal starts Postvet with a journal.
func startPostvetJournal(p *place) ([]program, error) {
	conf, err := p.write("postvet-journal.toml")
	if err != nil {
		return nil, err
	}
	return []program{{[]string{p.bin + "/postvet", "serve", "--config", conf}, p.socket("postvet")}}, nil
}

func startRspamd(p *place) ([]program, error) {
	conf, err := p.write("rspamd.conf")
	if err != nil {
		return nil, err
	}
	argv := []string{rspamdBin, "-f", "-c", conf, "-u", "_rspamd", "-g", "_rspamd"}
	return []program{{argv, p.socket("rspamd")}}, nil
}

// startChain starts opendkim and opendmarc. SPF is done by opendmarc, or by
// pyspf-milter in front.
func startChain(p *place, pyspf bool) ([]program, error) {
	var chain []program
	if pyspf {
		conf, err := p.write("pyspf-milter.conf")
		if err != nil {
			return nil, err
		}
		chain = append(chain, program{[]string{pyspfBin, conf}, p.socket("pyspf")})
	}
	dkim, err := p.write("opendkim.conf")
	if err != nil {
		return nil, err
	}
	dmarc, err := p.write("opendmarc.conf", "@SPF@", fmt.Sprint(!pyspf))
	if err != nil {
		return nil, err
	}
	return append(chain,
		program{[]string{opendkimBin, "-f", "-x", dkim}, p.socket("opendkim")},
		program{[]string{opendmarcBin, "-f", "-c", dmarc}, p.socket("opendmarc")},
	), nil
}

// running is a contestant whose programs run.
type running struct {
	processes []*process
	chain     []string // sockets
	dir       string
}

// launch starts a contestant in a folder of its own below parent.
func launch(c *contestant, parent, bin string) (*running, error) {
	dir, err := os.MkdirTemp(parent, "run")
	if err != nil {
		return nil, err
	}
	p := &place{dir: dir, cache: filepath.Join(parent, "cache"), bin: bin}
	if err := os.MkdirAll(p.cache, 0o755); err != nil {
		return nil, err
	}
	for _, d := range []string{p.dir, p.cache} {
		if err := os.Chmod(d, 0o777); err != nil {
			return nil, err
		}
	}
	r := &running{dir: dir}
	programs, err := c.start(p)
	if err != nil {
		r.stop()
		return nil, err
	}
	for i, g := range programs {
		p, err := startProcess(filepath.Join(dir, fmt.Sprintf("%d.log", i)), g.argv[0], g.argv[1:]...)
		if err == nil {
			r.processes = append(r.processes, p)
			err = p.await(g.socket, 90*time.Second)
		}
		if err != nil {
			r.stop()
			return nil, fmt.Errorf("%s: %w", c.name, err)
		}
		r.chain = append(r.chain, g.socket)
	}
	return r, nil
}

func (r *running) pids() []int {
	var pids []int
	for _, p := range r.processes {
		pids = append(pids, p.Pid())
	}
	return pids
}

// stop stops all programs and removes the folder.
func (r *running) stop() {
	stopAll(r.processes)
	os.RemoveAll(r.dir)
}

// version returns the versions of a contestant's programs.
func (c *contestant) version() string {
	var all []string
	for _, f := range c.needs {
		arg := map[string]string{rspamdBin: "-v", opendkimBin: "-V", opendmarcBin: "-V"}[f]
		if arg == "" {
			continue
		}
		out, _ := exec.Command(f, arg).CombinedOutput()
		line, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
		all = append(all, line)
	}
	return strings.Join(all, ", ")
}
