package journal

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
	"github.com/postvet/postvet/policy/condition"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/rules"
)

func TestTell(t *testing.T) {
	t.Parallel()
	then := rows.Generation{ID: 1, Text: "mode = \"enforce\" # default\n[policy]\nquarantine = \"hold\" # postvet.toml:3\n"}
	now := rows.Generation{ID: 2, Text: "mode = \"monitor\" # postvet.toml:1\n[policy]\nquarantine = \"hold\" # postvet.toml:4\n"}
	row := rowOf(dmarc.Fail)
	row.Generation = 1
	s := Tell(row, then, &rules.Rules{Mode: rules.Monitor}, now)
	if s.Today.Action != result.Accept || !s.Differs || !s.Changed {
		t.Errorf("the story says %+v of today", s.Today)
	}
	if diff := cmp.Diff([][]string{{`mode = "enforce"`}, {`mode = "monitor"`}}, [][]string{s.Then, s.Now}); diff != "" {
		t.Errorf("differences of the rules (-want +got):\n%s", diff)
	}
	if why := strings.Join(row.Verdict.Why, " "); !strings.Contains(why, "Nothing proves that the message comes from example.org") {
		t.Errorf("why: %s", why)
	}
	if s = Tell(row, then, &rules.Rules{}, then); s.Differs || s.Changed || s.Then != nil || s.Unknown != nil {
		t.Errorf("the story with the same rules: %+v", s)
	}
	row.Results.Recipients = []string{rows.NoLocalPart + "example.com"}
	if s = Tell(row, then, nil, rows.Generation{}); s.Today != nil || s.Changed {
		t.Errorf("the story without rules: %+v", s)
	}
	if s = Tell(row, then, &rules.Rules{}, then); s.Unknown != nil {
		t.Errorf("no rule asks about local parts, and the story says %v", s.Unknown)
	}
	toAnn, err := condition.Compile(`"ann@example.com" in rcpts`, condition.Options{})
	if err != nil {
		t.Fatal(err)
	}
	asks := &rules.Rules{Custom: []rules.Rule{{Name: "for-ann", If: toAnn, Action: result.Accept}}}
	want := []string{"rcpts, which rule for-ann asks about and the journal does not have"}
	if s = Tell(row, then, asks, then); !slices.Equal(s.Unknown, want) {
		t.Errorf("a rule asks about local parts: got %q, want %q", s.Unknown, want)
	}
}
