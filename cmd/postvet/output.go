package main

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/postvet/postvet/cmd/postvet/internal/layout"
	"github.com/postvet/postvet/policy/foreign"
)

// output returns the error of writing an answer as one for a person.
func output(err error) error {
	if err != nil {
		return failed("the answer could not be written: %v; look at where the output goes", err)
	}
	return nil
}

// printJSON prints the answer of --json: one object on several lines.
func printJSON(w io.Writer, v any) error {
	e := newEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// newEncoder returns an encoder for the answers of --json. What it writes cannot
// steer a terminal.
func newEncoder(w io.Writer) *json.Encoder {
	e := json.NewEncoder(jsonGuard{w})
	e.SetEscapeHTML(false)
	return e
}

// jsonGuard makes documents harmless. The encoder writes each document at once.
type jsonGuard struct{ w io.Writer }

func (g jsonGuard) Write(document []byte) (int, error) {
	if _, err := g.w.Write(foreign.JSON(document)); err != nil {
		return 0, err
	}
	return len(document), nil
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

// given returns a text with s put in, "" if s is empty.
func given(format, s string) string {
	if s == "" {
		return ""
	}
	return fmt.Sprintf(format, s)
}
