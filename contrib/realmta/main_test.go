//go:build linux

package realmta_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/postvet/postvet/contrib/realmta"
)

// mtas are the MTAs that every case runs against.
var mtas = []string{"Postfix", "Sendmail"}

// shared has the sites of the cases that need none of their own. They are made
// on first use, and TestMain stops them.
var shared = struct {
	binary func() (string, error)
	zone   func() (*realmta.Zone, error)
	site   map[string]func() (*realmta.Site, error)
}{
	binary: sync.OnceValues(func() (string, error) {
		// A binary from a package can be tested too.
		if b := os.Getenv("POSTVET_BINARY"); b != "" {
			return b, nil
		}
		b, err := realmta.Build(context.Background(), true)
		started.Lock()
		started.built = b
		started.Unlock()
		return b, err
	}),
	zone: sync.OnceValues(realmta.NewZone),
	site: map[string]func() (*realmta.Site, error){},
}

// started are the sites to stop at the end.
var started struct {
	sync.Mutex
	sites []*realmta.Site
	built string
}

func TestMain(m *testing.M) {
	for _, mta := range mtas {
		shared.site[mta] = sync.OnceValues(func() (*realmta.Site, error) {
			s, err := newSite(realmta.SiteOptions{MTA: mta})
			if err == nil {
				started.Lock()
				started.sites = append(started.sites, s)
				started.Unlock()
			}
			return s, err
		})
	}
	if mta := os.Getenv(abandonedKey); mta != "" {
		os.Exit(abandon(mta))
	}
	code := m.Run()
	for _, s := range started.sites {
		log := s.Postvet.Log()
		if err := s.Stop(); err != nil {
			fmt.Printf("stopping %s: %v\n%s\n", s.Name(), err, tail(log))
			code = 1
		}
	}
	if started.built != "" {
		os.RemoveAll(filepath.Dir(started.built))
	}
	os.Exit(code)
}

// newSite starts a site with the shared binary and zone.
func newSite(o realmta.SiteOptions) (*realmta.Site, error) {
	var err error
	if o.Binary, err = shared.binary(); err != nil {
		return nil, err
	}
	if o.Zone, err = shared.zone(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return realmta.StartSite(ctx, o)
}

// need skips the test where the MTA cannot run, and says why.
func need(t *testing.T, mta string) {
	t.Helper()
	if testing.Short() {
		t.Skip("-short leaves out the real MTAs")
	}
	missing := realmta.Missing(mta)
	if len(missing) == 0 {
		return
	}
	text := fmt.Sprintf("real %s needs %s; %s", mta, strings.Join(missing, ", "), realmta.HowToInstall)
	if os.Getenv("POSTVET_REQUIRE_MTA") != "" {
		t.Fatal("POSTVET_REQUIRE_MTA is set: " + text)
	}
	t.Skip("skipped: " + text)
}

// onEach runs a case against the shared site of each MTA.
func onEach(t *testing.T, play func(t *testing.T, s *realmta.Site)) {
	t.Parallel()
	for _, mta := range mtas {
		t.Run(mta, func(t *testing.T) {
			t.Parallel()
			need(t, mta)
			s, err := shared.site[mta]()
			if err != nil {
				t.Fatal(err)
			}
			showLogs(t, s)
			play(t, s)
		})
	}
}

// onOwn runs a case against an own site of each MTA.
func onOwn(t *testing.T, o realmta.SiteOptions, play func(t *testing.T, s *realmta.Site)) {
	t.Parallel()
	for _, mta := range mtas {
		t.Run(mta, func(t *testing.T) {
			t.Parallel()
			need(t, mta)
			o := o
			o.MTA = mta
			play(t, ownSite(t, o))
		})
	}
}

// ownSite starts a site and stops it at the test's end.
func ownSite(t *testing.T, o realmta.SiteOptions) *realmta.Site {
	t.Helper()
	s, err := newSite(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		log := s.Postvet.Log()
		if err := s.Stop(); err != nil {
			t.Errorf("stopping: %v\n%s", err, tail(log))
		}
	})
	showLogs(t, s)
	return s
}

// showLogs shows the logs if the test fails.
func showLogs(t *testing.T, s *realmta.Site) {
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("--- postvet ---\n%s\n--- %s ---\n%s", tail(s.Postvet.Log()), s.Name(), tail(s.Log()))
		}
	})
}

// tail returns the end of a log.
func tail(log string) string {
	const most = 6000
	if len(log) > most {
		log = "...\n" + log[len(log)-most:]
	}
	return log
}

// recipient returns an address for one case alone, so that cases that share a
// site find their messages.
func recipient(t *testing.T, what string) string {
	t.Helper()
	name, _, _ := strings.Cut(strings.TrimPrefix(t.Name(), "Test"), "/")
	return strings.ToLower(name+"-"+what) + "@" + realmta.Domain
}

// mail returns a message with CRLF line ends; more header fields go on top.
func mail(author, rcpt string, fields ...string) []byte {
	var b bytes.Buffer
	for _, f := range fields {
		b.WriteString(f + "\r\n")
	}
	fmt.Fprintf(&b, "From: Somebody <%s>\r\nTo: <%s>\r\nSubject: a test\r\n", author, rcpt)
	fmt.Fprintf(&b, "Date: %s\r\nMessage-ID: <%s@client.example>\r\n\r\nHello,\r\n\r\n.a line with a dot\r\n", time.Now().Format(time.RFC1123Z), rcpt[:strings.IndexByte(rcpt, '@')])
	return b.Bytes()
}

