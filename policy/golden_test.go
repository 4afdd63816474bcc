package policy_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	msgauth "github.com/emersion/go-msgauth/dkim"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/postvet/postvet/dnscache/dnstest"
	"github.com/postvet/postvet/policy"
	"github.com/postvet/postvet/policy/list"
	"github.com/postvet/postvet/policy/message"
)

var update = flag.Bool("update", false, "rewrite the goldens with what is found now")

// golden is one testdata/*.txtar: the files envelope ("key value" lines), zone,
// message, and want (verdict, removed fields and our field).
type golden struct {
	client  message.Client
	helo    string
	sender  message.Sender
	sign    []string // "domain selector canonicalization"
	rules   policy.Rules
	exempt  policy.Exempt
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
	g := golden{rules: policy.Rules{AuthservID: "mx.test.example"}, exempt: policy.Exempt{Authenticated: true, Local: true}}
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
		case "sign":
			g.sign = append(g.sign, value)
		case "mode":
			g.rules.Mode = policy.Mode(value)
		case "quarantine":
			g.rules.Quarantine = value
		case "on-temperror":
			g.rules.OnTempError = value
		case "on-ambiguous-author":
			g.rules.OnAmbiguousAuthor = value
		case "exempt":
			g.exempt.Addresses = members(t, value)
		case "exempt-name":
			g.exempt.Names = members(t, value)
		case "max-fields":
			if _, err := fmt.Sscan(value, &g.fields); err != nil {
				t.Fatal(err)
			}
		default:
			t.Fatalf("unknown envelope key %q", key)
		}
	}
}

// members makes a list of the entries in a line.
func members(t *testing.T, line string) *list.List {
	t.Helper()
	l, err := list.New(list.Addresses|list.Names|list.Signers, strings.Fields(line)...)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// key returns the Ed25519 key of a domain and selector, the same in every run.
func key(domain, selector string) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte("postvet test key " + selector + "." + domain))
	return ed25519.NewKeyFromSeed(seed[:])
}

func (g *golden) signAll(t *testing.T) {
	t.Helper()
	for _, s := range g.sign {
		f := strings.Fields(s)
		k := key(f[0], f[1])
		headerForm, bodyForm, _ := strings.Cut(f[2], "/")
		var out bytes.Buffer
		err := msgauth.Sign(&out, bytes.NewReader(g.message), &msgauth.SignOptions{
			Domain: f[0], Selector: f[1], Signer: k, Hash: crypto.SHA256,
			HeaderCanonicalization: msgauth.Canonicalization(headerForm),
			BodyCanonicalization:   msgauth.Canonicalization(bodyForm),
		})
		if err != nil {
			t.Fatal(err)
		}
		g.message = out.Bytes()
		g.zone += fmt.Sprintf("%s._domainkey.%s. TXT \"v=DKIM1; k=ed25519; p=%s\"\n", f[1], f[0],
			base64.StdEncoding.EncodeToString(k.Public().(ed25519.PublicKey)))
	}
	// What happened to the message after it was signed.
	g.message = bytes.ReplaceAll(g.message, []byte("@@changed later@@"), []byte("changed"))
}

var signatureStart = regexp.MustCompile(`header\.b=("[^"]*"|[^\s;]+)`)

// show writes a verdict as the goldens have it.
func show(v policy.Verdict) string {
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
	for _, r := range v.Remove {
		fmt.Fprintf(&b, "remove %s %d\n", r.Name, r.Occurrence)
	}
	for _, f := range v.Insert {
		b.WriteString("insert " + signatureStart.ReplaceAllString(strings.ReplaceAll(f.Raw, "\r\n", "\n"), "header.b=..."))
	}
	return b.String()
}

func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no goldens: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			archive, g := readGolden(t, file)
			g.signAll(t)
			_, resolver := dnstest.Start(t, g.zone)
			checker := policy.NewChecker(policy.Options{
				Resolver: resolver, AuthservID: g.rules.AuthservID, Exempt: g.exempt, MaxFields: g.fields, Trace: true,
				Now: time.Now,
			})
			res := converse(t, checker, g)
			got := show(g.rules.Decide(res))
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

// converse plays the MTA: the message arrives in small pieces.
func converse(t *testing.T, checker *policy.Checker, g golden) *policy.Results {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	conn := checker.Connect(ctx, g.client)
	defer conn.Close()
	conn.Helo(g.helo)
	msg := conn.Message(g.sender)
	defer msg.Close()
	msg.Recipient("user@test.example")
	r := message.NewReader(bytes.NewReader(g.message))
	header, err := r.Header()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range header {
		msg.Field(f)
	}
	msg.EndOfHeader()
	if _, err := r.WriteBodyTo(pieces{msg}); err != nil {
		t.Fatal(err)
	}
	return msg.Finish(ctx)
}

// pieces cuts what is written into pieces of seven bytes.
type pieces struct{ to *policy.Message }

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
