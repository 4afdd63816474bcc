package redaction

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/policy/message"
)

var key = NewKey([]byte("secret"), "example.org")

// header returns the fields of a text with LF line ends.
func header(text string) message.Header {
	var h message.Header
	for text != "" {
		line, rest, _ := strings.Cut(text, "\n")
		for strings.HasPrefix(rest, " ") || strings.HasPrefix(rest, "\t") {
			more, after, _ := strings.Cut(rest, "\n")
			line, rest = line+"\n"+more, after
		}
		name, value, _ := strings.Cut(line, ":")
		h = append(h, message.NewField(name, value))
		text = rest
	}
	return h
}

func raw(h message.Header) string {
	var b strings.Builder
	for _, f := range h {
		b.WriteString(f.Raw)
	}
	return strings.ReplaceAll(b.String(), "\r\n", "\n")
}

func TestLocal(t *testing.T) {
	t.Parallel()
	t.Run("6590 one text for one local part", testLocal)
}

func testLocal(t *testing.T) {
	other := NewKey([]byte("secret"), "example.net")
	newer := NewKey([]byte("another"), "example.org")
	ann := key.Local("ann")
	if ann == "" || ann != key.Local("Ann") || ann != key.Local(`"ann"`) || ann != NewKey([]byte("secret"), "Example.org").Local("ann") {
		t.Errorf("the same local part has several texts: %s", ann)
	}
	for _, differs := range []string{key.Local("bob"), other.Local("ann"), newer.Local("ann"), "ann"} {
		if differs == ann {
			t.Errorf("two have the same text %s", ann)
		}
	}
	if strings.Trim(ann, "abcdefghijklmnopqrstuvwxyz234567") != "" || len(ann) != 16 {
		t.Errorf("%s is no local part", ann)
	}
	if key.Local("") != "" {
		t.Error("an empty local part has a text")
	}
}

func TestText(t *testing.T) {
	t.Parallel()
	ann := key.Local("ann")
	for _, tc := range []struct{ in, want string }{
		{"nothing here", "nothing here"},
		{"ann@example.com", ann + "@example.com"},
		{"for <ann@example.com>, ann@example.net;", "for <" + ann + "@example.com>, " + ann + "@example.net;"},
		{`"ann"@example.com`, ann + "@example.com"},
		{`x "ann@b c"@example.com`, "x " + key.Local("ann@b c") + "@example.com"},
		{`"a\"b"@example.com`, key.Local(`a\"b`) + "@example.com"},
		{"ann%40example.com ann=40example.com", ann + "@example.com " + ann + "@example.com"},
		{"ann\uff20example.com", ann + "@example.com"},
		{"mailto:ann@example.com", "mailto:" + ann + "@example.com"},
		{"@example.com", "@example.com"},
		{"see http://x.example HTTPS://y", "see hxxp://x.example HxxPS://y"},
		{"ann\x00@example.com\r\nbcc: x", key.Local("ann?") + "@example.com  bcc: x"},
	} {
		if got := key.Text(tc.in); got != tc.want {
			t.Errorf("%q: %q, want %q", tc.in, got, tc.want)
		}
	}
}

