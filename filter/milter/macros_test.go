package milter

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/filter/milter/miltertest"
)

func TestMacros(t *testing.T) {
	t.Parallel()
	f := &fake{}
	r := start(t, f, Options{})
	m := miltertest.Connect(t, r.dial, miltertest.OfferAll)
	m.Hello()

	// EHLO, STARTTLS, EHLO; AUTH; Postfix knows the queue id from DATA on.
	m.Send('D', []byte("H"), miltertest.Strings("{tls_version}", "TLSv1.3", "{cipher}", "AES"))
	m.Command('H', miltertest.Strings("helo.example.org"))
	m.Send('D', []byte("M"), miltertest.Strings("{auth_type}", "PLAIN", "{auth_authen}", "jane", "i", ""))
	m.Command('M', miltertest.Strings("<a@example.org>"))
	m.Send('D', []byte("R"), miltertest.Strings("{rcpt_addr}", "b"))
	m.Command('R', miltertest.Strings("<b@example.net>"))
	m.Send('D', []byte("L"), miltertest.Strings("i", "4ABC"))
	m.Send('L', miltertest.Strings("From", " a"))
	m.Send('D', []byte("N"))
	m.Send('N')
	m.Send('D', []byte("E"), miltertest.Strings("i", ""))
	m.Send('E')
	m.Verdict()
	if id := f.saying("end")[0]; id != "4ABC" {
		t.Errorf("queue id %q, want the last that was not empty", id)
	}

	// The next message comes without macros: nobody is logged in, TLS goes on, and
	// the queue id is not the old one.
	m.Command('M', miltertest.Strings("<a@example.org>"))
	m.Send('E')
	m.Verdict()
	if id := f.saying("end")[1]; id != "" {
		t.Errorf("queue id %q of another message", id)
	}

	// Sendmail tells the queue id at MAIL only; EXTERNAL may have no name.
	m.Send('D', []byte("M"), miltertest.Strings("i", "qA1", "{auth_type}", "EXTERNAL"))
	m.Command('M', miltertest.Strings("<a@example.org>"))
	m.Send('E')
	m.Verdict()
	if id := f.saying("end")[2]; id != "qA1" {
		t.Errorf("queue id %q", id)
	}
	// A new SMTP session on the same connection begins without TLS.
	m.Send('K')
	m.Hello()
	m.Command('M', miltertest.Strings("<a@example.org>"))

	want := []string{
		"<a@example.org> user=jane tls=TLSv1.3",
		"<a@example.org> user= tls=TLSv1.3",
		"<a@example.org> user=EXTERNAL tls=TLSv1.3",
		"<a@example.org> user= tls=",
	}
	if diff := cmp.Diff(want, f.saying("mail")); diff != "" {
		t.Error(diff)
	}
}
