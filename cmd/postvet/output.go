package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/postvet/postvet/cmd/postvet/internal/layout"
)

// output turns an error of writing our answer into one for the person.
func output(err error) error {
	if err != nil {
		return failed("the answer could not be written: %v; look at where the output goes", err)
	}
	return nil
}

// printJSON prints the answer of --json: one object on several lines.
func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// addColor adds the flag --color.
func addColor(cmd *cobra.Command, color *string) {
	cmd.Flags().StringVar(color, "color", "auto", "`WHEN` to use colours: auto, always or never")
}

// screenOf returns the screen behind the output; color is the value of --color.
func screenOf(cmd *cobra.Command, color string) (layout.Screen, error) {
	s, ok := layout.ScreenOf(cmd.OutOrStdout(), color)
	if !ok {
		return s, usage("--color: %q is not known; write auto, always or never", color)
	}
	return s, nil
}

// visible shows control characters and the like, except line ends and tabs, as
// escapes: foreign text must not steer a terminal.
func visible(s string) string {
	var b strings.Builder
	for _, r := range s {
		if r == '\n' || r == '\t' || unicode.IsPrint(r) {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, "\\u%04x", r)
		}
	}
	return b.String()
}

func oneLine(s string) string {
	return strings.NewReplacer("\n", `\n`, "\t", `\t`).Replace(visible(s))
}
