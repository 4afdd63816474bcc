package repair

import (
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/postvet/postvet/policy/dkim"
)

// The keys of these tests.
const (
	rsaKey = "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDUD2TWmfF4rMvGBLRwSP4IRutj6ae/nDOzj3j5FgCP9ncm0exYIPuUXKGZ3VcUIo00Lercz2Nhq9lpBJ9GlVdbevFAnOQSH/N8r++2DJDXrW2vGkOcau7gEmCoVGRXRSMmi4QH2/e7cOSVyyqcXSEsdbN78wOjLWu15EcHF4bJ1wIDAQAB"
	edKey  = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
)

func pkix(t testing.TB, raw string) string {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(raw)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(ed25519.PublicKey(b))
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(der)
}

func TestKey(t *testing.T) {
	t.Parallel()
	const sound = "v=DKIM1; k=rsa; p=" + rsaKey
	seed := make([]byte, ed25519.SeedSize)
	private, err := x509.MarshalPKCS8PrivateKey(ed25519.NewKeyFromSeed(seed))
	if err != nil {
		t.Fatal(err)
	}
	for in, want := range map[string]string{
		sound:                                 "",
		"p=" + rsaKey:                         "p=" + rsaKey,
		"v=DKIM1; p=":                         "v=DKIM1; p=",
		"v=DKIM1; k=ed25519; t=s; p=" + edKey: "v=DKIM1; k=ed25519; t=s; p=" + edKey,
		`"` + sound + `"`:                     "",
		`"v=DKIM1; k=rsa; " "p=` + rsaKey[:90] + "\" \n\t\"" + rsaKey[90:] + `"`: "",
		`v=DKIM1\; k=rsa\; p=` + rsaKey + `\;`:                                   "",
		"v=DKIM1 k=rsa p=" + rsaKey:                                              "",
		"v=DKIM1k=rsap=" + rsaKey:                                                "",
		"v=DKIM1;; k=rsa; p=" + rsaKey:                                           "",
		"k=rsa; p=" + rsaKey + "; v=DKIM1":                                       "",
		"v=dkim1; K=RSA; P=" + rsaKey:                                            "",
		"v=DKIM1; k=rsa; p=" + rsaKey + "\n":                                     "",
		"v=DKIM1; k=rsa; p=-----BEGIN PUBLIC KEY-----" + rsaKey[:64] + "\n" + rsaKey[64:] + "-----END PUBLIC KEY-----": "",
		"v=DKIM1; k=rsa; p=" + strings.NewReplacer("+", "-", "/", "_").Replace(rsaKey):                                 "",
		"v=DKIM1; k=rsa; p=" + rsaKey + "; p=" + rsaKey[:20] + " " + rsaKey[20:]:                                       "",
		"v=DKIM1; k=ed25519; p=" + rsaKey:                 "",
		"v=DKIM1; k=rsa; p=" + edKey:                      "v=DKIM1; k=ed25519; p=" + edKey,
		"v=DKIM1; p=" + edKey:                             "v=DKIM1; k=ed25519; p=" + edKey,
		"v=DKIM1; k=ed25519; p=" + pkix(t, edKey):         "v=DKIM1; k=ed25519; p=" + edKey,
		"sel._domainkey IN TXT \"" + sound + "\"":         "",
		"v=DKIM1; n=a=b; x-y=1; t=y:s; p=" + rsaKey + ";": "v=DKIM1; n=a=b; t=y:s; p=" + rsaKey,
		// nobody knows the key
		"v=DKIM1; k=rsa; p=" + rsaKey[:100]:                                                         "?",
		"v=DKIM1; k=rsa":                                                                            "?",
		"v=DKIM1; k=rsa; p=" + rsaKey + "; p=" + edKey:                                              "?",
		"v=DKIM1; k=ed25519; p=" + base64.StdEncoding.EncodeToString(private):                       "?",
		"v=DKIM1; p=" + string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})): "?",
	} {
		p := Key(in)
		switch want {
		case "":
			want = sound
		case "?":
			want = ""
		}
		if p.Text != want || (p.Text == "") != (p.Unreadable != "") {
			t.Errorf("%q\n got %q (%s)\nwant %q", in, p.Text, p.Unreadable, want)
		}
	}
}

