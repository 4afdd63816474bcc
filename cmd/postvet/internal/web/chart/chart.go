// Package chart draws counts over time as SVG, for the pages that a server sends: bars that
// are stacked by outcome, and a line of shares.
//
// Each drawing has a sentence for those who do not see it, and a table with the same numbers.
// The width of a drawing is that of its place, while its text keeps its size: the plot has a
// viewBox of its own, which is stretched. Colours are classes of the style sheet.
package chart

import (
	"bytes"
	"embed"
	"html/template"
	"time"
)

//go:embed templates
var files embed.FS

var templates = template.Must(template.New("").ParseFS(files, "templates/*.html"))

// Drawing is what can be drawn. Times are shown in zone.
type Drawing interface {
	HTML(zone *time.Location) template.HTML
}

// figure is what the template of a drawing gets.
type figure struct {
	// Label is the sentence for those who do not see the drawing, Title stands above the
	// table, and Nothing instead of both if there is nothing to draw.
	Label, Title, Nothing string
	Unit                  string // what the bars count, or of what they are a share
	Legend                []legend
	Grid                  []tick // places are from the top
	Ticks                 []tick // places are from the left
	Slots                 int    // the width of the viewBox
	Shapes                []shape
	Hits                  []hit
	Head                  []string
	Rows                  []row
}

type legend struct{ Tone, Name, Value string }

// tick is a place on an axis, in percent, with what it means.
type tick struct{ At, Text string }

// shape is a path.
type shape struct{ Class, D string }

// hit is a slot of the plot that shows its numbers when a reader points at it.
type hit struct {
	At   int
	Text string
}

// row is a row of the table.
type row struct {
	At    time.Time
	Time  string
	Cells []string
}

// execute returns what a template makes of data. Its text is escaped there.
func execute(name string, data any) template.HTML {
	var b bytes.Buffer
	if err := templates.ExecuteTemplate(&b, name, data); err != nil {
		panic(err) // a fault in a template, which the tests find
	}
	return template.HTML(b.String()) //nolint:gosec // made by html/template alone
}
