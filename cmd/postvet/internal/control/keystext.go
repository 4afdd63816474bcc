package control

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/layout"
	"github.com/postvet/postvet/policy/foreign"
)

// text returns how many keys there are, which of them needs an administrator, and which is
// rotated next.
func (k *Keys) text(now time.Time) string {
	total := 0
	var states []string
	for _, state := range slices.Sorted(maps.Keys(k.ByState)) {
		if n := k.ByState[state]; n > 0 {
			total += n
			states = append(states, fmt.Sprintf("%d %s", n, state))
		}
	}
	text := layout.Count(total, "key")
	if total > 0 {
		text += ": " + strings.Join(states, ", ")
	}
	if k.Unpublished > 0 {
		text += fmt.Sprintf("; NOT PUBLISHED any more: %s", foreign.Terminal(strings.Join(k.Lost, ", "), foreign.Whole))
		if more := k.Unpublished - len(k.Lost); more > 0 {
			text += fmt.Sprintf(" and %d more", more)
		}
	}
	if k.NotBegun > 0 {
		text += fmt.Sprintf("; %s NOT BEGUN, the log says why", layout.Count(k.NotBegun, "rotation"))
	}
	switch left := k.NextAt.Sub(now); {
	case k.Next == "":
	case left <= 0:
		text += fmt.Sprintf("; %s is to be rotated now", foreign.Terminal(k.Next, foreign.Whole))
	default:
		text += fmt.Sprintf("; %s is rotated next, in %s", foreign.Terminal(k.Next, foreign.Whole), short(left))
	}
	return text
}
