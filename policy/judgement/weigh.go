package judgement

import (
	"slices"
	"strings"

	"github.com/postvet/postvet/policy/result"
)

// The outcomes of Weigh.
const (
	Refuse = "refuse"
	Hold   = "hold"
)

// Weigh returns what evidence leads to. It is Refuse if at least one entry speaks for a
// forgery and none for indirect mail. It is Hold otherwise, and also if a DNS failure
// hides whether the message is indirect: a DNS failure never leads to a rejection. It is
// "" without evidence.
func Weigh(all []result.Evidence) string {
	if len(all) == 0 {
		return ""
	}
	forgery := false
	for i := range all {
		e := &all[i]
		switch {
		case e.Side == result.Forgery:
			forgery = forgery || e.State == result.Present
		case e.State == result.Present, e.State == result.Unknown && !fromEarlierMail(e.Name):
			return Hold
		}
	}
	if forgery {
		return Refuse
	}
	return Hold
}

// Open reports whether the outcome of Weigh rests on signs of indirect mail that are
// unknown, or on evidence that was not gathered.
func Open(all []result.Evidence) bool {
	if len(all) == 0 {
		return true
	}
	hidden := false
	for i := range all {
		switch e := &all[i]; {
		case e.Side != result.Indirect:
		case e.State == result.Present:
			return false
		case e.State == result.Unknown && !fromEarlierMail(e.Name):
			hidden = true
		}
	}
	return hidden && len(Present(all, result.Forgery)) > 0
}

// fromEarlierMail reports whether an entry is about earlier mail.
func fromEarlierMail(name string) bool {
	return slices.ContainsFunc(entries, func(e Entry) bool { return e.Observed && e.Name == name })
}

// Present returns the evidence of a side that is present.
func Present(all []result.Evidence, side result.Side) (list []result.Evidence) {
	for i := range all {
		if !found(&all[i], side) {
			continue
		}
		if list == nil {
			list = make([]result.Evidence, 0, len(all)-i)
		}
		list = append(list, all[i])
	}
	return list
}

func found(e *result.Evidence, side result.Side) bool {
	return e.Side == side && e.State == result.Present
}

// Indirect reports whether something speaks for indirect mail.
func Indirect(all []result.Evidence) bool {
	for i := range all {
		if found(&all[i], result.Indirect) {
			return true
		}
	}
	return false
}

// Summary returns the outcome and the names of what is present in one line, such as
// "hold; indirect: list; forgery: strangers". It is "" without evidence.
func Summary(all []result.Evidence) string {
	text := Weigh(all)
	for _, side := range []result.Side{result.Indirect, result.Forgery} {
		if names := Names(all, side); names != "" {
			text += "; " + string(side) + ": " + names
		}
	}
	return text
}

// Names returns the names of the evidence of a side that is present, with commas between.
func Names(all []result.Evidence, side result.Side) string {
	var b strings.Builder
	for i := range all {
		if !found(&all[i], side) {
			continue
		}
		if b.Len() > 0 {
			b.WriteString(", ")
		}
		b.WriteString(all[i].Name)
	}
	return b.String()
}
