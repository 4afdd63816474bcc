//go:build linux

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// options are the flags.
type options struct {
	quick                bool
	all, postfix, memory bool
	signing              bool
	only, json           string
	cache                string // warm, cold or both
	rounds, messages     int
	corpus, domains      int
	small                int
	seed                 uint64
	sessions, perConn    []int
	cellTime             time.Duration
	keepLogs             string
	merge                []string // reports to put together instead of measuring
}

func parseOptions(args []string) (options, error) {
	var o options
	fs := flag.NewFlagSet("bench", flag.ContinueOnError)
	fs.BoolVar(&o.quick, "quick", false, "a short run, to see that all works; its figures say little")
	fs.BoolVar(&o.postfix, "postfix", false, "measure through a real Postfix instead")
	fs.BoolVar(&o.memory, "memory", false, "measure what Postvet holds under many sessions instead")
	fs.BoolVar(&o.signing, "signing", false, "measure those that sign instead: "+strings.Join(signerNames, ", "))
	fs.BoolVar(&o.all, "all", false, "measure everything: with our own MTA, through a real Postfix, the memory and signing")
	fs.StringVar(&o.only, "only", "", "contestants, comma-separated: "+strings.Join(contestantNames, ", "))
	fs.StringVar(&o.json, "json", "", "write the raw data to this `FILE`")
	fs.StringVar(&o.cache, "cache", "both", "warm, cold or both")
	fs.IntVar(&o.rounds, "rounds", 3, "rounds, in each of which every contestant has its turn")
	fs.IntVar(&o.messages, "messages", 4000, "messages of a measurement with warm caches, at most")
	fs.IntVar(&o.corpus, "corpus", 2000, "messages in the corpus")
	fs.IntVar(&o.domains, "domains", 500, "sender domains in the corpus; with cold caches each sends one message")
	fs.IntVar(&o.small, "small", 1_000_000, "small messages of the last check of -memory")
	fs.Uint64Var(&o.seed, "seed", 7, "seed of the corpus")
	fs.DurationVar(&o.cellTime, "cell-time", 20*time.Second, "length of a measurement, at most")
	fs.StringVar(&o.keepLogs, "keep-logs", "", "copy the contestants' logs to this `FOLDER`")
	merges := fs.Bool("merge", false, "measure nothing: put the JSON files that are named as arguments together and print their table")
	sessions := fs.String("sessions", "1,8,64", "numbers of sessions")
	perConn := fs.String("per-connection", "1,10", "numbers of messages per connection")
	if err := fs.Parse(args); err != nil {
		return o, err
	}
	if *merges {
		o.merge = fs.Args()
		if len(o.merge) == 0 {
			return o, errors.New("-merge: name the files that -json has written")
		}
	} else if fs.NArg() > 0 {
		return o, fmt.Errorf("%q: want flags only", fs.Arg(0))
	}
	set := map[string]bool{}
	fs.Visit(func(f *flag.Flag) { set[f.Name] = true })
	if o.quick {
		short := func(name string, at *int, value int) {
			if !set[name] {
				*at = value
			}
		}
		short("rounds", &o.rounds, 1)
		short("messages", &o.messages, 300)
		short("corpus", &o.corpus, 300)
		short("domains", &o.domains, 100)
		short("small", &o.small, 5000)
		if !set["cell-time"] {
			o.cellTime = 5 * time.Second
		}
	}
	var err error
	if o.sessions, err = numbers(*sessions, 5000); err != nil {
		return o, fmt.Errorf("-sessions: %w", err)
	}
	if o.perConn, err = numbers(*perConn, 1000); err != nil {
		return o, fmt.Errorf("-per-connection: %w", err)
	}
	for _, b := range []struct {
		name        string
		value, most int
	}{{"rounds", o.rounds, 100}, {"messages", o.messages, 2_000_000}, {"corpus", o.corpus, 20000}, {"domains", o.domains, 20000}, {"small", o.small, 100_000_000}} {
		if b.value < 1 || b.value > b.most {
			return o, fmt.Errorf("-%s: %d: want 1 to %d", b.name, b.value, b.most)
		}
	}
	if !slices.Contains([]string{"warm", "cold", "both"}, o.cache) {
		return o, fmt.Errorf("-cache: %q: want warm, cold or both", o.cache)
	}
	for _, name := range o.chosen() {
		if !slices.Contains(contestantNames, name) && !slices.Contains(signerNames, name) && name != "none" {
			return o, fmt.Errorf("-only: no contestant is called %q", name)
		}
	}
	return o, nil
}

