package arc

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"

	"github.com/postvet/postvet/dnscache/dnstest"
	"github.com/postvet/postvet/policy/authres"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/message"
)

// sealScenario is a document of the suite for sealers.
type sealScenario struct {
	scenario   `yaml:",inline"`
	Domain     string
	Sel        string
	PrivateKey string `yaml:"privatekey"`
}

// sealCase is one case of it: a message, and the set that a sealer adds; empty for none.
type sealCase struct {
	Message    string
	T          int64
	SigHeaders string `yaml:"sig-headers"`
	ID         string `yaml:"srv-id"`
	AS         string `yaml:"AS"`
	AMS        string `yaml:"AMS"`
	AAR        string `yaml:"AAR"`
}

// TestConformanceSeal seals the messages of the suite and compares the tags of each field
// but b=, which depends on their order, and the recorded results. What is sealed must
// verify. The seal of a chain that has failed is compared with what it covers.
func TestConformanceSeal(t *testing.T) {
	const file = "arc-draft-sign-tests.yml"
	f, err := os.Open(filepath.Join(corpora(t), "arc", file))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	total, passed := 0, 0
	dec := yaml.NewDecoder(f)
	for {
		var s sealScenario
		if err := dec.Decode(&s); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		for i := 0; i+1 < len(s.Tests.Content); i += 2 {
			total++
			if t.Run(s.Tests.Content[i].Value, func(t *testing.T) { s.seal(t, s.Tests.Content[i+1]) }) {
				passed++
			}
		}
	}
	if total != 17 {
		t.Errorf("%d cases, the suite has 17", total)
	}
	fmt.Printf("conformance arc/%s:sealed %d %d 0\n", file, total, passed)
}

func (s *sealScenario) seal(t *testing.T, node *yaml.Node) {
	var c sealCase
	if err := node.Decode(&c); err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode([]byte(s.PrivateKey))
	key, err := x509.ParsePKCS1PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	mail := strings.ReplaceAll(c.Message, "\n", "\r\n")
	h, _ := splitMessage(mail)
	o := SealOptions{Domain: s.Domain, Selector: s.Sel, Key: key, Time: time.Unix(c.T, 0)}
	if o.Results, o.Chain, err = AtArrival(h, c.ID); err != nil {
		t.Fatal(err)
	}
	for name := range strings.SplitSeq(c.SigHeaders, ":") {
		o.Fields = append(o.Fields, dkim.FieldRule{Name: name})
	}
	got, err := sealAll(mail, o)
	if strings.TrimSpace(c.AS) == "" {
		if !errors.Is(err, ErrFailed) {
			t.Errorf("it is sealed: %v, %v", got, err)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	c.AAR = strings.ReplaceAll(strings.TrimSpace(c.AAR), "\n", "\n ")
	for i, want := range []string{c.AAR, c.AMS, c.AS} {
		value := got.Fields[i].Value()
		if i == results {
			id, ours, _ := authres.Parse(afterInstance(value))
			wantID, theirs, err := authres.Parse(afterInstance(want))
			if d := cmp.Diff(theirs, ours); err != nil || id != wantID || d != "" {
				t.Errorf("%s of %s for %s (%v), (-want +got):\n%s", fieldNames[i], id, wantID, err, d)
			}
			if n, err := resultsInstance(value); err != nil || n != got.Instance {
				t.Errorf("%s of instance %d (%v), want %d", fieldNames[i], n, err, got.Instance)
			}
			continue
		}
		if d := cmp.Diff(tagMap(t, want), tagMap(t, value)); d != "" {
			t.Errorf("%s (-want +got):\n%s", fieldNames[i], d)
		}
	}
	_, r := dnstest.Start(t, zone(map[string][]string{s.Sel + "._domainkey." + s.Domain: {strings.Join(strings.Fields(s.TXT[s.Sel+"._domainkey."+s.Domain]), " ")}}))
	want := Pass
	if got.Chain == Fail {
		want = Fail
		theirs := []message.Field{
			message.NewField(fieldNames[results], " "+c.AAR),
			message.NewField(fieldNames[messageSignature], " "+tight(c.AMS)),
			message.NewField(fieldNames[seal], " "+tight(c.AS)),
		}
		for name, fields := range map[string][]message.Field{"ours": got.Fields, "theirs": theirs} {
			if err := verifyAlone(fields, &key.PublicKey); err != nil {
				t.Errorf("the seal of the set alone, %s: %v", name, err)
			}
		}
	}
	if res := verify(r, onTop(got.Fields)+mail, dkim.Options{}); res.Status != want {
		t.Errorf("the chain is %s (%s), want %s", res.Status, res.Reason, want)
	}
}

// tagMap returns the tags of a field but b=, without white space. h= is compared without
// regard to case, as its names are.
func tagMap(t *testing.T, value string) map[string]string {
	t.Helper()
	tags, err := dkim.ParseTags(strings.TrimRight(value, " \r\n"))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, tag := range tags {
		if tag.Name != "b" {
			out[tag.Name] = strings.Join(strings.Fields(tag.Value), "")
		}
	}
	return out
}

// verifyAlone verifies the seal of a set as if it were the only one.
func verifyAlone(fields []message.Field, public *rsa.PublicKey) error {
	s := &set{field: [3]message.Field(fields)}
	var err error
	if s.seal, err = dkim.ParseSeal(s.field[seal]); err != nil {
		return err
	}
	digests, err := sealDigests([]*set{s})
	if err != nil {
		return err
	}
	return rsa.VerifyPKCS1v15(public, s.seal.Hash, digests[0], s.seal.Value)
}

// sealAll seals a message.
func sealAll(mail string, o SealOptions) (*NewSet, error) {
	h, body := splitMessage(mail)
	var bodies dkim.Bodies
	s, err := NewSigner(&bodies)
	if err != nil {
		return nil, err
	}
	_, _ = bodies.Write([]byte(body)) // never fails
	bodies.Close()
	return s.Seal(h, o)
}

// onTop returns the text of fields, of which the last one is uppermost.
func onTop(fields []message.Field) string {
	text := ""
	for _, f := range fields {
		text = f.Raw + text
	}
	return text
}