// TestKeyProperty: a proposal is the same key, and needs no proposal itself.
func TestKeyProperty(t *testing.T) {
	t.Parallel()
	source := rand.NewChaCha8([32]byte{7})
	var keys []string
	for range 20 {
		seed := make([]byte, ed25519.SeedSize)
		_, _ = source.Read(seed)
		keys = append(keys, base64.StdEncoding.EncodeToString(ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey)))
	}
	rapid.Check(t, func(t *rapid.T) {
		kind, p := "rsa", rsaKey
		if rapid.Bool().Draw(t, "ed25519") {
			kind, p = "ed25519", rapid.SampledFrom(keys).Draw(t, "key")
		}
		tags := []string{"v=DKIM1", "k=" + kind}
		if rapid.Bool().Draw(t, "flags") {
			tags = append(tags, "t=s")
		}
		tags = append(tags, "p="+p)
		sound := strings.Join(tags, "; ")
		for i := range tags {
			switch rapid.IntRange(0, 12).Draw(t, "fault") {
			case 0:
				name, value, _ := strings.Cut(tags[i], "=")
				tags[i] = strings.ToUpper(name) + "=" + value
			case 1:
				tags[i] += rapid.SampledFrom([]string{"\n", "\r\n", "\u00a0", "\u200b", `\n`}).Draw(t, "end")
			case 2:
				name, value, _ := strings.Cut(tags[i], "=")
				tags[i] = name + `="` + value + `"`
			case 3:
				n := rapid.IntRange(0, len(tags[i])).Draw(t, "cut")
				if i == len(tags)-1 && n > 2 {
					tags[i] = tags[i][:n] + rapid.SampledFrom([]string{`" "`, "\n", " ", `"` + "\n\t" + `"`}).Draw(t, "seam") + tags[i][n:]
				}
			case 4:
				tags = append(tags, "x-z=1")
			}
		}
		broken := strings.Join(tags, rapid.SampledFrom([]string{"; ", ";", `\; `, ";;", ";\n", " "}).Draw(t, "separator"))
		around := rapid.SampledFrom([]string{"", `"`, "'", " "}).Draw(t, "around")
		broken = around + broken + around
		got := Key(broken)
		if got.Text == "" {
			t.Fatalf("no proposal for %q: %s", broken, got.Unreadable)
		}
		a, err := dkim.ParseKey(got.Text)
		if err != nil {
			t.Fatalf("%q becomes %q: %v", broken, got.Text, err)
		}
		b, err := dkim.ParseKey(sound)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(a, b) {
			t.Fatalf("%q becomes %q", broken, got.Text)
		}
		if again := Key(got.Text); again.Text != got.Text || len(again.Oddities) > 0 {
			t.Fatalf("%q becomes %q, then %q: %q", broken, got.Text, again.Text, again.Oddities)
		}
	})
}

func FuzzKey(f *testing.F) {
	f.Add("v=DKIM1; k=rsa; p=" + rsaKey)
	f.Add("v=DKIM1; k=ed25519; p=" + edKey)
	f.Fuzz(func(t *testing.T, text string) {
		p := Key(text)
		if p.Text == "" {
			return
		}
		key, err := dkim.ParseKey(p.Text)
		if err != nil {
			t.Fatalf("%q becomes %q: %v", text, p.Text, err)
		}
		if _, isRSA := key.Public.(*rsa.PublicKey); isRSA != (key.Type == "rsa" && !key.Revoked) {
			t.Fatalf("%q becomes a key of %s", text, key.Type)
		}
		if again := Key(p.Text); again.Text != p.Text || len(again.Oddities) > 0 {
			t.Fatalf("%q becomes %q, then %q: %q", text, p.Text, again.Text, again.Oddities)
		}
	})
}
