package policy_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"flag"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/postvet/postvet/dnscache/dnstest"
	"github.com/postvet/postvet/policy"
	"github.com/postvet/postvet/policy/addrlist"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/rules"
)

var update = flag.Bool("update", false, "rewrite the goldens with what is found now")

// golden is one testdata/*.txtar: the files envelope ("key value" lines), zone,
// message, and want (verdict, removed fields and our field).
type golden struct {
	client  message.Client
	helo    string
	sender  message.Sender
	steps   []step // how the message became what arrives
	trouble bool   // the resolver says that DNS is down
	rules   rules.Rules
	exempt  policy.Exempt
	relays  *addrlist.List
	rcpts   []string
	fields  int
	zone    string
	message []byte
	want    string
}

func readGolden(t *testing.T, file string) (*txtar.Archive, golden) {
	t.Helper()
	a, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	g := golden{rules: rules.Rules{AuthservID: "mx.test.example"}, exempt: policy.Exempt{Authenticated: true, Local: true}}
	for _, f := range a.Files {
		switch f.Name {
		case "envelope":
			g.readEnvelope(t, string(f.Data))
		case "zone":
			g.zone = string(f.Data)
		case "message":
			g.message = bytes.ReplaceAll(f.Data, []byte("\n"), []byte("\r\n"))
			g.message = bytes.ReplaceAll(g.message, []byte("<NUL>"), []byte{0})
		case "want":
			g.want = string(f.Data)
		default:
			t.Fatalf("%s: unknown part %q", file, f.Name)
		}
	}
	return a, g
}

func (g *golden) readEnvelope(t *testing.T, text string) {
	t.Helper()
	for _, line := range strings.Split(strings.TrimSpace(text), "\n") {
		key, value, _ := strings.Cut(line, " ")
		switch key {
		case "ip":
			g.client.IP = netip.MustParseAddr(value)
		case "local":
			g.client.Local = true
		case "helo":
			g.helo = value
		case "mail-from":
			g.sender.Path = value
		case "user":
			g.sender.User = value
		case "sign", "seal", "append", "change":
			g.steps = append(g.steps, step{key, value})
		case "mode":
			g.rules.Mode = rules.Mode(value)
		case "quarantine":
			g.rules.Quarantine = rules.Quarantine(value)
		case "on-temperror":
			g.rules.OnTempError = rules.TempError(value)
		case "on-ambiguous-author":
			g.rules.OnAmbiguousAuthor = rules.AmbiguousAuthor(value)
		case "exempt":
			g.exempt.Addresses = members(t, value)
		case "relay":
			g.relays = members(t, value)
		case "rcpt":
			g.rcpts = append(g.rcpts, value)
		case "listener":
			g.client.Listener = value
		case "socket":
			g.client.Socket = value
		case "monitor-listener":
			g.rules.Modes.MonitorListeners = append(g.rules.Modes.MonitorListeners, value)
		case "monitor-domain":
			g.rules.Modes.MonitorDomains = members(t, value)
		case "enforce-domain":
			g.rules.Modes.EnforceDomains = members(t, value)
		case "monitor-recipient":
			g.rules.Modes.MonitorRecipients = members(t, value)
		case "sender-domain":
			g.rules.SenderDomain = rules.SenderDomain(value)
		case "max-fields":
			if _, err := fmt.Sscan(value, &g.fields); err != nil {
				t.Fatal(err)
			}
		default:
			if !g.readTrust(t, key, value) {
				t.Fatalf("unknown envelope key %q", key)
			}
		}
	}
}

// key returns the Ed25519 key of a domain and selector, the same in every run.
func key(domain, selector string) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte("postvet test key " + selector + "." + domain))
	return ed25519.NewKeyFromSeed(seed[:])
}

var signatureStart = regexp.MustCompile(`header\.b=("[^"]*"|[^\s;]+)`)

// show writes a verdict as the goldens have it.
func show(v result.Verdict) string {
	var b strings.Builder
	fmt.Fprintf(&b, "action %s\n", v.Action)
	if v.Intended != v.Action {
		fmt.Fprintf(&b, "intended %s\n", v.Intended)
	}
	fmt.Fprintf(&b, "rule %s\n", v.Rule)
	if v.Code != "" {
		fmt.Fprintf(&b, "code %s\n", v.Code)
	}
	if v.Text != "" {
		fmt.Fprintf(&b, "text %s\n", v.Text)
	}
	for _, o := range v.Overrides {
		fmt.Fprintf(&b, "override %s\n", o)
	}
	for _, o := range v.Refused {
		fmt.Fprintf(&b, "refused %s\n", o)
	}
	for _, r := range v.Remove {
		fmt.Fprintf(&b, "remove %s %d\n", r.Name, r.Occurrence)
	}
	for _, f := range v.Insert {
		b.WriteString("insert " + signatureStart.ReplaceAllString(strings.ReplaceAll(f.Raw, "\r\n", "\n"), "header.b=..."))
	}
	return b.String()
}

func TestGolden(t *testing.T) {
	runGoldens(t, "testdata/*.txtar")
}

func runGoldens(t *testing.T, pattern string) {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("no goldens: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			archive, g := readGolden(t, file)
			g.take(t)
			res := g.evaluate(t)
			verdict := g.rules.Decide(res)
			checkResultsField(t, g.rules, res, verdict.AuthenticationResults)
			checkReply(t, verdict)
			got := show(verdict)
			if *update {
				for i := range archive.Files {
					if archive.Files[i].Name == "want" {
						archive.Files[i].Data = []byte(got)
					}
				}
				if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(g.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
				for _, e := range res.Trace {
					t.Logf("%8.1f %-5s %s", e.AtMS, e.What, e.Text)
				}
			}
		})
	}
}

// evaluate has the message checked by the zone.
func (g *golden) evaluate(t *testing.T) *result.Results {
	t.Helper()
	_, resolver := dnstest.Start(t, g.zone)
	checker := policy.NewChecker(policy.Options{
		Resolver: health{resolver, g.trouble}, AuthservID: g.rules.AuthservID, Exempt: g.exempt, MaxFields: g.fields, Trace: true,
		Now: time.Now, Relays: g.relays, SenderDomain: g.rules.SenderDomain != "",
	})
	return converse(t, checker, *g)
}

// converse plays the MTA: the message arrives in small pieces.
func converse(t *testing.T, checker *policy.Checker, g golden) *result.Results {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	r := message.NewReader(bytes.NewReader(g.message))
	header, err := r.Header()
	if err != nil {
		t.Fatal(err)
	}
	e := message.Envelope{Client: g.client, Helo: g.helo, Sender: g.sender, Recipients: append(g.rcpts, "user@test.example")[:max(1, len(g.rcpts))]}
	_, results, err := checker.Play(ctx, e, header, inPieces{r}, false)
	if err != nil {
		t.Fatal(err)
	}
	return results
}

// inPieces writes a body in pieces of seven octets.
type inPieces struct{ body io.WriterTo }

func (p inPieces) WriteTo(w io.Writer) (int64, error) { return p.body.WriteTo(pieces{w}) }

// pieces cuts what is written into pieces of seven octets.
type pieces struct{ to io.Writer }

func (p pieces) Write(b []byte) (int, error) {
	n := len(b)
	for len(b) > 0 {
		k := min(7, len(b))
		if _, err := p.to.Write(b[:k]); err != nil {
			return 0, err
		}
		b = b[k:]
	}
	return n, nil
}
