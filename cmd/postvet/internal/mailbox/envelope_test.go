package mailbox

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/policy/message"
)

func TestEnvelope(t *testing.T) {
	t.Parallel()
	const sidecar = "# how it came\n\nip 192.0.2.1\nhelo mx.example.org\nmail-from <ann@example.org>\nrcpt bob@example.net\nrcpt: <eve@example.net>\n" +
		"user jane\ntls TLSv1.3\nlistener smtp\ntime 2026-05-01T12:00:00Z\n"
	full := Envelope{
		Envelope: message.Envelope{
			Client: message.Client{Listener: "smtp"}, Helo: "mx.example.org",
			Sender: message.Sender{Path: "ann@example.org", User: "jane", TLS: "TLSv1.3"}, Recipients: []string{"bob@example.net", "eve@example.net"},
		},
		Time: time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC),
	}
	unknown := Envelope{Envelope: message.Envelope{Sender: message.Sender{Unknown: true}}}
	for _, tt := range []struct {
		name, header, sidecar string
		want                  Envelope
		ip                    string
		rest                  string // the first field left
		received              bool
	}{
		{"beside it", "From: x\n", sidecar, full, "192.0.2.1", "From", true},
		{
			"on top",
			"X-Envelope-IP: 192.0.2.1\nx-envelope-helo: mx.example.org\nX-Envelope-From: <ann@example.org>\nX-Envelope-To: bob@example.net\nX-Envelope-To: <eve@example.net>\n" +
				"X-Envelope-User: jane\nX-Envelope-TLS: TLSv1.3\nX-Envelope-Listener: smtp\nX-Envelope-Time: 1777636800\nFrom: x\nX-Envelope-IP: 192.0.2.2\n",
			"", full, "192.0.2.1", "From", true,
		},
		{"beside it wins", "X-Envelope-Helo: other\nFrom: x\n", sidecar, full, "192.0.2.1", "From", false},
		{
			"left by the delivery", "Return-Path: <ann@example.org>\nX-Original-To: bob@example.net\nDelivered-To: eve@example.net\nReceived: x\nReturn-Path: <y>\n", "",
			Envelope{Envelope: message.Envelope{Sender: message.Sender{Path: "ann@example.org"}, Recipients: []string{"bob@example.net"}}},
			"", "Return-Path", false,
		},
		{
			"the topmost Received",
			"Return-Path: <ann@example.org>\nReceived: from mx.example.org (mx.example.org [192.0.2.1])\n\tby mx.here.example (Postfix) with ESMTP id 1\n\tfor <bob@example.net>; Fri, 1 May 2026 14:00:00 +0200 (CEST)\n" +
				"Received: from x (x [192.0.2.2]) by mx.example.org; date\n", "",
			Envelope{
				Envelope: message.Envelope{Helo: "mx.example.org", Sender: message.Sender{Path: "ann@example.org"}},
				Time:     time.Date(2026, 5, 1, 14, 0, 0, 0, time.FixedZone("", 7200)),
			},
			"192.0.2.1", "Return-Path", true,
		},
		{"a Received that is not asked", "Received: from a (a [192.0.2.1]) by b; x\n", "", unknown, "", "Received", false},
		{"a Received without a client", "Received: by b (Postfix, from userid 0); x\n", "", unknown, "", "Received", true},
		{"left by others", "Received: x\nReturn-Path: <y>\nDelivered-To: z\n", "", unknown, "", "Received", true},
		{"none", "From: x\n", "", unknown, "", "From", true},
		{"another field of that kind", "X-Envelope-Color: x\n", "", unknown, "", "X-Envelope-Color", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "m")
			if tt.sidecar != "" {
				put(t, filepath.Dir(file), map[string]string{"m.envelope": tt.sidecar})
			}
			put(t, filepath.Dir(file), map[string]string{"m": tt.header + "\n"})
			box, err := OpenRegular(file, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer box.Close()
			m, err := box.Next()
			if err != nil {
				t.Fatal(err)
			}
			got, err := m.TakeEnvelope(tt.received)
			if err != nil {
				t.Fatal(err)
			}
			ip := ""
			if got.Client.IP.IsValid() {
				ip = got.Client.IP.String()
			}
			got.Client.IP = tt.want.Client.IP
			if d := cmp.Diff(fmt.Sprintf("%+v", tt.want), fmt.Sprintf("%+v", got)); d != "" || ip != tt.ip || m.Header[0].Name != tt.rest {
				t.Errorf("%s, address %q, then %q", d, ip, m.Header[0].Name)
			}
		})
	}
}

func TestEnvelopeRefused(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"ip 192.0.2.256":                                `line 1: "192.0.2.256" is no address; write one such as 192.0.2.1`,
		"\nhelo x\nfrom a@b":                            `line 3: "from" is not known; write ip, helo, mail-from, rcpt, user, tls, listener or time`,
		"time yesterday":                                `line 1: "yesterday" is no time; write one such as 2026-05-01T12:00:00Z or 1777636800`,
		"helo " + strings.Repeat("x", 2000):             `line 1: helo has 2000 octets; write at most 1024`,
		strings.Repeat("rcpt a@b.example\n", 1001):      `line 1001: there are more than 1000 recipients`,
		"helo " + strings.Repeat("x", 1<<17):            `line 1: helo has 131072 octets; write at most 1024`,
		"ip 192.0.2.1\n" + strings.Repeat("#\n", 1<<17): `line 131068: the file has more than 256 KB`,
	} {
		if err := (&Envelope{}).readSidecar(strings.NewReader(text)); err == nil || err.Error() != want {
			t.Errorf("%.30q:\ngot  %v\nwant %s", text, err, want)
		}
	}
}
