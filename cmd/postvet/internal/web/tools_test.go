package web

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/control"
	"github.com/postvet/postvet/cmd/postvet/internal/web/access"
)

// toolsSource is a source of keys and nodes.
type toolsSource struct {
	source
	ring  KeyRing
	nodes Fleet
}

func (s toolsSource) Keys(context.Context) KeyRing { return s.ring }
func (s toolsSource) Fleet(context.Context) Fleet  { return s.nodes }

func TestKeysPage(t *testing.T) {
	t.Parallel()
	key := func(foreign string) SigningKey {
		return SigningKey{
			Domain: "example.org" + foreign, Selector: "s1" + foreign, Type: "rsa", Bits: 2048, Made: testNow.Add(-48 * time.Hour), State: "active", Since: testNow.Add(-24 * time.Hour),
			Next: testNow.Add(24 * time.Hour), Asked: true, Shown: true, Says: []string{}, Name: "s1._domainkey.example.org" + foreign, Record: "s1._domainkey.example.org. 3600 IN TXT ( \"v=DKIM1\" )" + foreign,
		}
	}
	lost, broken := key(""), SigningKey{Domain: "x.example", Selector: "s", Problem: "is no key <b>", Says: []string{}}
	lost.Shown, lost.Says = false, []string{"the record shows another key"}
	for _, tc := range []struct {
		name string
		ring KeyRing
		want []string
	}{
		{"nothing is signed", KeyRing{}, []string{"Nothing is signed", "postvet key new example.org"}},
		{"no key", KeyRing{Signs: true, Dir: "/k"}, []string{"There is no key yet", "Keys are changed by hand"}},
		{"elsewhere", KeyRing{Signs: true, Elsewhere: []string{"sign.redis"}}, []string{"in tables or on servers", "<code>sign.redis</code>"}},
		{"unreadable", KeyRing{Signs: true, Problem: "permission denied"}, []string{"cannot be listed", "permission denied"}},
		{"well", KeyRing{Signs: true, Keys: []SigningKey{key("")}, EverySeconds: 90 * 86400, Publishes: true}, []string{
			"1 key, and the DNS shows", "every 90 days, and their records are published by the service", "rsa, 2048 bits", "shows it", "s1._domainkey.example.org. 3600 IN TXT", "2 days ago", "30 Nov 16:00",
		}},
		{"the DNS is down", KeyRing{Signs: true, Keys: []SigningKey{{Domain: "example.org", State: "active", Says: []string{"could not be looked up"}}}}, []string{"Of 1 key, the DNS said nothing about 1 just now", "not known", "could not be looked up"}},
		{"faults", KeyRing{Signs: true, Keys: []SigningKey{lost, broken}, More: 3}, []string{"Of 5 keys, the DNS does not show 1, and 1 cannot be used", "does not show it", "the record shows another key", "is no key &lt;b&gt;", "And 3 more"}},
	} {
		page := get(t, newTest(toolsSource{ring: tc.ring}), "/keys").Body.String()
		holds(t, tc.name, page, tc.want...)
	}
	foreign := key(hostile)
	foreign.WaitsFor, foreign.Problem, foreign.Says = hostile, "", []string{hostile}
	checkHarmless(t, get(t, newTest(toolsSource{ring: KeyRing{Signs: true, Dir: hostile, Problem: hostile, Elsewhere: []string{hostile}, Keys: []SigningKey{foreign, {Problem: hostile}}}}), "/keys").Body.String())
}

