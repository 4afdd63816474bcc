package mailbox

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"
)

// queueFile returns what postcat prints of a queue file with a message.
func queueFile(name, contents string) string {
	return "*** ENVELOPE RECORDS " + name + ` ***
message_size:             282             749               2               0             282               0
message_arrival_time: Fri May  1 12:00:00 2026
create_time: Fri May  1 12:00:00 2026
named_attribute: log_ident=412249F6274
sender: ann@good.example
pointer_record:               0
named_attribute: log_client_name=unknown
named_attribute: log_client_address=192.0.2.1
named_attribute: log_helo_name=mx.good.example
named_attribute: client_address=127.0.0.1
named_attribute: helo_name=localhost
named_attribute: sasl_username=joe
named_attribute: dsn_orig_rcpt=rfc822;bob@test.example
original_recipient: bob@test.example
recipient: bob@test.example
done_recipient: eve@test.example
*** MESSAGE CONTENTS ` + name + " ***\n" + contents + "*** HEADER EXTRACTED " + name + " ***\n*** MESSAGE FILE END " + name + " ***\n"
}

// TestPostcat has records as Postfix 3.7 prints them, for a message that a milter
// edited too.
func TestPostcat(t *testing.T) {
	t.Parallel()
	const one = "Received: x\nFrom: Ann <ann@good.example>\n\nHello.\n. dot\nFrom here\n"
	verbose := "pointer_record:            4042\nregular_text: " + strings.ReplaceAll(strings.TrimSuffix(one, "\n"), "\n", "\nregular_text: ") + "\npadding: 0\npointer_record:             0\n"
	long := strings.Repeat("x", 2048)
	want := "Received: x\nFrom: Ann <ann@good.example>\n|Hello.\n. dot\nFrom here\n"
	for _, tt := range []struct {
		name, text string
		want       []string
	}{
		{"one", queueFile("deferred/4/41", one), []string{want}},
		{"verbose", queueFile("deferred/4/41", verbose), []string{want}},
		{"verbose, with standard error", "postcat: name_mask: all\n/usr/sbin/postcat: inet_addr_local: configured 2 IPv4 addresses\n" + queueFile("hold/41", verbose), []string{want}},
		{"a word of the program alone", "postcat: b\n\nc\n", []string{"postcat: b\n|c\n"}},
		{"two", queueFile("hold/4/41", one) + queueFile("active/5", verbose), []string{want, want}},
		{"packed", packed(t, queueFile("hold/4/41", one)), []string{want}},
		{"no body", queueFile("hold/41", "A: b\n\n"), []string{"A: b\n|"}},
		{"no contents", "*** ENVELOPE RECORDS a ***\nsender: x\n", []string{"|"}},
		{"long lines", queueFile("hold/41", "A: b\n\n"+strings.Repeat(long, 4)+"\nc\n"), []string{"A: b\n|" + strings.Repeat(long, 4) + "\nc\n"}},
		{"long lines, verbose", queueFile("hold/41", "regular_text: A: b\nregular_text: \nunterminated_text: "+long+"\nunterminated_text: "+long+"\nregular_text: y\nregular_text: c\n"), []string{"A: b\n|" + long + long + "y\nc\n"}},
		{"another end", queueFile("hold/41", "A: b\n\n*** HEADER EXTRACTED hold/42 ***\n*** ENVELOPE RECORDS x ***\n"), []string{"A: b\n|*** HEADER EXTRACTED hold/42 ***\n*** ENVELOPE RECORDS x ***\n"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			wantContents(t, tt.text, tt.want)
		})
	}
}

// TestPostcatEnvelope: the client is the one that a content filter had it from.
func TestPostcatEnvelope(t *testing.T) {
	t.Parallel()
	m := firstOf(t, queueFile("hold/41", "Return-Path: <x@other.example>\nReceived: from mx.good.example (mx.good.example [192.0.2.1])\n\tby mx.here.example (Postfix) with ESMTP id 1; date\nFrom: x\n\n"))
	e, err := m.TakeEnvelope(true)
	if err != nil {
		t.Fatal(err)
	}
	if e.Client.IP.String() != "192.0.2.1" || e.Helo != "mx.good.example" || e.Sender.Path != "ann@good.example" || e.Sender.Unknown || e.Sender.User != "joe" ||
		strings.Join(e.Recipients, " ") != "bob@test.example eve@test.example" || !e.Time.Equal(time.Date(2026, 5, 1, 12, 0, 0, 0, time.Local)) {
		t.Errorf("%+v", e)
	}
	if m.Header.Count("Received") != 0 {
		t.Error("the field of this host stays, which no milter saw")
	}
	m = firstOf(t, "*** ENVELOPE RECORDS a ***\nsender: \nnamed_attribute: log_client_address=unknown\n"+strings.Repeat("recipient: a@b.example\n", 1100)+"*** MESSAGE CONTENTS a ***\nA: b\n*** HEADER EXTRACTED a ***\n")
	if e, err = m.TakeEnvelope(false); err != nil || e.Sender.Path != "" || e.Sender.Unknown || e.Client.IP.IsValid() || len(e.Recipients) != maxRecipients {
		t.Errorf("%+v, %v", e, err)
	}
	m = firstOf(t, "*** ENVELOPE RECORDS a ***\nsender: "+strings.Repeat("x", 5000)+"\n*** MESSAGE CONTENTS a ***\nA: b\n*** HEADER EXTRACTED a ***\n")
	if _, err = m.TakeEnvelope(false); err == nil || !strings.Contains(err.Error(), "its envelope: mail-from has ") {
		t.Errorf("a long sender: %v", err)
	}
}

// firstOf returns the first message of a text.
func firstOf(t *testing.T, text string) *Message {
	t.Helper()
	box, err := NewReader(strings.NewReader(text), "test")
	if err != nil {
		t.Fatal(err)
	}
	m, err := box.Next()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestPostcatBreaksOff: a part of a message is no message.
func TestPostcatBreaksOff(t *testing.T) {
	t.Parallel()
	whole := queueFile("hold/41", "A: b\n\nc\n")
	for _, text := range []string{whole[:strings.Index(whole, "c\n")+2], whole[:strings.Index(whole, "*** HEADER")+9]} {
		m := firstOf(t, text)
		if _, err := m.WriteTo(io.Discard); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// TestByteOrderMark: the mark is passed over and named.
func TestByteOrderMark(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"A: b\n":                        "",
		"\xef\xbb\xbfA: b\n":            "a byte order mark before the first field was passed over",
		packed(t, "\xef\xbb\xbfA: b\n"): "a byte order mark before the first field was passed over",
		"\xef\xbb\xbf" + queueFile("x", "A: b\n\n"): "a byte order mark before the first field was passed over",
	} {
		if m := firstOf(t, text); strings.Join(m.Notes, "") != want || m.Header[0].Name != "A" {
			t.Errorf("%q: notes %q, field %q", text, m.Notes, m.Header[0].Name)
		}
	}
}
