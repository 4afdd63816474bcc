package chart

import (
	"fmt"
	"html/template"
	"strings"
	"time"
)

// Part is what is counted of each time.
type Part struct {
	Name string `json:"name"`
	// Tone is the class of its colour: "good", "bad", "warn" or "plain".
	Tone   string  `json:"tone"`
	Values []int64 `json:"values"` // one for each time
}

// sum returns the sum of the values.
func (p *Part) sum() (n int64) {
	for _, v := range p.Values {
		n += v
	}
	return n
}

// Bars are counts by hour or day, drawn as bars that are stacked, the first part below.
type Bars struct {
	// Title says what is counted, such as "Messages of example.org".
	Title string `json:"title"`
	// Step is from one time to the next: hours, or a day.
	Step  Step        `json:"step"`
	Times []time.Time `json:"times"`
	Parts []Part      `json:"parts"`
}

var _ Drawing = (*Bars)(nil)

// HTML implements [Drawing].
func (b *Bars) HTML(zone *time.Location) template.HTML {
	f := figure{Title: b.Title + " by " + b.Step.word(), Unit: "Messages in each " + b.Step.each(), Slots: max(len(b.Times), 1)}
	top := b.top()
	if top == 0 {
		f.Nothing = "Nothing was counted in this time."
		return execute("figure", f)
	}
	top, f.Grid = countAxis(top)
	f.Ticks = b.Step.timeAxis(b.Times, zone)
	f.Head = []string{b.Step.head()}
	below := make([]int64, len(b.Times))
	for i := range b.Parts {
		p := &b.Parts[i]
		f.Legend = append(f.Legend, legend{p.Tone, p.Name, Grouped(p.sum())})
		f.Head = append(f.Head, p.Name)
		f.Shapes = append(f.Shapes, shape{p.Tone, p.path(below, top)})
	}
	for i, at := range b.Times {
		r := row{At: at.UTC(), Time: b.Step.name(at, zone)}
		var words []string
		for j := range b.Parts {
			v := b.Parts[j].Values[i]
			r.Cells = append(r.Cells, Grouped(v))
			if v > 0 {
				words = append(words, Grouped(v)+" "+b.Parts[j].Name)
			}
		}
		f.Rows = append(f.Rows, r)
		if len(words) > 0 {
			f.Hits = append(f.Hits, hit{i, r.Time + ": " + strings.Join(words, ", ")})
		}
	}
	f.Label = b.sentence(zone)
	return execute("figure", f)
}

// path returns the path of a part above the parts below it, to which it is added.
func (p *Part) path(below []int64, top int64) string {
	var d strings.Builder
	width := min(.8, .12*float64(len(below))) // few bars do not become walls
	for i, v := range p.Values {
		if v > 0 {
			y, height := 100-part(below[i], top), max(.5, part(v, top)) // a single message can be seen
			fmt.Fprintf(&d, "M%s %sh%sv-%sh-%sz", short(float64(i)+(1-width)/2), short(y), short(width), short(height), short(width))
		}
		below[i] += v
	}
	return d.String()
}

// top returns the height of the highest bar.
func (b *Bars) top() (n int64) {
	for i := range b.Times {
		n = max(n, b.at(i))
	}
	return n
}

// at returns the height of a bar.
func (b *Bars) at(i int) (n int64) {
	for j := range b.Parts {
		n += b.Parts[j].Values[i]
	}
	return n
}

// sentence says what the bars show.
func (b *Bars) sentence(zone *time.Location) string {
	most := 0
	for i := range b.Times {
		if b.at(i) > b.at(most) {
			most = i
		}
	}
	var words []string
	for i := range b.Parts {
		words = append(words, Grouped(b.Parts[i].sum())+" "+b.Parts[i].Name)
	}
	return fmt.Sprintf("%s from %s to %s: %s. The most are %s at %s.", b.Title,
		b.Step.name(b.Times[0], zone), b.Step.name(b.Times[len(b.Times)-1], zone), list(words), Grouped(b.at(most)), b.Step.name(b.Times[most], zone))
}
