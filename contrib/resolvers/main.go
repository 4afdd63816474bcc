//go:build linux

package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

func main() {
	if apart() {
		return
	}
	program := flag.String("program", "", "only programs with this in their `name`")
	trouble := flag.String("trouble", "", "only troubles with this in their `name`")
	messages := flag.Int("messages", 200, "messages of each cell")
	flag.Usage = func() {
		fmt.Fprintln(os.Stderr, "usage: resolvers [flags]\n\nPostvet before Debian's DNS resolvers, in normal operation and in trouble; see `make resolvers`.\nExit codes: 0 all is as it should be, 1 something is not, 2 usage, 3 it cannot run here.")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() > 0 || *messages < 10 || *messages > 10000 {
		flag.Usage()
		os.Exit(2)
	}
	os.Exit(run(*program, *trouble, *messages))
}

// run plays the cells and prints their table.
func run(program, trouble string, messages int) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	corpus, err := newCorpus(messages)
	if err != nil {
		fmt.Fprintln(os.Stderr, "resolvers:", err)
		return 3
	}
	var rows []outcome
	code := 0
	for _, c := range cells(programs, troubles) {
		if !strings.Contains(c.program.name, program) || !strings.Contains(c.trouble.name, trouble) || ctx.Err() != nil {
			continue
		}
		if m := missing(c.program); m != "" {
			fmt.Fprintf(os.Stderr, "resolvers: %s is left out: it needs %s; %s\n", c, m, howToInstall)
			code = 3
			continue
		}
		o, err := c.run(ctx, corpus)
		if err != nil {
			fmt.Fprintf(os.Stderr, "resolvers: %s: %v\n", c, err)
			code = 3
			continue
		}
		fmt.Fprintln(os.Stderr, c)
		rows = append(rows, o)
	}
	printTable(os.Stdout, rows)
	for _, o := range rows {
		if o.wrong != "" && o.open == "" && code == 0 {
			code = 1
		}
	}
	return code
}
