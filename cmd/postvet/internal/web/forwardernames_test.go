package web

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/cmd/postvet/internal/control"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
	"github.com/postvet/postvet/cmd/postvet/internal/web/access"
	"github.com/postvet/postvet/policy/arc"
	"github.com/postvet/postvet/policy/result"
)

// TestNameForwarders: each network has the names of its own messages alone, those of most first,
// and no more than are shown. A chain of seals that does not verify names nobody.
func TestNameForwarders(t *testing.T) {
	t.Parallel()
	page := rows.Page{Complete: true}
	add := func(ip, list string, status arc.Status, sealers ...string) {
		r := &rows.Row{Ref: result.FirstReference(testNow), Host: netip.MustParseAddr("192.0.2.1"), Results: &result.Results{}, Verdict: &result.Verdict{}}
		r.Results.Client.IP, r.Results.List.ID, r.Results.ARC.Status = ip, list, status
		for i, s := range sealers {
			r.Results.ARC.Sealers = append(r.Results.ARC.Sealers, arc.Sealer{Instance: i + 1, Domain: s})
		}
		page.Rows = append(page.Rows, r)
	}
	for i := range 9 {
		for range 10 - i {
			add("192.0.2.7", fmt.Sprintf("list%d.example", i), arc.Pass, "a.example", "a.example", "b.example")
		}
	}
	add("192.0.2.9", "", arc.Fail, "forged.example")
	add("2001:db8::1", "six.example", arc.None)
	add("not an address", "lost.example", arc.None)
	asked := 0
	h := newTest(source{ask: func(_ access.User, q control.Request) (any, error) {
		asked++
		var query rows.Query
		if err := json.Unmarshal([]byte(q.Query), &query); err != nil || len(query.Hints) != 3 {
			t.Errorf("%s is asked, %v", q.Query, err)
		}
		return page, nil
	}})
	p := &forwarders{Lines: []relay{{Network: "192.0.2.0/24"}, {Network: "2001:db8::/48"}, {Network: "198.51.100.0/24"}}}
	h.nameForwarders(h.newRequest(httptest.NewRequest(http.MethodGet, "/forwarders", nil)), p, time.Second)
	if diff := cmp.Diff([]named{{"list0.example", 10}, {"list1.example", 9}, {"list2.example", 8}, {"list3.example", 7}, {"list4.example", 6}}, p.Lines[0].Lists); diff != "" {
		t.Errorf("lists: %s", diff)
	}
	if diff := cmp.Diff([]named{{"a.example", 54}, {"b.example", 54}}, p.Lines[0].Sealers); diff != "" {
		t.Errorf("sealers: %s", diff)
	}
	if diff := cmp.Diff([]named{{"six.example", 1}}, p.Lines[1].Lists); diff != "" {
		t.Errorf("IPv6: %s", diff)
	}
	if len(p.Lines[2].Lists) != 0 || p.Lines[2].Lists == nil || len(p.Lines[2].Sealers) != 0 || asked != 1 || p.Looked.Messages != 57 || !p.Looked.Complete {
		t.Errorf("%+v, asked %d times, looked at %+v", p.Lines[2], asked, p.Looked)
	}
}
