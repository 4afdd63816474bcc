//go:build linux

// Command demo shows what Postvet does: it starts the real Postfix and the real
// Sendmail on loopback, each with a Postvet as its milter and a DNS server with
// test domains, sends them good, forged and doubtful messages by SMTP, and
// prints what was sent, what the MTA answered, and what was decided and why. On a
// terminal it then shows the web page with these messages until Ctrl-C. Everything
// is stopped and removed at the end.
//
// Exit codes: 0 everything was as it should be, 1 something was not, 2 usage,
// 3 the demonstration cannot run here.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/postvet/postvet/contrib/realmta"
)

// limit bounds the whole demonstration, but for the time that the page is shown.
const limit = 4 * time.Minute

func main() {
	logs := flag.Bool("logs", false, "show the logs of Postvet and of the MTAs at the end")
	shown := flag.Duration("page", pageTime(), "how long the web page is shown; 0 is not at all")
	flag.Usage = func() {
		fmt.Fprintln(os.Stderr, "usage: demo [--logs] [--page DURATION]\n\nReal Postfix and real Sendmail with Postvet between, on loopback; see `make demo`.")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	os.Exit(run(*logs, *shown))
}

func run(logs bool, shown time.Duration) int {
	if missing := missing(); missing != "" {
		fmt.Fprintf(os.Stderr, "demo: cannot run here:\n%sTo get it: %s\n", missing, realmta.HowToInstall)
		return 3
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, limit+shown)
	defer cancel()

	rows, err := demonstrate(ctx, logs, shown)
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		return 3
	}
	bad := 0
	for _, r := range rows {
		if r.problem != "" {
			bad++
			fmt.Printf("NOT AS EXPECTED: %s, %s: %s\n", r.mta, r.sent, r.problem)
		}
	}
	if bad > 0 {
		return 1
	}
	fmt.Printf("\nAll %d messages met what they should. Nothing is left behind.\n", len(rows))
	return 0
}

// missing returns what is missing, one line per MTA.
func missing() string {
	var b strings.Builder
	for _, mta := range []string{"Postfix", "Sendmail"} {
		if m := realmta.Missing(mta); len(m) > 0 {
			fmt.Fprintf(&b, "  %s needs %s\n", mta, strings.Join(m, ", "))
		}
	}
	return b.String()
}

// decided returns how many messages Postvet decided about.
func decided(rows []row) (n int) {
	for _, r := range rows {
		if r.decision != undecided {
			n++
		}
	}
	return n
}

// dnsTimeout is how long Postvet waits for the one domain whose DNS is silent.
const dnsTimeout = 3 * time.Second

// demonstrate plays all messages against both MTAs, prints the rows, and shows the
// page. It returns and prints the rows so far also if it cannot go on.
func demonstrate(ctx context.Context, logs bool, shown time.Duration) (rows []row, err error) {
	printRows := sync.OnceFunc(func() {
		if len(rows) > 0 {
			fmt.Println()
			printTable(os.Stdout, rows)
		}
	})
	defer printRows()
	progress := func(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }
	progress("building postvet")
	binary, err := realmta.Build(ctx, false)
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(filepath.Dir(binary))
	zone, err := realmta.NewZone()
	if err != nil {
		return nil, err
	}
	page, err := newPage(ctx, binary)
	if err != nil {
		return nil, err
	}
	defer page.remove()
	for _, mta := range []string{"Postfix", "Sendmail"} {
		progress("starting %s with Postvet and a DNS server", mta)
		s, err := realmta.StartSite(ctx, realmta.SiteOptions{MTA: mta, Binary: binary, Zone: zone, DNSTimeout: dnsTimeout, More: page.sections()})
		if err != nil {
			return rows, err
		}
		progress("%s %s listens on %s, its milter on %s", s.Name(), s.Version(), s.Addr(), s.MilterListen())
		for _, c := range cases() {
			if ctx.Err() != nil {
				break // what is sent now would only seem to fail
			}
			progress("  sending %s", c.sent)
			rows = append(rows, play(ctx, s, c))
		}
		problem := ctx.Err()
		if problem == nil {
			problem = page.await(ctx, decided(rows))
		}
		if mta == "Sendmail" && shown > 0 && problem == nil {
			printRows()
			page.show(ctx, shown) // until Ctrl-C, which is no problem
		}
		text := s.Logs()
		progress("stopping %s", mta)
		if err := s.Stop(); err != nil {
			return rows, errors.Join(err, errors.New(text))
		}
		if logs {
			fmt.Println(text)
		}
		if problem != nil {
			return rows, problem
		}
	}
	return rows, nil
}
