package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/postvet/postvet/cmd/postvet/internal/trial"
	"github.com/postvet/postvet/policy/foreign"
)

// print prints what was found in files. The error is the exit code.
func (f *policyTestFlags) print(cmd *cobra.Command, rows []trial.Row, compared bool) error {
	r := trial.NewReport(rows, compared, f.all || !compared)
	namesUnreadable(cmd.ErrOrStderr(), r)
	var err error
	switch {
	case f.json:
		err = printJSON(cmd.OutOrStdout(), r)
	case f.csv:
		out := &outcomeCSV{w: csv.NewWriter(cmd.OutOrStdout())}
		for i := range r.Rows {
			if err = out.write(&r.Rows[i]); err != nil {
				break
			}
		}
		err = out.end(r)
	default:
		err = r.Write(cmd.OutOrStdout())
	}
	switch {
	case err != nil:
		return output(err)
	case r.Messages == 0:
		return failed("no message could be read; name files or directories with messages")
	case r.Differing > 0:
		return exit{code: exitNo}
	}
	return nil
}

// namesUnreadable names what could not be read.
func namesUnreadable(w io.Writer, r *trial.Report) {
	for _, p := range r.Unreadable {
		fmt.Fprintf(w, "postvet: %s: %s\n", foreign.Terminal(p.File, foreign.Whole), foreign.Terminal(p.Problem, foreign.Whole))
	}
}

// outcomeWriter writes messages as they are found, and then the report without them.
type outcomeWriter interface {
	write(o *trial.Outcome) error
	end(r *trial.Report) error
}

// outcomeCSV writes messages as CSV, without sums.
type outcomeCSV struct {
	w     *csv.Writer
	begun bool
}

func (c *outcomeCSV) write(o *trial.Outcome) error {
	c.begin()
	before := trial.Verdict{}
	if o.Before != nil {
		before = *o.Before
	}
	name, at := o.Ref.String(), ""
	if o.Ref == 0 {
		name = o.File
	} else {
		at = o.At.Format(time.RFC3339Nano)
	}
	cells := []string{
		name, at, o.Author, o.Client, o.DMARC, string(before.Action), string(before.Intended), before.Code, before.Rule,
		string(o.After.Action), string(o.After.Intended), o.After.Code, o.After.Rule, strings.Join(o.Unknown, ", "),
	}
	_ = writeCells(c.w, cells) // Flush has the error
	return c.w.Error()
}

func (c *outcomeCSV) begin() {
	if !c.begun {
		c.begun = true
		_ = c.w.Write([]string{
			"message", "at", "author", "client", "dmarc", "before_action", "before_intended", "before_code", "before_rule",
			"after_action", "after_intended", "after_code", "after_rule", "unknown",
		})
	}
}

func (c *outcomeCSV) end(*trial.Report) error {
	c.begin()
	c.w.Flush()
	return c.w.Error()
}

// outcomeJSON writes an object whose first key is "rows".
type outcomeJSON struct {
	w    io.Writer
	rows bool
}

func (j *outcomeJSON) write(o *trial.Outcome) error {
	separator := ",\n    "
	if !j.rows {
		separator = "{\n  \"rows\": [\n    "
	}
	j.rows = true
	return j.document(separator, "    ", o, "")
}

// document writes a document behind a text, without the octets that it begins with.
func (j *outcomeJSON) document(before, indent string, v any, without string) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent(indent, "  ")
	if err := e.Encode(v); err != nil {
		return err
	}
	text := bytes.TrimPrefix(bytes.TrimSuffix(b.Bytes(), []byte("\n")), []byte(without))
	_, err := j.w.Write(append([]byte(before), foreign.JSON(text)...))
	return err
}

func (j *outcomeJSON) end(r *trial.Report) error {
	before := "{\n  \"rows\": [],\n"
	if j.rows {
		before = "\n  ],\n"
	}
	sums := struct {
		*trial.Report
		Rows *struct{} `json:"rows,omitempty"` // in place of those of the report
	}{Report: r}
	if err := j.document(before, "", sums, "{\n"); err != nil {
		return err
	}
	_, err := io.WriteString(j.w, "\n")
	return err
}

// outcomeText writes a report for a person, and below All a line for each message.
type outcomeText struct {
	w   io.Writer
	all bool
}

func (t *outcomeText) write(o *trial.Outcome) error {
	after := o.After.String()
	if o.After.Action == trial.Unknown {
		after = string(trial.Unknown)
	}
	_, err := fmt.Fprintf(t.w, "%s  %-20s  %s -> %s\n", o.Ref, fit(o.Author, 20), foreign.Terminal(o.Before.String(), foreign.Whole), foreign.Terminal(after, foreign.Whole))
	return err
}

func (t *outcomeText) end(r *trial.Report) error {
	if t.all && r.Messages > 0 {
		if _, err := fmt.Fprintln(t.w); err != nil {
			return err
		}
	}
	return r.Write(t.w)
}
