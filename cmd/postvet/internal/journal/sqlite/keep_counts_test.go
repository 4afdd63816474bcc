package sqlite

import (
	"fmt"
	"testing"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/counts"
)

// TestKeepCounts bounds the names of a day that is over, removes old hours, and rounds the
// time of a query to what is left.
func TestKeepCounts(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := startCounting(t, dir)
	defer c.store.Close()
	st, err := c.store.stateOf()
	must(t, err)
	today := noon.Truncate(day)
	fill := func(at time.Time, names int) {
		t.Helper()
		hour, whole := at.Unix(), at.Truncate(day).Unix()
		must(t, st.atOnce(
			fmt.Sprintf("CREATE TEMP TABLE invented AS WITH RECURSIVE i(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM i WHERE n < %d) SELECT 'company' || n || '.example' AS name, 1 + 100 / n AS n FROM i", names),
			fmt.Sprintf("INSERT INTO hour SELECT %d, 'domain', name, n, 0, n, 0, 0, n, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 FROM invented", hour),
			fmt.Sprintf("INSERT INTO hour SELECT %d, 'all', '(all)', sum(n), 0, sum(n), 0, 0, sum(n), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 FROM invented", hour),
			fmt.Sprintf("INSERT INTO hour_facts SELECT %d, name, 'fail', 'reject', '', '', '', 'dmarc-reject', n FROM invented", hour),
			fmt.Sprintf("INSERT INTO day SELECT %d, kind, name, %s FROM hour WHERE at = %d GROUP BY kind, name ON CONFLICT DO UPDATE SET %s", whole, sumOf, hour, addSums()),
			fmt.Sprintf("INSERT INTO day_facts SELECT %d, org, dmarc, action, would, override, hint, rule, n FROM hour_facts WHERE at = %d", whole, hour),
			fmt.Sprintf("INSERT INTO period SELECT 'hour', %d, sum(n), 0, 1 FROM invented", hour),
			fmt.Sprintf("INSERT INTO period SELECT 'day', %d, sum(n), 0, 1 FROM invented", whole),
			"DROP TABLE temp.invented"))
	}
	fill(today.Add(-day+3*time.Hour), 30_000)
	for i := range 60 {
		fill(today.Add(-time.Duration(i+2)*day+3*time.Hour), 10)
	}
	must(t, keepCounts(t.Context(), dir, today.Add(9*time.Minute), 50*day)) // the day is hardly over
	if n, _ := st.number(fmt.Sprintf("SELECT count(*) FROM day WHERE at = %d AND kind = 'domain'", today.Add(-day).Unix())); n != 30_000 {
		t.Errorf("%d names of a day that is hardly over", n)
	}
	must(t, keepCounts(t.Context(), dir, today.Add(11*time.Minute), 50*day))
	for query, want := range map[string]int64{
		fmt.Sprintf("SELECT count(*) FROM day WHERE at = %d AND kind = 'domain'", today.Add(-day).Unix()):                                                             counts.MaxNames,
		fmt.Sprintf("SELECT sum(n) - (SELECT n FROM period WHERE length = 'day' AND at = d.at) FROM day d WHERE at = %d AND kind = 'domain'", today.Add(-day).Unix()): 0,
		fmt.Sprintf("SELECT sum(n) - (SELECT n FROM period WHERE length = 'day' AND at = d.at) FROM day_facts d WHERE at = %d", today.Add(-day).Unix()):               0,
		fmt.Sprintf("SELECT count(*) > %d FROM day_facts WHERE at = %d", counts.MaxNames, today.Add(-day).Unix()):                                                     0,
		"SELECT count(DISTINCT at) FROM hour":               15,
		"SELECT count(*) FROM period WHERE length = 'hour'": 15,
		"SELECT count(DISTINCT at) FROM hour_facts":         15,
		"SELECT count(DISTINCT at) FROM day":                50,
		"SELECT count(*) FROM period WHERE length = 'day'":  50,
		fmt.Sprintf("SELECT count(*) FROM hour WHERE at = %d AND kind = 'domain'", today.Add(-day+3*time.Hour).Unix()):                                                               hourNames,
		fmt.Sprintf("SELECT sum(n) - (SELECT n FROM hour h WHERE h.at = d.at AND h.kind = 'all') FROM hour d WHERE at = %d AND kind = 'domain'", today.Add(-day+3*time.Hour).Unix()): 0,
		fmt.Sprintf("SELECT sum(n) - (SELECT n FROM period WHERE length = 'hour' AND at = d.at) FROM hour_facts d WHERE at = %d", today.Add(-day+3*time.Hour).Unix()):                0,
		"SELECT seq > 1 FROM period WHERE length = 'day' ORDER BY at DESC LIMIT 1":                                                                                                   1,
	} {
		if n, err := st.number(query); n != want || err != nil {
			t.Errorf("%s: %d, %v, want %d", query, n, err, want)
		}
	}
	var perDay int64 // of a day of ten names
	for i := range int64(10) {
		perDay += 1 + 100/(i+1)
	}
	after := top(t, dir, counts.Query{By: counts.Failed, Since: today.Add(-40*day + 5*time.Hour), Until: today, Limit: 5})
	if !after.Query.Since.Equal(today.Add(-40*day)) || len(after.Lines) != 5 || after.Lines[0].Name != "company1.example" || after.Lines[0].Sums[counts.Failed] != 40*101 {
		t.Errorf("since %s: %+v", after.Query.Since, after.Lines)
	}
	if !after.FormerSince.Equal(today.Add(-80*day)) || after.Former[counts.Failed] != 10*perDay || after.Other[counts.All] == 0 {
		t.Errorf("former since %s, other %v", after.FormerSince, after.Other)
	}
	exact := top(t, dir, counts.Query{By: counts.Failed, Since: today.Add(-10*day + 5*time.Hour), Until: today, Limit: 5})
	if exact.Lines[0].Sums[counts.Failed] != 9*101 {
		t.Errorf("since the fifth hour of a day: %+v, want nine days", exact.Lines[0])
	}
}
