package trial

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/postvet/postvet/cmd/postvet/internal/layout"
	"github.com/postvet/postvet/policy/foreign"
)

// Write prints the report for a person: the messages, then the sums.
func (r *Report) Write(w io.Writer) error {
	var b strings.Builder
	if r.History != nil {
		r.writeHistory(&b)
		_, err := io.WriteString(w, b.String())
		return err
	}
	if len(r.Rows) > 0 {
		t := tabwriter.NewWriter(&b, 0, 8, 2, ' ', 0)
		if r.compared {
			fmt.Fprintln(t, "MESSAGE\tAUTHOR\tDMARC\tBEFORE\tAFTER")
		} else {
			fmt.Fprintln(t, "MESSAGE\tAUTHOR\tDMARC\tVERDICT")
		}
		for _, o := range r.Rows {
			before := ""
			if o.Before != nil {
				before = o.Before.String() + "\t"
			}
			fmt.Fprintf(t, "%s\t%s\t%s\t%s%s\n", foreign.Terminal(o.File, foreign.Whole), foreign.Terminal(o.Author, 40), o.DMARC, before, o.After)
		}
		_ = t.Flush() // into memory
		b.WriteString("\n")
	}
	r.sums(&b)
	_, err := io.WriteString(w, b.String())
	return err
}

func (r *Report) sums(b *strings.Builder) {
	t := tabwriter.NewWriter(b, 0, 8, 2, ' ', 0)
	head := func(what string) {
		if r.compared {
			fmt.Fprintf(t, "%s\tBEFORE\tAFTER\n", what)
		} else {
			fmt.Fprintf(t, "%s\tMESSAGES\n", what)
		}
	}
	counts := func(list []Count) {
		for _, c := range list {
			name := foreign.Terminal(c.Name, 48)
			if r.compared {
				fmt.Fprintf(t, "%s\t%d\t%d\n", name, c.Before, c.After)
			} else {
				fmt.Fprintf(t, "%s\t%d\n", name, c.After)
			}
		}
	}
	if r.compared && r.Messages > 0 && r.History == nil {
		r.changes(b)
	}
	if r.Messages > 0 {
		head("ACTION")
		counts(r.Actions)
		fmt.Fprintln(t)
		head("RULE")
		counts(r.Rules)
		_ = t.Flush()
		b.WriteString("\n")
	}
	if h := r.History; h != nil {
		r.names(b, "AUTHOR", r.Authors)
		r.names(b, "CLIENT", r.Clients)
		h.notes(b)
	}
	r.end(b)
}

// end writes the last line.
func (r *Report) end(b *strings.Builder) {
	fmt.Fprintf(b, "%s", layout.Count(r.Messages, "message"))
	if r.compared {
		fmt.Fprintf(b, ", %d treated differently", r.Differing)
	}
	if r.Unknown > 0 {
		fmt.Fprintf(b, ", %d unknown", r.Unknown)
	}
	if n := len(r.Unreadable); n > 0 && r.History == nil {
		fmt.Fprintf(b, ", %d not readable", n)
	}
	b.WriteString("\n")
	if r.WithoutClient > 0 {
		fmt.Fprintf(b, "%s without a client address: no SPF for these\n", layout.Count(r.WithoutClient, "message"))
	}
}
