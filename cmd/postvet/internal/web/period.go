package web

import (
	"time"
)

// period is the time that a page looks back.
type period struct {
	// Word is "day", "week", "month" or "quarter", Text the same as it stands in a
	// sentence.
	Word  string    `json:"word"`
	Text  string    `json:"text"`
	Since time.Time `json:"since"`
	Until time.Time `json:"until"`

	step time.Duration
}

// periods are the times that can be chosen, with the points of a chart of each: about as many
// as can be told apart on a narrow screen.
var periods = []struct {
	word, title string
	last, step  time.Duration
}{
	{"day", "24 hours", 24 * time.Hour, time.Hour},
	{"week", "7 days", 7 * 24 * time.Hour, 6 * time.Hour},
	{"month", "30 days", 30 * 24 * time.Hour, 24 * time.Hour},
	{"quarter", "90 days", 90 * 24 * time.Hour, 24 * time.Hour},
}

// usualPeriod is the place of the usual one among periods.
const usualPeriod = 1

// option is a link by which a page is shown in another way.
type option struct {
	Word  string `json:"word"`
	Title string `json:"title"`
	// Current is true for what is shown.
	Current bool `json:"current"`
}

// period returns the time that a request asks for by the parameter "range", a week by default,
// and all that can be chosen.
func (q *request) period() (p period, options []option) {
	word, chosen := q.get("range"), usualPeriod
	for i, x := range periods {
		if x.word == word {
			chosen = i
		}
	}
	for i, x := range periods {
		options = append(options, option{x.word, x.title, i == chosen})
	}
	x := periods[chosen]
	// Counts are kept by the hour. The time begins with a whole step, so that the numbers,
	// the charts and the lists to which they lead are of the same mail.
	return period{Word: x.word, Text: "in the last " + x.title, Since: q.now.Add(-x.last).UTC().Truncate(x.step), Until: q.now, step: x.step}, options
}

// options returns links, of which that with a word is current; the first one if there is none,
// whose word is returned then.
func options(word string, all ...option) (current string, list []option) {
	current = all[0].Word
	for _, c := range all {
		if c.Word == word {
			current = word
		}
	}
	for i := range all {
		all[i].Current = all[i].Word == current
	}
	return current, all
}
