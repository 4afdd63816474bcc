package web

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/control"
	"github.com/postvet/postvet/cmd/postvet/internal/domainhistory"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
	"github.com/postvet/postvet/cmd/postvet/internal/web/access"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/result"
)

// listSource finds one message, which failed.
type listSource struct{ *fleetSource }

func (l listSource) Ask(ctx context.Context, user access.User, q control.Request) (any, error) {
	if q.Do != control.DoHistory {
		return l.fleetSource.Ask(ctx, user, q)
	}
	var refs result.References
	r := &rows.Row{Ref: refs.Next(testNow), Results: &result.Results{DMARC: dmarc.Result{Status: dmarc.Fail}}, Verdict: &result.Verdict{Action: result.Accept, Hints: []result.Hint{{Word: result.HintList}}}}
	r.Results.Client.IP = "192.0.2.1"
	return rows.Page{Rows: []*rows.Row{r}, Complete: true}, nil
}

func (listSource) DomainRecords(context.Context, string) ([]rows.Published, error) { return nil, nil }

func (listSource) DomainChanges(context.Context, string, time.Time) (*domainhistory.Changes, error) {
	return nil, nil
}

func (listSource) DomainPatterns(context.Context, string) (*domainhistory.Patterns, error) {
	return nil, nil
}

// TestAccepted: a list of all nodes says that it lacks accepted mail, if it does and that was
// asked for, and leads to the list of this node.
func TestAccepted(t *testing.T) {
	t.Parallel()
	const sentence = "Accepted mail is counted everywhere, but not listed here"
	for _, x := range []struct {
		path string
		all  bool // is sent
		says bool
	}{
		{"/messages?fleet=1&dmarc=fail", false, true},
		{"/messages?node=mx2", false, true},
		{"/messages?fleet=1&action=accept", false, true},
		{"/messages?fleet=1&action=reject", false, false},
		{"/messages?fleet=1", true, false},
		{"/messages", false, false},
	} {
		s := listSource{newFleetSource()}
		s.facts.Journal.Shipping.All = x.all
		body := get(t, newFleetHandler(s), x.path).Body.String()
		if says := strings.Contains(body, sentence); says != x.says || !strings.Contains(body, "Found messages") {
			t.Errorf("%s, all %t: says so %t, want %t\n%s", x.path, x.all, says, x.says, body)
		}
	}
	body := get(t, newFleetHandler(listSource{newFleetSource()}), "/messages?fleet=1&node=mx2&dmarc=fail").Body.String()
	if !strings.Contains(body, `<a href="/messages?dmarc=fail">Search on this node</a>`) {
		t.Errorf("no link to this node:\n%s", body)
	}
}

// TestDomainOfNode: the page of a domain says which of its sections are of this node, and their
// links lead to its messages.
func TestDomainOfNode(t *testing.T) {
	t.Parallel()
	const sentence = "Of this node, mx1, alone, unlike the numbers above"
	s := listSource{newFleetSource()}
	body := get(t, newFleetHandler(s), "/domains/example.org?node=mx2").Body.String()
	if n := strings.Count(body, sentence); n != 3 {
		t.Errorf("%d sections say of which node they are:\n%s", n, body)
	}
	for _, want := range []string{`/messages?client=192.0.2.0%2F24&amp;domain=example.org"`, `/messages?domain=example.org&amp;hint=altered_by_list&amp;since=`, `dmarc=fail&amp;domain=example.org&amp;fleet=1&amp;node=mx2&amp;since=`} {
		if !strings.Contains(body, want) {
			t.Errorf("%q is missing in\n%s", want, body)
		}
	}
	s.away = context.DeadlineExceeded
	if body := get(t, newFleetHandler(s), "/domains/example.org").Body.String(); strings.Contains(body, sentence) {
		t.Error("while the database is away, all is of this node")
	}
}