// chosen returns the contestants of -only; none means all.
func (o *options) chosen() []string {
	if o.only == "" {
		return nil
	}
	return strings.Split(o.only, ",")
}

func (o *options) wants(name string) bool {
	c := o.chosen()
	return len(c) == 0 || slices.Contains(c, name)
}

func numbers(list string, most int) ([]int, error) {
	var all []int
	for s := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(s))
		if err != nil || n < 1 || n > most {
			return nil, fmt.Errorf("%q: want numbers from 1 to %d", s, most)
		}
		all = append(all, n)
	}
	return all, nil
}

func main() {
	// The kernel ends children when the thread that started them does.
	runtime.LockOSThread()
	o, err := parseOptions(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(2)
	}
	if binaries := os.Getenv(insideKey); binaries != "" {
		err = inside(&o, binaries)
	} else if o.merge != nil {
		err = mergeAndPrint(&o)
	} else {
		var code int
		if code, err = outside(&o); err == nil {
			os.Exit(code)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(3)
	}
}

// mergeAndPrint prints the report of a benchmark that ran in parts.
func mergeAndPrint(o *options) error {
	r, err := merge(o.merge)
	if err != nil {
		return err
	}
	r.print(os.Stdout)
	if o.json != "" {
		return r.write(o.json)
	}
	return nil
}

// outside builds the programs to measure and continues in namespaces.
func outside(o *options) (int, error) {
	if os.Geteuid() != 0 {
		return 0, errors.New("root is needed, for a network of its own and for the peers")
	}
	root, err := moduleRoot()
	if err != nil {
		return 0, err
	}
	if o.json != "" {
		f, err := os.OpenFile(o.json, os.O_CREATE|os.O_WRONLY, 0o644)
		if err != nil {
			return 0, err
		}
		f.Close()
	}
	dir, err := os.MkdirTemp("", "postvet-bench-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil {
		return 0, err
	}
	for name, pkg := range map[string]string{"postvet": "./cmd/postvet", "gomilter": "./contrib/bench/floor/gomilter"} {
		cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", filepath.Join(dir, name), pkg)
		cmd.Dir, cmd.Stderr = root, os.Stderr
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if err := cmd.Run(); err != nil {
			return 0, fmt.Errorf("go build %s: %w", pkg, err)
		}
	}
	// Without a compiler or the library there is no binary, and the contestant
	// is listed as missing.
	cc := exec.Command("cc", "-O2", "-o", filepath.Join(dir, "libmilter"), filepath.Join(root, "contrib/bench/floor/libmilter/floor.c"), "-lmilter", "-lpthread")
	cc.Run()
	return enter(dir)
}

// moduleRoot returns the nearest folder upwards that holds a go.mod.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	for err == nil {
		if _, e := os.Stat(filepath.Join(dir, "go.mod")); e == nil {
			return dir, nil
		}
		if dir == "/" {
			err = errors.New("no go.mod here or above: run it from the repository")
		}
		dir = filepath.Dir(dir)
	}
	return "", err
}

// inside measures, in the namespaces.
func inside(o *options, binaries string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := setUp(binaries); err != nil {
		return err
	}
	progress("building the corpus")
	corpus, err := NewCorpus(CorpusOptions{Seed: o.seed, Domains: o.domains, Messages: max(o.corpus, o.domains), Median: 12000})
	if err != nil {
		return err
	}
	own, err := newKeys(1, 2048)
	if err != nil {
		return err
	}
	dns, err := serveDNS(corpus.Zone + signingZone(&own[0].PublicKey))
	if err != nil {
		return err
	}
	defer dns.Close()
	b := &bench{options: o, corpus: corpus, dns: dns, bin: binaries, report: newReport(o, corpus)}
	b.choose()
	if o.all || !o.postfix && !o.memory && !o.signing {
		err = b.rounds(ctx)
	}
	if err == nil && (o.all || o.postfix) {
		err = b.throughPostfix(ctx)
	}
	if err == nil && (o.all || o.memory) {
		err = b.memory(ctx)
	}
	if err == nil && (o.all || o.signing) {
		err = b.signing(ctx, own[0])
	}
	progress("")
	b.report.compare()
	b.report.print(os.Stdout)
	if o.quick {
		fmt.Println("this was a quick run: the verdicts count, the times say little")
	}
	if o.json != "" {
		err = errors.Join(err, b.report.write(o.json))
	}
	if len(b.report.Failed) > 0 {
		err = errors.Join(err, errors.New("a contestant failed: see FAILED above"))
	}
	return err
}
