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
	word, text string
	last, step time.Duration
}{
	{"day", "in the last 24 hours", 24 * time.Hour, time.Hour},
	{"week", "in the last 7 days", 7 * 24 * time.Hour, 6 * time.Hour},
	{"month", "in the last 30 days", 30 * 24 * time.Hour, 24 * time.Hour},
	{"quarter", "in the last 90 days", 90 * 24 * time.Hour, 24 * time.Hour},
}

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
	word := q.get("range")
	for _, x := range periods {
		options = append(options, option{x.word, map[string]string{"day": "24 hours", "week": "7 days", "month": "30 days", "quarter": "90 days"}[x.word], x.word == word})
		if x.word == word || p.Word == "" && x.word == "week" {
			// Counts are kept by the hour. The time begins with a whole step, so that the
			// numbers, the charts and the lists to which they lead are of the same mail.
			p = period{Word: x.word, Text: x.text, Since: q.now.Add(-x.last).UTC().Truncate(x.step), Until: q.now, step: x.step}
		}
	}
	for i := range options {
		options[i].Current = options[i].Word == p.Word
	}
	return p, options
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
