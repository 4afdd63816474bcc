package vault_test

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/keys/vault"
)

const token = "hvs.open-sesame"

// server answers as Vault's KV engines do.
func server(t *testing.T) *httptest.Server {
	t.Helper()
	selectors := `{"selectors":[{"selector":"s2","key":"THE KEY","valid_start":1700000000,"valid_end":1800000000},{"selector":"s1","key":"AN OLD KEY"}]}`
	secrets := map[string]string{
		"/v1/dkim/example.org":          `{"data":` + selectors + `}`,
		"/v1/secret/data/m/example.org": `{"data":{"data":` + selectors + `,"metadata":{"version":3}}}`,
		"/v1/dkim/parent.example.org":   `{"data":{"selectors":[{"selector":"p","domain":"Example.org","key":"K"}]}}`,
		"/v1/dkim/thief.example":        `{"data":{"selectors":[{"selector":"p","domain":"example.org","key":"K"}]}}`,
		"/v1/dkim/empty.example":        `{"data":{}}`,
		"/v1/dkim/words.example":        `THE KEY`,
		"/v1/dkim/large.example":        `{"data":"` + strings.Repeat("x", 2<<20) + `"}`,
		"/v1/dkim/many.example":         `{"data":{"selectors":[` + strings.TrimSuffix(strings.Repeat(`{"selector":"s","key":"K"},`, 51), ",") + `]}}`,
	}
	return httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, known := secrets[r.URL.Path]
		switch {
		case r.URL.Path == "/v1/dkim/sealed.example":
			http.Error(w, `{"errors":["Vault is sealed"]}`, http.StatusServiceUnavailable)
		case r.URL.Path == "/v1/dkim/moved.example":
			http.Redirect(w, r, "http://192.0.2.1/", http.StatusTemporaryRedirect)
		case r.URL.Path == "/v1/dkim/slow.example":
			select {
			case <-time.After(time.Minute):
			case <-r.Context().Done():
			}
		case r.Header.Get("X-Vault-Token") != token, r.URL.Path == "/v1/secret/data/m/example.org" && r.Header.Get("X-Vault-Namespace") != "mail":
			http.Error(w, `{"errors":["permission denied"]}`, http.StatusForbidden)
		case !known:
			http.Error(w, `{"errors":[]}`, http.StatusNotFound)
		default:
			fmt.Fprint(w, text)
		}
	}))
}

func TestAsk(t *testing.T) {
	t.Parallel()
	s := server(t)
	t.Cleanup(s.Close)
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	ca := file("ca.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate(t, s).Raw})))
	good, wrong := file("token", token+"\n"), file("wrong", "hvs.wrong-guess")
	two := file("two", "a\nb\n")
	base := vault.Options{URL: s.URL, CAFile: ca, Path: "dkim", KV: 1, TokenFile: good}
	tests := []struct {
		name, domain string
		change       func(*vault.Options)
		want, err    string
	}{
		{"version 1", "example.org", func(*vault.Options) {}, "example.org/s2 THE KEY 1700000000 1800000000, example.org/s1 AN OLD KEY", ""},
		{"version 2", "example.org", func(o *vault.Options) { o.Path, o.KV, o.Namespace = "secret/m", 2, "mail" }, "example.org/s2 THE KEY 1700000000 1800000000, example.org/s1 AN OLD KEY", ""},
		{"another namespace", "example.org", func(o *vault.Options) { o.Path, o.KV = "secret/m", 2 }, "", "URL answers 403 Forbidden"},
		{"the parent's key", "parent.example.org", func(*vault.Options) {}, "example.org/p K", ""},
		{"a stranger's key", "thief.example", func(*vault.Options) {}, "", "the secret of thief.example has a key of another domain"},
		{"unknown", "example.com", func(*vault.Options) {}, "", ""},
		{"no selectors", "empty.example", func(*vault.Options) {}, "", ""},
		{"no JSON", "words.example", func(*vault.Options) {}, "", "URL answers with no secret"},
		{"too large", "large.example", func(*vault.Options) {}, "", "URL answers with more than 1048576 octets"},
		{"too many", "many.example", func(*vault.Options) {}, "", "many.example has more than 50 keys"},
		{"sealed", "sealed.example", func(*vault.Options) {}, "", "URL answers 503 Service Unavailable"},
		{"elsewhere", "moved.example", func(*vault.Options) {}, "", "URL answers 307 Temporary Redirect"},
		{"a wrong token", "example.org", func(o *vault.Options) { o.TokenFile = wrong }, "", "URL answers 403 Forbidden"},
		{"no token", "example.org", func(o *vault.Options) { o.TokenFile = "/nonexistent/t" }, "", "/nonexistent/t: no such file or directory"},
		{"two lines", "example.org", func(o *vault.Options) { o.TokenFile = two }, "", two + ": not a secret alone in one line"},
		{"an unknown authority", "example.org", func(o *vault.Options) { o.CAFile = "" }, "", "*"},
		{"no certificates", "example.org", func(o *vault.Options) { o.CAFile = good }, "", good + ": no certificate in PEM"},
		{"nobody there", "example.org", func(o *vault.Options) { o.URL = "http://127.0.0.1:1" }, "", "*"},
		{"too slow", "slow.example", func(*vault.Options) {}, "", "*"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			o := base
			tt.change(&o)
			v := vault.New(o)
			defer v.Close()
			limit := time.Minute
			if tt.domain == "slow.example" {
				limit = time.Second
			}
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			found, err := v.Ask(ctx, tt.domain)
			var got []string
			for _, k := range found {
				one := k.Domain + "/" + k.Selector + " " + k.Text
				if !k.From.IsZero() {
					one += fmt.Sprintf(" %d %d", k.From.Unix(), k.Until.Unix())
				}
				got = append(got, one)
			}
			text := ""
			if err != nil {
				text = err.Error()
			}
			if strings.Join(got, ", ") != tt.want || strings.ReplaceAll(text, s.URL, "URL") != tt.err && (tt.err != "*" || text == "") {
				t.Errorf("%q, error %q", got, text)
			}
			for _, hidden := range []string{"hvs.", "THE KEY", "OLD KEY"} {
				if strings.Contains(text, hidden) || strings.Contains(fmt.Sprintf("%v %+v %#v", found, found, found), hidden) {
					t.Errorf("%q is shown: %s", hidden, text)
				}
			}
		})
	}
}

func certificate(t *testing.T, s *httptest.Server) *x509.Certificate {
	t.Helper()
	if s.Certificate() == nil {
		t.Fatal("no certificate")
	}
	return s.Certificate()
}