// signed signs a message for Good.
func signed(t *testing.T, s *realmta.Site, msg []byte) []byte {
	t.Helper()
	msg, err := s.Zone.Sign(msg, realmta.Good, realmta.Selector, "relaxed/relaxed")
	if err != nil {
		t.Fatal(err)
	}
	return msg
}

// connect opens an SMTP session that the test's end closes.
func connect(t *testing.T, s *realmta.Site, from string) *realmta.Client {
	t.Helper()
	c, err := s.SMTP(t.Context(), from)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// send sends a message in a session of its own.
func send(t *testing.T, s *realmta.Site, client, from, rcpt string, msg []byte) realmta.Reply {
	t.Helper()
	c := connect(t, s, client)
	r := sendOn(t, c, from, rcpt, msg)
	c.Quit()
	return r
}

// sendOn sends a message in a session that is open.
func sendOn(t *testing.T, c *realmta.Client, from, rcpt string, msg []byte) realmta.Reply {
	t.Helper()
	r, err := c.Send(from, []string{rcpt}, msg)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// wantReply compares the code.
func wantReply(t *testing.T, got realmta.Reply, code int) {
	t.Helper()
	if got.Code != code {
		t.Fatalf("reply %q, want code %d", got, code)
	}
}

// cmd sends a line and compares the class of the reply.
func cmd(t *testing.T, c *realmta.Client, class int, line string) realmta.Reply {
	t.Helper()
	r, err := c.Cmd("%s", line)
	if err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	if r.Class() != class {
		t.Fatalf("%s: reply %q, want class %d", line, r, class)
	}
	return r
}

// delivered waits for the one message to a recipient and returns its header.
func delivered(t *testing.T, s *realmta.Site, rcpt string) []field {
	t.Helper()
	d, err := realmta.Await(t.Context(), s, rcpt, 1)
	if err != nil {
		t.Fatal(err)
	}
	if len(d) != 1 {
		t.Fatalf("%d messages to %s, want 1", len(d), rcpt)
	}
	return header(d[0].Message)
}

// notDelivered checks that no message to a recipient was delivered. Call it
// after the reply that refused the message.
func notDelivered(t *testing.T, s *realmta.Site, rcpt string) {
	t.Helper()
	d, err := realmta.Find(s, rcpt)
	if err != nil {
		t.Fatal(err)
	}
	if len(d) != 0 {
		t.Fatalf("delivered to %s:\n%s", rcpt, d[0].Message)
	}
}

// field is one header field: the name, and all after the colon, folds included.
type field struct{ name, value string }

// header returns the fields of a message with LF line ends.
func header(msg []byte) []field {
	var fields []field
	for line := range strings.SplitAfterSeq(string(msg), "\n") {
		if strings.TrimRight(line, "\n") == "" {
			break
		}
		if (line[0] == ' ' || line[0] == '\t') && len(fields) > 0 {
			fields[len(fields)-1].value += line
			continue
		}
		name, value, _ := strings.Cut(line, ":")
		fields = append(fields, field{name, value})
	}
	return fields
}

// results returns the values of the Authentication-Results fields.
func results(fields []field) []string {
	var all []string
	for _, f := range fields {
		if strings.EqualFold(f.name, "Authentication-Results") {
			all = append(all, f.value)
		}
	}
	return all
}

// ours returns the values of the fields with our authserv-id. It does not use
// the code under test: it removes comments and quotes, and takes the first word
// for the name.
func ours(fields []field) []string {
	var all []string
	for _, v := range results(fields) {
		var word strings.Builder
		depth := 0
		for _, r := range v {
			switch {
			case r == '(':
				depth++
			case r == ')':
				depth--
			case depth == 0 && r != '"':
				word.WriteRune(r)
			}
		}
		f := strings.FieldsFunc(word.String(), func(r rune) bool { return strings.ContainsRune(" \t\n;", r) })
		if len(f) > 0 && strings.EqualFold(f[0], realmta.AuthservID) {
			all = append(all, v)
		}
	}
	return all
}

// onTop checks that our field is the first of all and the only one in our
// name, and returns it unfolded.
func onTop(t *testing.T, fields []field) string {
	t.Helper()
	if len(fields) == 0 || fields[0].name != "Authentication-Results" {
		t.Fatalf("the first field is not Authentication-Results: %q", fields)
	}
	if n := len(ours(fields)); n != 1 {
		t.Fatalf("%d fields are in our name, want 1: %q", n, results(fields))
	}
	value := strings.Join(strings.Fields(fields[0].value), " ")
	if !strings.HasPrefix(value, realmta.AuthservID+";") {
		t.Fatalf("our field does not begin with our name: %q", value)
	}
	return value
}

// wantResults checks that an unfolded field holds each of the results.
func wantResults(t *testing.T, value string, want ...string) {
	t.Helper()
	for _, w := range want {
		if !hasResult(value, w) {
			t.Errorf("no %q in %q", w, value)
		}
	}
}

// hasResult reports whether value has these words, beginning and ending at the
// edge of a word.
func hasResult(value, want string) bool {
	for i := 0; ; {
		n := strings.Index(value[i:], want)
		if n < 0 {
			return false
		}
		start, end := i+n, i+n+len(want)
		if (start == 0 || value[start-1] == ' ') && (end == len(value) || strings.IndexByte(" ;", value[end]) >= 0) {
			return true
		}
		i = end
	}
}