func TestFleetPage(t *testing.T) {
	t.Parallel()
	node := func(name, version, config string, ago time.Duration) FleetNode {
		return FleetNode{Name: name, Version: version, Config: config, Seen: testNow.Add(-ago), Newest: testNow.Add(-ago)}
	}
	s := toolsSource{source: source{facts: wellFacts()}}
	holds(t, "alone", get(t, newTest(s), "/fleet").Body.String(), "There is no fleet", "postgres = &#34;file:/etc/postvet/journal.dsn&#34;")
	s.nodes = Fleet{Configured: true, Here: "mx1", Nodes: []FleetNode{node("mx1", "1.0", "aa", time.Minute), node("mx2", "1.0", "aa", time.Minute)}}
	s.facts.Journal.Shipping = &control.Shipping{Node: "mx1", LagSeconds: 1.5, Sent: map[string]int64{"rest": 3}, Lost: map[string]int64{"rest": 2}}
	holds(t, "alike", get(t, newTest(s), "/fleet").Body.String(), "All is alike: 2 nodes", "(this one)", "1.5 seconds", "3 rest", "2 since the start")
	s.nodes.Nodes = append(s.nodes.Nodes, node("mx3", "0.9", "bb", time.Hour), FleetNode{Name: "mx4", Version: "1.0", Seen: testNow})
	holds(t, "different", get(t, newTest(s), "/fleet").Body.String(), "Of 4 nodes, 1 differs: mx3 has said nothing for 60 minutes, has version 0.9 (the others 1.0), has another configuration.", "says nothing", "another version", "another configuration", "none lately")
	for i := range s.nodes.Nodes {
		s.nodes.Nodes[i].Removal = "DELETE " + s.nodes.Nodes[i].Name
	}
	page := get(t, newTest(s), "/fleet").Body.String()
	holds(t, "gone", page, "If <bdi class=\"foreign\">mx3</bdi> does not come back", "mx3 has said nothing for 60 minutes. What it had not sent by then is in no number", "DELETE mx3")
	lacks(t, "gone", page, "DELETE mx1", "DELETE mx4")
	for i, h := range []*NodeHealth{{LagSeconds: 7200, Dropped: 3}, {DNSFails: true, Lost: 1}, {DNSFails: true}, {Failing: 1, Resolvers: 2}} {
		s.nodes.Nodes[i].Health = h
	}
	holds(t, "unwell", get(t, newTest(s), "/fleet").Body.String(), "Of 4 nodes, 4 differ: mx1 is 2 hours behind with what it sends, lacks 3 messages in its journal; "+
		"mx2 removed 1 message before they were sent, gets no answer from the DNS; mx3 has said nothing for 60 minutes, has version 0.9 (the others 1.0), has another configuration; "+
		"mx4 has 1 of 2 resolvers that fail.", "1 of 2 resolvers fail", "7200")
	s.nodes.Nodes, s.nodes.Problem = nil, "connection refused "+hostile
	page = get(t, newTest(s), "/fleet").Body.String()
	holds(t, "away", page, "cannot be asked at present", "connection refused")
	checkHarmless(t, page)
	s.nodes = Fleet{Configured: true, Here: hostile, Nodes: []FleetNode{{Name: hostile, Version: hostile, Config: hostile, Health: &NodeHealth{DNSFails: true}}}}
	checkHarmless(t, get(t, newTest(s), "/fleet").Body.String())
}

func TestForget(t *testing.T) {
	t.Parallel()
	var forgotten []string
	var fails error
	s := source{facts: Facts{Journal: control.Journal{Directory: "/j"}}, ask: func(_ access.User, q control.Request) (any, error) {
		if q.Do != control.DoJournalForget {
			panic(q.Do)
		}
		forgotten = append(forgotten, q.Query)
		return control.Forgotten{Messages: 2}, fails
	}}
	h := newTest(s)
	holds(t, "form", get(t, h, "/forget?what=ann@example.org").Body.String(), `value="ann@example.org"`, "Nothing is removed before you confirm it")
	for what, want := range map[string]string{
		"ann@example.org": "from and to this address", "example.org": "All messages of authors in this domain", "": "Write one address", "a b": "Write one address", "a@b..c": "neither an address nor a domain",
		strings.Repeat("x", 400): "Write one address",
	} {
		holds(t, what, post(t, h, "/forget", url.Values{"what": {what}}).Body.String(), want)
	}
	checkHarmless(t, post(t, h, "/forget", url.Values{"what": {hostile}}).Body.String())
	if forgotten != nil {
		t.Fatalf("without a confirmation: %v", forgotten)
	}
	holds(t, "done", post(t, h, "/forget", url.Values{"what": {"Ann@Example.org"}, "confirm": {"yes"}}).Body.String(), "Forgotten: 4 messages.", "/audit")
	if got := strings.Join(forgotten, " "); got != `{"from":"ann@example.org","limit":100} {"rcpt":"ann@example.org","limit":100}` {
		t.Errorf("asked to forget %s", got)
	}
	forgotten = nil
	if w := postAs(h, "/forget", url.Values{"what": {"example.org"}, "confirm": {"yes"}}, nil); w.Code != http.StatusForbidden || forgotten != nil {
		t.Errorf("without a token: %d, %v", w.Code, forgotten)
	}
	fails = errors.New("disk full")
	if w := post(t, h, "/forget", url.Values{"what": {"example.org"}, "confirm": {"yes"}}); w.Code != http.StatusInternalServerError {
		t.Errorf("a failure: %d", w.Code)
	}
	s.facts.Journal.Directory = ""
	if w := get(t, newTest(s), "/forget"); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "No journal is kept") {
		t.Errorf("without a journal: %d\n%s", w.Code, w.Body)
	}
}
