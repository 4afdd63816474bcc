package addrlist

import (
	"strings"
	"testing"
	"time"
)

// An entry for a mail address stands for it alone, however its client writes it.
func TestMailAddresses(t *testing.T) {
	t.Parallel()
	var b Builder
	file := "Bob@Example.org, .example.net # and below\n!boss@a.example.net\n\"two words\"@example.com\n"
	if err := b.File("recipients", []byte(strings.Replace(file, "two words", "one.word", 1)), MailAddresses|Names); err != nil {
		t.Fatal(err)
	}
	b.Until(time.Unix(1000, 0))
	if err := b.Add("brief@example.org", MailAddresses); err != nil {
		t.Fatal(err)
	}
	l := b.List()
	for path, want := range map[string]bool{
		"bob@example.org": true, "<BOB@EXAMPLE.ORG.>": true, `"b\ob"@example.org`: true, "ann@example.org": false, "bob@b.example.org": false,
		"x@a.example.net": true, "boss@a.example.net": false, "x@example.net": false, "one.word@example.com": true,
		"": false, "bob": false, "@example.org": false, "bob@": false, "brief@example.org": false, "bob@example.org\x00": false,
		strings.Repeat("x", 10_000) + "@a.example.net": false,
	} {
		if got := l.Mailbox(path); got != want {
			t.Errorf("%.40q: %t", path, got)
		}
	}
	if !l.At(time.Unix(999, 0)).Mailbox("brief@example.org") || l.At(time.Unix(1000, 0)).Mailbox("brief@example.org") {
		t.Error("the end of an entry does not count")
	}
	if l.Len() != 5 || l.Name("example.org") || !l.Name("b.example.net") {
		t.Errorf("%d entries", l.Len())
	}
	if added, removed := l.Difference(nil); added != 5 || removed != 0 {
		t.Errorf("%d added, %d removed", added, removed)
	}
	if (*List)(nil).Mailbox("bob@example.org") {
		t.Error("an empty list holds an address")
	}
}

// What is no mail address is an error that names what to write, and no list of another kind
// holds one.
func TestBadMailAddresses(t *testing.T) {
	t.Parallel()
	for _, entry := range []string{"@example.org", "bob@", "bob@x..example", "a b@example.org", "bob@[192.0.2.1]", "192.0.2.1", "bob@" + strings.Repeat("x", 300) + ".org", "dkim:example.org", "b\x01b@example.org"} {
		var b Builder
		err := b.Add(entry, MailAddresses|Names)
		if err == nil {
			t.Errorf("%q is taken", entry)
		} else if !strings.Contains(err.Remedy, "bob@example.org") && !strings.Contains(err.Remedy, "one entry a line") {
			t.Errorf("%q: %s", entry, err)
		}
	}
	if _, err := New(Names|Addresses|Signers, "bob@example.org"); err == nil {
		t.Error("a list of hosts holds a mail address")
	}
}
