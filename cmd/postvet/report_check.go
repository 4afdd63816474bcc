package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/postvet/postvet/cmd/postvet/internal/input"
	"github.com/postvet/postvet/cmd/postvet/internal/layout"
	"github.com/postvet/postvet/policy/dmarc/report"
	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/reportmail"
)

type reportCheckFlags struct {
	setup setupFlags
}

func newReportCheck(in *os.File) *cobra.Command {
	f := &reportCheckFlags{}
	cmd := &cobra.Command{
		Use:   "check [FILE|-...]",
		Short: "say whether reports are valid, or can be sent",
		Long: `Check holds aggregate reports against RFC 9990: its schema, and what its text
demands beyond, such as names in lower case, counts above 0, a passing result
for each "pass", and a reason where the policy was not applied. It names line,
element, rule and remedy. A report may be XML, gzip, zip or a whole message. "-"
is standard input.

A report by RFC 7489 is not valid by RFC 9990; "postvet report read" reads both.

Without FILE it checks whether your own reports can be sent, arrive, and be
believed: the section report of the configuration, what the DNS has of the
sender's domain (mail, SPF, DMARC), the key that signs, whether bounces come
back, and the server that takes reports. It sends nothing; the server is asked
whether it would take a sender and a recipient. With --json, one object is
printed: verdict, errors, warnings, lookups, failed, and sections, each with
name (settings, sender, spf, dmarc, dkim, bounces or server), subject, and
findings with severity, text and fix, as "postvet domain --json" has them.

With --json, each checked file is one object on one line: file, where, valid,
records, messages, problems, more_problems, and error if it is no report.

Exit codes: 0 all are valid, or nothing is wrong, 1 one is not, there is none,
or something is wrong, 2 wrong usage, 3 a file could not be opened, or too many
lookups failed to tell.`,
		Example: `  postvet report check                  your own set-up, before send = "known"
  postvet report check mine.xml
  zcat mine.xml.gz | postvet report check - --json`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return f.setup.run(cmd)
			}
			return f.run(cmd, in, args)
		},
	}
	f.setup.add(cmd)
	cmd.Flags().Lookup("json").Usage = "print JSON: one report a line, or the set-up"
	cmd.Flags().StringVar(&f.setup.file, "config", "", "configuration `FILE` with your own set-up (default "+packagedConfig+")")
	return cmd
}

// checkLine is a checked report in JSON.
type checkLine struct {
	File     string           `json:"file"`
	Where    string           `json:"where,omitempty"`
	Valid    bool             `json:"valid"`
	Records  int              `json:"records"`
	Messages int64            `json:"messages"`
	Problems []report.Problem `json:"problems"`
	More     int              `json:"more_problems"`
	Error    string           `json:"error,omitempty"`
}

func (f *reportCheckFlags) run(cmd *cobra.Command, in *os.File, names []string) error {
	screen, err := screenOf(cmd, f.setup.color)
	if err != nil {
		return err
	}
	code := exitDone
	for _, name := range names {
		lines, err := checkFile(in, name)
		switch {
		case err != nil:
			code = exitFailed
			fmt.Fprintf(cmd.ErrOrStderr(), "postvet: %s\n", fileError(name, err))
			continue
		case len(lines) == 0:
			lines = []checkLine{{File: name, Problems: []report.Problem{}, Error: "there is no aggregate report in it"}}
		}
		for _, l := range lines {
			if !l.Valid && code == exitDone {
				code = exitNo
			}
			if f.setup.json {
				err = newEncoder(cmd.OutOrStdout()).Encode(l)
			} else {
				err = l.write(cmd.OutOrStdout(), screen)
			}
			if err != nil {
				return output(err)
			}
		}
	}
	if code != exitDone {
		return exit{code: code}
	}
	return nil
}

// checkFile checks the reports in a file. The error is one of opening it.
func checkFile(in *os.File, name string) ([]checkLine, error) {
	var r io.Reader
	shown := name
	if name == standardInput {
		standard, err := input.Standard(in)
		if err != nil {
			return nil, err
		}
		if standard == nil {
			return nil, errors.New("standard input is empty")
		}
		r, shown = standard, "standard input"
	} else {
		f, err := input.Open(name)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		r = f
	}
	var lines []checkLine
	_, err := reportmail.Read(r, func(d *reportmail.Document) error {
		if d.Kind != reportmail.XML {
			return nil
		}
		l := checkLine{File: shown, Where: d.Where, Problems: []report.Problem{}}
		v, err := report.Check(d.Body)
		l.Valid, l.Records, l.Messages, l.More = v.Valid() && err == nil, v.Records, v.Messages, v.More
		l.Problems = append(l.Problems, v.Problems...)
		if err != nil {
			l.Error = err.Error()
		}
		lines = append(lines, l)
		return nil
	})
	switch {
	case errors.Is(err, syscall.EISDIR):
		return nil, errors.New("is a folder; name the files in it")
	case err != nil:
		lines = append(lines, checkLine{File: shown, Problems: []report.Problem{}, Error: err.Error()})
	}
	return lines, nil
}

// write writes a checked report for a person.
func (l *checkLine) write(w io.Writer, screen layout.Screen) error {
	name := foreign.Terminal(l.File, foreign.Whole)
	if l.Where != "" {
		name += ", " + foreign.Terminal(l.Where, foreign.Whole)
	}
	if l.Valid {
		if _, err := fmt.Fprintf(w, "%s: %s, %s in %s\n", name, screen.Paint(layout.Green, "valid"), layout.Count(l.Messages, "message"), layout.Count(l.Records, "record")); err != nil {
			return err
		}
	}
	for _, p := range l.Problems {
		style, word := layout.Red, "error"
		if p.Warning {
			style, word = layout.Yellow, "warning"
		}
		element := p.Element
		if element != "" {
			element = " " + element + ":"
		}
		text := fmt.Sprintf("%s:%d: %s:%s %s", name, p.Line, screen.Paint(style, word), foreign.Terminal(element, 100), foreign.Terminal(p.Rule, 600))
		if p.Remedy != "" {
			text += "; " + foreign.Terminal(p.Remedy, 400)
		}
		if _, err := fmt.Fprintln(w, screen.Wrap(text, 0, 4)); err != nil {
			return err
		}
	}
	if l.More > 0 {
		if _, err := fmt.Fprintf(w, "%s: %s not shown\n", name, layout.Count(l.More, "further problem")); err != nil {
			return err
		}
	}
	if l.Error != "" {
		_, err := fmt.Fprintf(w, "%s: %s %s\n", name, screen.Paint(layout.Red, "error:"), foreign.Terminal(l.Error, 500))
		return err
	}
	return nil
}
