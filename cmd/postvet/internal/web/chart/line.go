package chart

import (
	"fmt"
	"html/template"
	"strconv"
	"strings"
	"time"
)

// Line is a share by hour or day, drawn as a line with its area.
type Line struct {
	// Title says of what it is the share, such as "Share of your mail that is aligned".
	Title string      `json:"title"`
	Step  Step        `json:"step"`
	Times []time.Time `json:"times"`
	// Part and Whole are the numbers of each time. A time without a whole has no share.
	Part  []int64 `json:"part"`
	Whole []int64 `json:"whole"`
}

var _ Drawing = (*Line)(nil)

// HTML implements [Drawing].
func (l *Line) HTML(zone *time.Location) template.HTML {
	f := figure{Title: l.Title + " by " + l.Step.word(), Unit: "Percent of the messages of each " + l.Step.each(), Slots: max(len(l.Times), 1), Head: []string{l.Step.head(), "share", "of"}}
	highest, last := -1., -1
	for i := range l.Times {
		if l.Whole[i] > 0 {
			highest, last = max(highest, l.share(i)), i
		}
	}
	if last < 0 {
		f.Nothing = "Nothing was counted in this time."
		return execute("figure", f)
	}
	top, grid := shareAxis(highest)
	f.Grid, f.Ticks = grid, l.Step.timeAxis(l.Times, zone)
	f.Shapes = l.shapes(top)
	for i, at := range l.Times {
		r := row{At: at.UTC(), Time: l.Step.name(at, zone), Cells: []string{"", Grouped(l.Whole[i])}}
		if l.Whole[i] > 0 {
			r.Cells[0] = l.percent(i)
			f.Hits = append(f.Hits, hit{i, fmt.Sprintf("%s: %s of %s", r.Time, r.Cells[0], r.Cells[1])})
		}
		f.Rows = append(f.Rows, r)
	}
	f.Label = fmt.Sprintf("%s from %s to %s: %s at the end.", l.Title, f.Rows[0].Time, f.Rows[len(f.Rows)-1].Time, l.percent(last))
	return execute("figure", f)
}

// share returns the share of a point in percent.
func (l *Line) share(i int) float64 {
	return min(100, max(0, float64(l.Part[i])*100/float64(l.Whole[i])))
}

func (l *Line) percent(i int) string {
	return strconv.FormatFloat(l.share(i), 'f', 1, 64) + " %"
}

// shapes returns an area and a line for each stretch of points that have a share. A stretch
// of one point is a short line.
func (l *Line) shapes(top float64) []shape {
	var area, line strings.Builder
	for from := 0; from < len(l.Times); from++ {
		if l.Whole[from] <= 0 {
			continue
		}
		to, d := from, ""
		for ; to < len(l.Times) && l.Whole[to] > 0; to++ {
			d += fmt.Sprintf("L%s %s", short(float64(to)+.5), short(100-l.share(to)*100/top))
		}
		begins, ends := float64(from)+.5, float64(to)-.5
		if to == from+1 {
			half := min(.25, .04*float64(len(l.Times)))
			begins, ends = begins-half, ends+half
			y := short(100 - l.share(from)*100/top)
			d = fmt.Sprintf("L%s %sL%s %s", short(begins), y, short(ends), y)
		}
		line.WriteString("M" + d[1:])
		fmt.Fprintf(&area, "M%s 100%sV100z", short(begins), d)
		from = to
	}
	return []shape{{"area", area.String()}, {"line", line.String()}}
}
