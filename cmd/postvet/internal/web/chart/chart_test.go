package chart

import (
	"encoding/json"
	"encoding/xml"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite testdata")

var begin = time.Date(2026, 11, 28, 16, 0, 0, 0, time.UTC)

// times returns n times, a step apart.
func times(n int, step Step) (all []time.Time) {
	for i := range n {
		all = append(all, begin.Add(time.Duration(i)*time.Duration(step)))
	}
	return all
}

func outcomes(n int, value func(part, i int) int64) []Part {
	parts := []Part{{Name: "accepted", Tone: "good"}, {Name: "refused", Tone: "bad"}, {Name: "held", Tone: "warn"}, {Name: "deferred", Tone: "plain"}}
	for j := range parts {
		for i := range n {
			parts[j].Values = append(parts[j].Values, value(j, i))
		}
	}
	return parts
}

const hostile = "x\"'><script>alert(1)</script><!--\u202e&"

// TestDrawings compares drawings with those in testdata, which were looked at in a browser.
func TestDrawings(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	day := func(part, i int) int64 { return int64([]int{40 + 9*i, i % 7, i / 9, i % 2}[part]) }
	for name, x := range map[string]struct {
		drawing Drawing
		zone    *time.Location
	}{
		"hours":     {&Bars{"Messages", Hour, times(24, Hour), outcomes(24, day)}, berlin},
		"six-hours": {&Bars{"Messages", 6 * Hour, times(28, 6*Hour), outcomes(28, day)}, berlin},
		"days":      {&Bars{"Messages", Day, times(90, Day), outcomes(90, day)}, berlin},
		"one":       {&Bars{"Messages", Hour, times(1, Hour), outcomes(1, func(_, _ int) int64 { return 1 })}, time.UTC},
		"nothing":   {&Bars{"Messages", Hour, times(3, Hour), outcomes(3, func(_, _ int) int64 { return 0 })}, time.UTC},
		"no-times":  {&Bars{"Messages", Hour, nil, outcomes(0, nil)}, time.UTC},
		"hostile":   {&Bars{hostile, Day, times(2, Day), []Part{{hostile, hostile, []int64{1, 12_345_678}}}}, nil},
		"line":      {&Line{"Share of aligned mail", Day, times(30, Day), outcomes(30, day)[0].Values, outcomes(30, func(_, i int) int64 { return int64(i%11) * 60 })[0].Values}, berlin},
		"line-one":  {&Line{"Share of aligned mail", Day, times(1, Day), []int64{3}, []int64{400}}, time.UTC},
		"line-none": {&Line{hostile, Day, times(2, Day), []int64{0, 0}, []int64{0, 0}}, time.UTC},
		"line-odd":  {&Line{hostile, Day, times(3, Day), []int64{7, -1, 9}, []int64{3, 2, 0}}, time.UTC},
	} {
		t.Run(name, func(t *testing.T) {
			got := string(x.drawing.HTML(x.zone))
			file := filepath.Join("testdata", name+".html")
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			harmless(t, got)
		})
	}
}

// harmless reports elements and attributes that a drawing does not have. A drawing is also
// XML, so that a reader that is stricter than a browser can be asked.
func harmless(t *testing.T, got string) {
	t.Helper()
	const elements = " figure ul li b svg line text path rect title details summary div table caption thead tbody tr th td time p "
	const attributes = " class role aria-label aria-hidden x y dx dy x1 x2 y1 y2 d viewBox width height preserveAspectRatio tabindex scope datetime "
	d := xml.NewDecoder(strings.NewReader("<x>" + got + "</x>"))
	for depth := 0; ; depth++ {
		token, err := d.Token()
		if err != nil {
			if depth < 3 || err.Error() != "EOF" {
				t.Errorf("after %d tokens: %v", depth, err)
			}
			return
		}
		e, ok := token.(xml.StartElement)
		if !ok || e.Name.Local == "x" {
			continue
		}
		if !strings.Contains(elements, " "+e.Name.Local+" ") {
			t.Errorf("the element %q", e.Name.Local)
		}
		for _, a := range e.Attr {
			if !strings.Contains(attributes, " "+a.Name.Local+" ") {
				t.Errorf("the attribute %q of %q", a.Name.Local, e.Name.Local)
			}
		}
	}
}

func TestCountAxis(t *testing.T) {
	for highest, want := range map[int64]string{
		1: "0 1", 3: "0 1 2 3", 4: "0 1 2 3 4", 5: "0 2 4 6", 9: "0 5 10", 21: "0 10 20 30", 81: "0 50 100", 401: "0 200 400 600",
		39_999: "0 10 k 20 k 30 k 40 k", 3_000_001: "0 1 M 2 M 3 M 4 M", 7_100_000_000: "0 2 G 4 G 6 G 8 G", 1 << 60: "0 500000000 G 1000000000 G 1500000000 G",
	} {
		top, ticks := countAxis(highest)
		var texts []string
		for _, x := range ticks {
			texts = append(texts, x.Text)
		}
		if got := strings.Join(texts, " "); got != want || top < highest || len(ticks) > 5 || ticks[0].At != "100" || ticks[len(ticks)-1].At != "0" {
			t.Errorf("%d: %q, want %q; top %d", highest, got, want, top)
		}
	}
}

func TestTimeAxis(t *testing.T) {
	india, err := time.LoadLocation("Asia/Kolkata")
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		n    int
		step Step
		zone *time.Location
		want string
	}{
		{1, Hour, time.UTC, "16:00"},
		{5, Hour, time.UTC, "16:00 17:00 18:00 19:00 20:00"},
		{12, Hour, time.UTC, "16:00 18:00 20:00 22:00 29 Nov 02:00"},
		{24, Hour, time.UTC, "18:00 29 Nov 06:00 12:00"},
		{24, Hour, india, "29 Nov 06:30 12:30 18:30"},
		{168, Hour, time.UTC, "29 Nov 1 Dec 3 Dec 5 Dec"},
		{28, 6 * Hour, india, "29 Nov 1 Dec 3 Dec 5 Dec"},
		{7, Day, india, "28 Nov 30 Nov 2 Dec 4 Dec"},
		{30, Day, nil, "2 Dec 7 Dec 12 Dec 17 Dec 22 Dec 27 Dec"},
		{4000, Day, nil, "Nov 2027 Nov 2029 Nov 2031 Nov 2033 Nov 2035 Nov 2037"},
	} {
		var texts []string
		for _, tick := range x.step.timeAxis(times(x.n, x.step), x.zone) {
			texts = append(texts, tick.Text)
		}
		if got := strings.Join(texts, " "); got != x.want {
			t.Errorf("%d times of %v: %q, want %q", x.n, time.Duration(x.step), got, x.want)
		}
	}
	for step := range Step(24) { // whatever the number of points is
		for n := range 400 {
			if got := ((step + 1) * Hour).timeAxis(times(n, (step+1)*Hour), india); len(got) > maxTicks {
				t.Fatalf("%d times of %d hours: %d ticks", n, step+1, len(got))
			}
		}
	}
}

// TestJSON: the numbers of a drawing are those of the page's JSON.
func TestJSON(t *testing.T) {
	b, err := json.Marshal(&Bars{"Messages", 6 * Hour, times(1, Hour), outcomes(1, func(p, _ int) int64 { return int64(p) })[:1]})
	want := `{"title":"Messages","step":"6h","times":["2026-11-28T16:00:00Z"],"parts":[{"name":"accepted","tone":"good","values":[0]}]}`
	if err != nil || string(b) != want {
		t.Errorf("%s, %v", b, err)
	}
}

// TestSize: a drawing with as many points as a page has is far below what a page may have.
func TestSize(t *testing.T) {
	b := &Bars{"Messages", Day, times(120, Day), outcomes(120, func(p, i int) int64 { return int64(1_000_000 * (p + i + 1)) })}
	if n := len(b.HTML(nil)); n > 60_000 {
		t.Errorf("%d octets", n)
	}
}