func TestHeader(t *testing.T) {
	t.Parallel()
	h := header(`Return-Path: <ann@example.org>
Received: from mx.example.org (mx.example.org [192.0.2.1])
 (Authenticated sender: ann@example.org) by in.example.net (Postfix, from userid 7)
 with ESMTPS id 4Ln7Qw4 (envelope-from <ann@example.org>) for <bob@example.net>; Sun, 29 Nov 2026 07:58:29 -0700 (PDT)
Received: by home; nonsense
Received: (qmail 7 invoked by uid 1000)
Authentication-Results: in.example.net; spf=pass reason="ann@example.org says so" smtp.mailfrom=ann@example.org;
 auth=pass smtp.auth=ann; dkim=fail header.i=ann@example.org header.d=example.org header.s=s1
ARC-Authentication-Results: i=1; relay.example; dmarc=fail header.from=example.org
DKIM-Signature: v=1; a=rsa-sha256; d=example.org; s=s1; i=ann@example.org; xwho=ann@example.org;
 z=Subject:the=20secret|To:bob@example.net; h=From:To:Subject; bh=abc=; b=de
 f=
ARC-Seal: i=1; cv=none; a=rsa-sha256; d=relay.example; s=k; b=xyz
From: "Ann (the boss)" <ann@example.org>
To: Bob <bob@example.net>, carol@example.net (my sister)
Cc: undisclosed-recipients:;
Subject: =?utf-8?q?a_secret_for_bob=40example.net_http?=
Date: Sun, 29 Nov 2026 07:58:29 -0700 (it is late)
Message-ID: <20261129.1f@example.org>
Resent-Message-ID: <list+ann=example.org@lists.example>
X-Originating-User: ann
Delivered-To: bob@example.net
References: <x@example.net>
MIME-Version: 1.0
Content-Type: multipart/mixed; charset=utf-8; boundary="ann"; name="contract of Ann.pdf"
Content-Transfer-Encoding: 7bit
List-Id: Friends of Ann <friends.example.org>
X-Mailer: Mail of ann@example.org from http://x.example
Precedence: list ann
`)
	ann, bob, carol := key.Local("ann"), key.Local("bob"), key.Local("carol")
	want := `Return-Path: <ANN@example.org>
Received: from mx.example.org (mx.example.org [192.0.2.1]) by in.example.net
	with ESMTPS id 4Ln7Qw4 for <BOB@example.net>; Sun, 29 Nov
	2026 07:58:29 -0700
Received: by home
Authentication-Results: in.example.net; spf=pass
	smtp.mailfrom=ANN@example.org; auth=pass; dkim=fail
	header.d=example.org header.i=ANN@example.org header.s=s1
ARC-Authentication-Results: i=1; relay.example; dmarc=fail
	header.from=example.org
DKIM-Signature: v=1; a=rsa-sha256; d=example.org; s=s1;
	i=ANN@example.org; h=From:To:Subject; bh=abc=; b=def=
ARC-Seal: i=1; cv=none; a=rsa-sha256; d=relay.example; s=k; b=xyz
From: <ANN@example.org>
To: <BOB@example.net>, <CAROL@example.net>
Date: Sun, 29 Nov 2026 07:58:29 -0700
Message-ID: <20261129.1f@example.org>
Resent-Message-ID: <VERP@lists.example>
MIME-Version: 1.0
Content-Type: multipart/mixed; charset="utf-8"
Content-Transfer-Encoding: 7bit
List-Id: <friends.example.org>
X-Mailer: Mail of ANN@example.org from hxxp://x.example
`
	names := strings.NewReplacer("ANN", ann, "BOB", bob, "CAROL", carol, "VERP", key.Local("list+ann=example.org"))
	told, left := key.Header(h, Options{})
	unfold := func(s string) string { return strings.ReplaceAll(s, "\n\t", " ") }
	if d := cmp.Diff(unfold(names.Replace(want)), unfold(raw(told))); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if left+len(told) != len(h) {
		t.Errorf("%d told and %d left out of %d", len(told), left, len(h))
	}
	// The Subject on request, an id with the name of a recipient, and an envelope.
	told, _ = key.Header(header("Subject: =?utf-8?q?a_secret_for_bob=40example.net_http?=\nMessage-ID: <dave.77@x.example>\n"),
		Options{Subject: true, Paths: []string{"dave@example.net", ""}})
	if got, want := raw(told), "Subject: a secret for "+bob+"@example.net hxxp\nMessage-ID: <"+key.Local("dave.77")+"@x.example>\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// FuzzHeader: what is told has no local part of an address, no octet beyond printable
// ASCII, and lines that SMTP takes.
func FuzzHeader(f *testing.F) {
	for _, seed := range []string{
		"From: marker@example.org\n", "Received: from marker@h (marker [1.2.3.4]) for <marker@x>; x\n", "Message-ID: <marker=x.org@y>\n",
		"DKIM-Signature: v=1; i=marker@x; z=From:marker@x\n", "Authentication-Results: marker@x; spf=pass smtp.mailfrom=marker@x\n",
		"Subject: =?utf-8?b?bWFya2VyQHg=?= \"marker@x\"@y\n", "To: \"marker\"@x, (marker@y) marker@z\n", "X-Mailer: marker%40x\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		told, left := key.Header(header(text), Options{Subject: true, Paths: []string{"marker@example.org"}})
		got := raw(told)
		for _, bad := range []string{"marker@", "marker%40", "marker=40", "marker=example.org@"} {
			if strings.Contains(strings.ToLower(got), bad) {
				t.Errorf("%q tells %q", text, got)
			}
		}
		if strings.Trim(got, "\n\t") != "" && strings.IndexFunc(got, func(r rune) bool { return (r < ' ' && r != '\n' && r != '\t') || r > '~' }) >= 0 {
			t.Errorf("%q becomes %q", text, got)
		}
		for line := range strings.Lines(got) {
			if len(line) > 998 {
				t.Errorf("a line of %d octets", len(line))
			}
			if strings.TrimSpace(line) == "" {
				t.Errorf("an empty line in %q", got)
			}
		}
		if again := header(got); len(again) != len(told) {
			t.Errorf("%d fields are read as %d: %q", len(told), len(again), got)
		}
		if len(told) > maxFields || len(got) > maxHeader || left < 0 {
			t.Errorf("%d fields, %d octets", len(told), len(got))
		}
	})
}
