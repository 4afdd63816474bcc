//go:build linux

package packaging_test

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	_ "modernc.org/sqlite" // moves rows to another day

	"github.com/postvet/postvet/contrib/realmta"
	"github.com/postvet/postvet/dnscache/dnstest"
	"github.com/postvet/postvet/policy/result"
)

// TestYesterday installs the package beside Postfix and has a message refused. A day later,
// and after a restart, one command explains the refusal by the reference in the reply.
func TestYesterday(t *testing.T) {
	t.Parallel()
	root := scratch(t)
	m := boot(t, root)
	m.run(t, "dpkg", "--force-unsafe-io", "-i", bring(t, root, deb(t, first)))
	dns := besidePostfix(t, m)

	ref := refusedBy(t, m)
	m.run(t, "systemctl", "stop", "postvet")
	yesterday := dayBefore(t, filepath.Join(root, "var/lib/postvet/journal"), ref)
	if err := dns.SetZone(strings.Replace(forgedZone, "p=reject", "p=none", 1)); err != nil {
		t.Fatal(err)
	}
	m.run(t, "rm", "-f", "/var/lib/postvet/dns.snapshot") // a day later it would be outdated
	m.run(t, "systemctl", "start", "postvet")
	active(t, m)

	story := strings.Join(strings.Fields(m.run(t, "postvet", "explain", yesterday.String())), " ")
	for _, want := range []string{
		"ref " + yesterday.String(), yesterday.Time().UTC().Format(time.DateOnly),
		"author good.example", "verdict reject 550 5.7.26; rule dmarc-reject",
		"Nothing proves that the message comes from good.example, which asks to refuse such mail (p=reject at _dmarc.good.example).",
		"their DMARC record at _dmarc.good.example then: v=DMARC1; p=reject; since then they changed p=reject to p=none",
		"The client was told: 550 5.7.26 ", "the present rules do the same",
		"What the sender can do", "What you can do", `"good.example" = "none"`,
	} {
		if !strings.Contains(story, want) {
			t.Errorf("explain lacks %q:\n%s", want, story)
		}
	}
}

// forgedZone is the zone of good.example. No host may send in its name.
const forgedZone = `good.example. TXT "v=spf1 -all"
_dmarc.good.example. TXT "v=DMARC1; p=reject"
`

// besidePostfix installs Postfix, which asks the installed package, and runs a DNS server with
// forgedZone.
func besidePostfix(t *testing.T, m *machine) *dnstest.Server {
	t.Helper()
	var dns *dnstest.Server
	if err := m.onNetwork(func() (err error) {
		dns, err = dnstest.NewServerAt("127.0.0.1:53", forgedZone)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = dns.Close() })
	installPostfix(t, m, "")
	return dns
}

// sent sends Postfix a message of an author, and returns the reply.
func sent(t *testing.T, m *machine, author string) realmta.Reply {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	r, err := m.deliver(ctx, author, "From: <"+author+">\r\nTo: <carol@localhost>\r\nSubject: a test\r\n\r\nHello\r\n")
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// refusedBy has Postfix refuse a message in the name of good.example, and returns the
// reference in its reply.
func refusedBy(t *testing.T, m *machine) result.Reference {
	t.Helper()
	r := sent(t, m, "ann@good.example")
	if r.Class() != 5 {
		t.Fatalf("a forgery gets %q", r)
	}
	found := regexp.MustCompile(`; ref ([0-9A-Z]{13})\b`).FindStringSubmatch(r.String())
	if found == nil {
		t.Fatalf("the reply %q has no reference", r)
	}
	ref, err := result.ParseReference(found[1])
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

// dayBefore moves a journal back by a day, as if one had gone by, and returns the reference
// that a message then has.
func dayBefore(t *testing.T, dir string, ref result.Reference) result.Reference {
	t.Helper()
	const day = 24 * time.Hour
	shift := int64(day/time.Millisecond) << 20 // the lower bits of a reference tell messages of a millisecond apart
	files, err := filepath.Glob(filepath.Join(dir, "????-??-??.*.db"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%s has the days %q, %v", dir, files, err)
	}
	for _, file := range files {
		date, class, _ := strings.Cut(filepath.Base(file), ".")
		at, err := time.Parse(time.DateOnly, date)
		if err != nil {
			t.Fatal(err)
		}
		change(t, file, "UPDATE message SET ref = ref - "+strconv.FormatInt(shift, 10))
		if err := os.Rename(file, filepath.Join(dir, at.Add(-day).Format(time.DateOnly)+"."+class)); err != nil {
			t.Fatal(err)
		}
	}
	change(t, filepath.Join(dir, "state.db"), "UPDATE record SET first = first - 86400, last = last - 86400")
	back := ref - result.Reference(shift)
	if got := ref.Time().Sub(back.Time()); got != day {
		t.Fatalf("the references are %s apart", got)
	}
	return back
}

// change changes a file of the journal that no program has open.
func change(t *testing.T, file, statements string) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+file+"?_pragma=journal_mode(DELETE)")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(statements); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}
