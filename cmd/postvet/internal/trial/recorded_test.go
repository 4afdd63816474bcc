package trial

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/cmd/postvet/internal/journal"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/sqlite"
	"github.com/postvet/postvet/cmd/postvet/internal/mailbox"
	"github.com/postvet/postvet/dnscache/dnstest"
	"github.com/postvet/postvet/policy"
	"github.com/postvet/postvet/policy/addrlist"
	"github.com/postvet/postvet/policy/condition"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/rules"
)

// record writes rows into a directory as the service does.
func record(t testing.TB, dir string, level rows.Level, all ...*rows.Row) {
	t.Helper()
	s, err := sqlite.Open(sqlite.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	r := journal.NewRecorder(journal.Options{Level: level, Store: s, Every: time.Hour})
	for _, row := range all {
		r.Add(row)
	}
	r.Close(context.Background())
}

// recorded returns the options for the rows of a directory.
func recorded(dir string, after rules.Rules) *Recorded {
	reader := sqlite.NewReader(dir)
	return &Recorded{
		Spans: func(ctx context.Context, f func(rows.Span) bool) error {
			return reader.Spans(ctx, time.Time{}, time.Time{}, f)
		},
		After: &after, Jobs: 2,
		Then: func(context.Context, int64, time.Time) Then { return Then{Known: true} },
	}
}

// mixedMail are messages of many kinds, by file.
func mixedMail() map[string]string {
	files := map[string]string{}
	add := func(name, ip, from, to, text string) {
		files[name] = text + "\n\nHello\n"
		files[name+".envelope"] = fmt.Sprintf("ip %s\nhelo mx.example\nmail-from %s\nrcpt %s\ntime 2026-11-29T12:00:00Z\n", ip, from, to)
	}
	for i, author := range []string{"reject.example", "quarantine.example", "none.example", "nothing.example", "broken.example"} {
		add(fmt.Sprintf("forged-%d", i), "192.0.2.66", "x@evil.example", "ann@test.example", "From: a@"+author)
		add(fmt.Sprintf("spf-%d", i), "192.0.2.1", "bounce@"+author, "bob@test.example", "From: a@"+author)
		add(fmt.Sprintf("list-%d", i), "192.0.2.7", "list@nothing.example", "ann@other.example", "From: a@"+author+"\nList-Id: <staff.list.example>")
		add(fmt.Sprintf("bounce-%d", i), "192.0.2.1", "<>", "ann@test.example", "From: MAILER-DAEMON@"+author)
	}
	add("two-authors", "192.0.2.1", "a@none.example", "ann@test.example", "From: a@none.example\nFrom: a@reject.example")
	add("no-author", "192.0.2.1", "a@none.example", "ann@test.example", "Subject: who?")
	return files
}

const mixedZone = `
reject.example. TXT "v=spf1 ip4:192.0.2.1 -all"
_dmarc.reject.example. TXT "v=DMARC1; p=reject"
quarantine.example. TXT "v=spf1 ip4:192.0.2.1 ~all"
_dmarc.quarantine.example. TXT "v=DMARC1; p=quarantine"
none.example. TXT "v=spf1 ip4:192.0.2.1 -all"
_dmarc.none.example. TXT "v=DMARC1; p=none"
broken.example. TXT "v=spf1 nonsense"
evil.example. TXT "v=spf1 -all"
`

// TestRecordedEqualsDirect shows that rules tried on recorded mail do what they do with the
// messages themselves.
func TestRecordedEqualsDirect(t *testing.T) {
	t.Parallel()
	mail := t.TempDir()
	put(t, mail, mixedMail())
	files, err := mailbox.Files([]string{mail})
	if err != nil {
		t.Fatal(err)
	}
	_, resolver := dnstest.Start(t, mixedZone)
	checker := func(now func() time.Time) *policy.Checker {
		return policy.NewChecker(policy.Options{Resolver: resolver, AuthservID: "mx.test.example", Now: now})
	}
	var then rules.Rules
	var all []*rows.Row
	var refs result.References
	for _, name := range files {
		box, err := mailbox.OpenRegular(name, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		m, err := box.Next()
		if err != nil {
			t.Fatal(err)
		}
		e, err := m.TakeEnvelope(false)
		if err != nil {
			t.Fatal(err)
		}
		_, res, err := checker(func() time.Time { return e.Time }).Play(t.Context(), e.Envelope, m.Header, m, false)
		if err != nil {
			t.Fatal(err)
		}
		box.Close()
		v := then.Decide(res)
		all = append(all, &rows.Row{Ref: refs.Next(e.Time), Recipients: len(res.Recipients), Results: res, Verdict: &v})
	}
	list := func(entry string) *addrlist.List {
		l, err := addrlist.New(addrlist.Addresses|addrlist.Names, entry)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	rule := func(action result.Action, source string) rules.Rule {
		c, err := condition.Compile(source, condition.Options{})
		if err != nil {
			t.Fatal(err)
		}
		return rules.Rule{Name: "own", Action: action, If: c, RedirectTo: "abuse@test.example"}
	}
	dirs := map[rows.Level]string{}
	for _, level := range []rows.Level{rows.Hashed, rows.Addresses} {
		dirs[level] = filepath.Join(t.TempDir(), "journal")
		record(t, dirs[level], level, all...)
	}
	for _, tc := range []struct {
		name  string
		level rows.Level
		next  rules.Rules
	}{
		{"the same", rows.Hashed, rules.Rules{}},
		{"monitor", rows.Hashed, rules.Rules{Mode: rules.Monitor}},
		{"mark", rows.Hashed, rules.Rules{DMARC: rules.DMARCMark}},
		{"strict", rows.Hashed, rules.Rules{
			Quarantine: rules.QuarantineReject, Local: rules.Local{SPFFail: rules.DemandReject, SPFSoftfail: rules.DemandQuarantine, SPFPermError: rules.DemandReject},
		}},
		{"early", rows.Hashed, rules.Rules{Local: rules.Local{SPFFail: rules.DemandReject, SPFPermError: rules.DemandReject, SPFEarly: true}}},
		{"forwarder", rows.Hashed, rules.Rules{Trust: rules.Trust{Forwarders: list("192.0.2.7")}}},
		{"own domain", rows.Hashed, rules.Rules{Local: rules.Local{OwnDomains: list("none.example"), OnOwnDomain: rules.DemandReject}}},
		{"rule", rows.Hashed, rules.Rules{Custom: []rules.Rule{rule(result.Discard, `list and "other.example" in rcpt_domains and dmarc == "fail"`)}}},
		{"rule on addresses", rows.Addresses, rules.Rules{Custom: []rules.Rule{rule(result.Redirect, `"ann@test.example" in rcpts and mail_from != "x@evil.example"`)}}},
	} {
		direct, err := Run(t.Context(), files, Options{Checker: checker, Now: time.Now, Before: &then, After: &tc.next, MaxBytes: 1 << 20, Jobs: 4})
		if err != nil {
			t.Fatal(err)
		}
		want := NewReport(direct, true, false)
		got, err := recorded(dirs[tc.level], tc.next).Run(t.Context())
		if err != nil || len(got.Unreadable) > 0 || !got.History.Complete {
			t.Fatalf("%s: %v, %+v", tc.name, err, got)
		}
		sums := func(r *Report) string {
			for i := range r.Changes {
				r.Changes[i].Examples = nil
			}
			return fmt.Sprintf("%d messages, %d differ, %d unknown\n%+v\n%+v\n%+v\n%+v\n%+v", r.Messages, r.Differing, r.Unknown, r.Actions, r.Rules, r.Changes, r.Authors, r.Clients)
		}
		if d := cmp.Diff(sums(want), sums(got)); d != "" {
			t.Errorf("%s (-messages +journal):\n%s", tc.name, d)
		}
		if (got.Differing > 0) == (tc.name == "the same") {
			t.Errorf("%s: %d messages differ", tc.name, got.Differing)
		}
	}
}

// fake returns spans of rows in memory, n rows each.
func fake(spans, n int, row func(i int) *rows.Row) func(context.Context, func(rows.Span) bool) error {
	return func(ctx context.Context, f func(rows.Span) bool) error {
		for s := range spans {
			each := func(_ context.Context, f func(*rows.Row, error) error) error {
				for i := range n {
					if err := f(row(s*n+i), nil); err != nil {
						return err
					}
				}
				return nil
			}
			if !f(rows.Span{File: fmt.Sprintf("%d.rest.db", s), Each: each}) {
				return ctx.Err()
			}
		}
		return nil
	}
}

// failing returns a row that DMARC has refused, with hostile texts if they are given.
func failing(i int, hostile string) *rows.Row {
	res := &result.Results{MailFrom: "a@" + hostile, Recipients: []string{"b@" + hostile}}
	res.Author.Domain, res.Client.IP = fmt.Sprint("d", i, ".example", hostile), hostile
	v := result.Verdict{Action: result.Reject, Intended: result.Reject, Code: "550 5.7.26", Rule: "dmarc-reject" + hostile}
	return &rows.Row{Ref: result.Reference(i+1) << 20, Results: res, Verdict: &v}
}

// TestRecordedRuns shows the order of outcomes, examples, progress, and what ends a run.
func TestRecordedRuns(t *testing.T) {
	t.Parallel()
	var seen []result.Reference
	progress := 0
	o := &Recorded{
		Spans: fake(20, 50, func(i int) *rows.Row { return failing(i, "") }), After: &rules.Rules{}, Jobs: 3,
		Sink:     func(o *Outcome) error { seen = append(seen, o.Ref); return nil },
		Progress: func(messages, differing int, _ string) { progress = messages + differing },
	}
	r, err := o.Run(t.Context())
	if err != nil || r.Messages != 1000 || r.Differing != 1000 || len(seen) != 1000 || progress != 2000 || !slices.IsSorted(seen) {
		t.Errorf("%v, %+v, %d seen in order %t, progress %d", err, r, len(seen), slices.IsSorted(seen), progress)
	}
	want := []Change{{Before: "reject", After: "accept", Messages: 1000, Examples: []string{seen[0].String(), seen[1].String(), seen[2].String()}}}
	if d := cmp.Diff(want, r.Changes); d != "" || len(r.Authors) != topNames {
		t.Errorf("%d authors, changes (-want +got):\n%s", len(r.Authors), d)
	}
	full := errors.New("the disk is full")
	o.Sink = func(*Outcome) error { return full }
	if _, err := o.Run(t.Context()); !errors.Is(err, full) {
		t.Errorf("a failing output: %v", err)
	}
	o.Spans = func(context.Context, func(rows.Span) bool) error { return os.ErrPermission }
	if _, err := o.Run(t.Context()); !errors.Is(err, os.ErrPermission) {
		t.Errorf("an unreadable directory: %v", err)
	}
}

// TestRecordedBounces: a bounce of a report that was dropped then is one now too.
func TestRecordedBounces(t *testing.T) {
	t.Parallel()
	row := func(i int) *rows.Row {
		v := result.Verdict{Action: result.Discard, Intended: result.Discard, Rule: result.RuleReportBounce}
		return &rows.Row{Ref: result.Reference(i+1) << 20, Results: &result.Results{Recipients: []string{rows.NoLocalPart + "r.example"}, Exempt: result.ExemptLocal}, Verdict: &v}
	}
	for consume, differing := range map[bool]int{true: 0, false: 10} {
		o := &Recorded{Spans: fake(1, 10, row), After: &rules.Rules{Reports: rules.Reports{ConsumeBounces: consume}}, Jobs: 1}
		if r, err := o.Run(t.Context()); err != nil || r.Differing != differing || r.Messages != 10 {
			t.Errorf("consume %v: %v, %+v", consume, err, r)
		}
	}
}

// TestRecordedIsInterrupted keeps what was found before.
func TestRecordedIsInterrupted(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	o := &Recorded{
		Spans: fake(1000, 10, func(i int) *rows.Row { return failing(i, "") }), After: &rules.Rules{}, Jobs: 2,
		Progress: func(messages, _ int, _ string) {
			if messages == 50 {
				cancel()
			}
		},
	}
	r, err := o.Run(ctx)
	if err != nil || r.History.Complete || r.Messages != 50 || r.History.Reached != "5.rest.db" {
		t.Errorf("%v, %d messages, %+v", err, r.Messages, r.History)
	}
	var b strings.Builder
	if err := r.Write(&b); err != nil || !strings.Contains(b.String(), "Interrupted: mail of 5.rest.db and of older files is missing.") {
		t.Errorf("%v: %s", err, b.String())
	}
}

// TestRecordedBadFiles names files that cannot be read and counts rows that cannot be
// decoded.
func TestRecordedBadFiles(t *testing.T) {
	t.Parallel()
	broken := errors.New("the file is damaged")
	o := &Recorded{
		After: &rules.Rules{},
		Spans: func(_ context.Context, f func(rows.Span) bool) error {
			f(rows.Span{File: "a.rest.db", Err: broken})
			half := func(_ context.Context, g func(*rows.Row, error) error) error {
				return errors.Join(g(failing(1, ""), nil), g(nil, rows.ErrRow), broken)
			}
			f(rows.Span{File: "b.rest.db", Each: half})
			f(rows.Span{File: "b.rest.db", Err: broken})
			return nil
		},
	}
	r, err := o.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := []Problem{{"a.rest.db", broken.Error()}, {"b.rest.db", broken.Error()}}
	if d := cmp.Diff(want, r.Unreadable); d != "" || r.Messages != 1 || r.History.Undecoded != 1 {
		t.Errorf("%d messages, %d rows not decoded; files (-want +got):\n%s", r.Messages, r.History.Undecoded, d)
	}
}

// TestRecordedIsPrintable: texts of strangers in the journal do not steer the terminal, and
// the lines have at most 80 columns.
func TestRecordedIsPrintable(t *testing.T) {
	t.Parallel()
	hostile := strings.Repeat("x\x1b[2J\r\n\u202e\x00=cmd|'", 20)
	after := rules.Rules{Custom: []rules.Rule{{Name: "adds", Add: []rules.Addition{{Name: "X-A"}}}}}
	dir := filepath.Join(t.TempDir(), "journal")
	record(t, dir, rows.Hashed, failing(1, hostile), failing(2, ""))
	for name, spans := range map[string]func(context.Context, func(rows.Span) bool) error{
		"memory": fake(1, 5, func(i int) *rows.Row { return failing(i, hostile) }), "file": recorded(dir, after).Spans,
	} {
		o := &Recorded{Spans: spans, After: &after}
		r, err := o.Run(t.Context())
		if err != nil || r.Messages == 0 {
			t.Fatal(name, err, r.Messages)
		}
		r.History.By, r.History.With = "the rules of "+hostile, "what was done then"
		var b strings.Builder
		if err := r.Write(&b); err != nil {
			t.Fatal(err)
		}
		if strings.ContainsAny(b.String(), "\x1b\r\x00\u202e") {
			t.Errorf("%s: %q", name, b.String())
		}
		for line := range strings.Lines(b.String()) {
			if n := utf8.RuneCountInString(line); n > columns+1 && !strings.HasPrefix(line, "By ") && !strings.HasPrefix(line, "x?") {
				t.Errorf("%s: a line of %d columns: %q", name, n, line)
			}
		}
	}
}

// TestTop counts frequent names among a million invented ones.
func TestTop(t *testing.T) {
	t.Parallel()
	var all top
	for part := range 10 {
		var some top
		for i := range 100_000 {
			some.add(fmt.Sprintf("invented-%d-%d.example", part, i), 1)
			if i%10 == 0 {
				some.add("busy.example", 1)
			}
		}
		all.merge(&some)
	}
	if len(all.counts) > 2*topKept {
		t.Errorf("%d names are kept", len(all.counts))
	}
	best := all.shares()[0]
	if best.Name != "busy.example" || best.Messages > 100_000 || best.AtMost < 100_000 || best.Messages < 99_000 {
		t.Errorf("the most frequent name: %+v", best)
	}
}
