package dkim

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/dnscache/dnstest"
)

// TestDiagnose checks the diagnosis of signatures that do not match, and that it
// changes no result.
func TestDiagnose(t *testing.T) {
	t.Parallel()
	_, r := dnstest.Start(t, testZone())
	const (
		genuine   = "the signature matches the signed header fields: only the body was changed after example.org signed it"
		both      = "the signature does not match the signed header fields either: more than the body was changed, or the signature was made for another message"
		space     = "only white space was changed in the body; with relaxed body canonicalization the signature would be valid"
		unchanged = "the body is as signed"
	)
	const tidy = "From: Joe <joe@example.org>\r\nTo: a@example.net\r\nSubject: Hello\r\n\r\nHello there.\r\n"
	simple := strings.Replace(rsaTags, "relaxed/relaxed", "simple/simple", 1)
	copies := rsaTags + "; z=From:Joe=20<joe@example.org>|To:a@example.net|Subject:Hello"
	for _, tt := range []struct {
		name, tags, old, new string
		failure              Failure
		diagnosis, changed   []string
	}{
		{"body", rsaTags, "there", "you", FailureBody, []string{genuine}, nil},
		{"body and header", rsaTags, "Hello", "Bye", FailureBody, []string{both}, nil},
		{"white space under simple", simple, "Hello there.", "Hello  there. ", FailureBody, []string{genuine, space}, nil},
		{"words under simple", simple, "there", "you", FailureBody, []string{genuine}, nil},
		{"within l=", rsaTags + "; l=5", "\r\n\r\nHello", "\r\n\r\nBello", FailureBody, []string{genuine, "l= covers the first 5 octets of the body, and they were changed"}, nil},
		{"footer", rsaTags, "there.\r\n", "there.\r\n-- \r\nlist\r\n", FailureBody, []string{genuine, "the body is as signed up to line 1; lines were added after it (2, with 10 octets)"}, nil},
		{"footer under simple", simple, "there.\r\n", "there.\r\n\r\n-- \r\nlist\r\n", FailureBody, []string{genuine, "the body is as signed up to line 1; lines were added after it (3, with 13 octets)"}, nil},
		{"subject", rsaTags, "Subject: Hello", "Subject: Bye", FailureHeader, []string{unchanged}, nil},
		{"subject tag", rsaTags, "Subject: Hello", "Subject: [list] Hello", FailureHeader, []string{unchanged, `the signature is valid without "[list] " in the Subject`}, nil},
		{"subject tag under simple", simple, "Subject: Hello", "Subject: [list] Hello", FailureHeader, []string{unchanged, `the signature is valid without "[list] " in the Subject`}, nil},
		{"tag is not all", rsaTags, "Subject: Hello", "Subject: [list] Bye", FailureHeader, []string{unchanged}, nil},
		{"copies", copies, "Subject: Hello", "Subject: Bye", FailureHeader, []string{unchanged, "these fields differ from their copies in z=: subject"}, []string{"subject"}},
		{"copies of all", copies, "a@example.net", "b@example.net", FailureHeader, []string{unchanged, "these fields differ from their copies in z=: to"}, []string{"to"}},
		{"another From on top", copies, "From: ", "From: x@evil.example\r\nFrom: ", FailureHeader, []string{unchanged}, nil},
		{"sound", rsaTags, "", "", "", nil, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			mail := signed(tidy, tt.tags, rsaKey())
			head, rest, _ := strings.Cut(mail, "\r\n") // the signature keeps its z=
			if tt.old != "" {
				rest = strings.Replace(rest, tt.old, tt.new, -1)
			}
			o := testOptions()
			plainly := verify(r, head+"\r\n"+rest, o)[0]
			o.Diagnose = true
			closely := verify(r, head+"\r\n"+rest, o)[0]
			if plainly.Failure != tt.failure {
				t.Errorf("failure %q, want %q", plainly.Failure, tt.failure)
			}
			if d := cmp.Diff(tt.changed, plainly.Changed); d != "" {
				t.Errorf("changed (-want +got):\n%s", d)
			}
			if d := cmp.Diff(tt.diagnosis, closely.Diagnosis); d != "" {
				t.Errorf("diagnosis (-want +got):\n%s", d)
			}
			// A diagnosis changes no result.
			closely.Diagnosis = nil
			if d := cmp.Diff(plainly, closely); d != "" {
				t.Errorf("with and without a diagnosis (-without +with):\n%s", d)
			}
		})
	}
}

// FuzzDiagnose diagnoses any header.
func FuzzDiagnose(f *testing.F) {
	_, r := dnstest.Start(f, testZone())
	f.Add("Subject: [a] b", "From:x|Subject:=5Ba=5D", "x")
	f.Add("Subject:[", "|:|=|a", "")
	f.Add("Subject: Re: [x]", "subject:x|subject:y", "[x]")
	f.Fuzz(func(t *testing.T, subject, z, body string) {
		tags := rsaTags + "; z=" + z
		if _, err := ParseTags(tags); err != nil || strings.Contains(body, "\r\n.\r\n") {
			return
		}
		mail := signed("From: a@example.org\r\n"+subject+"\r\n\r\nx\r\n", tags, rsaKey())
		o := testOptions()
		o.Diagnose = true
		for _, res := range verify(r, strings.TrimSuffix(mail, "x\r\n")+body, o) {
			if len(res.Changed) > maxChanged || len(res.Diagnosis) > 4 {
				t.Fatalf("%+v", res)
			}
		}
	})
}
