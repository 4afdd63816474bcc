//go:build linux

package realmta_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/postvet/postvet/contrib/realmta"
)

// TestHostileMessages sends messages that no honest sender sends. Each gets a
// defined reply, and the next one on the same connection gets its verdict.
func TestHostileMessages(t *testing.T) {
	const date = "Date: Mon, 1 Jan 2024 00:00:00 +0000\r\n"
	from := "From: <a@" + realmta.Watch + ">\r\n"
	cases := []struct {
		name string
		msg  string
		code []int // that are right; the MTAs have limits of their own
		text string
	}{
		{"no From", date + "Subject: x\r\n\r\nbody\r\n", []int{550}, "5.7.1 "},
		{"two From fields", from + date + "From: <ceo@" + realmta.Bank + ">\r\n\r\nbody\r\n", []int{550}, "5.7.1 "},
		{"From of two domains", "From: <a@" + realmta.Watch + ">, <ceo@" + realmta.Bank + ">\r\n" + date + "\r\nbody\r\n", []int{550}, "5.7.1 "},
		{"From without an address", "From: nobody at all\r\n" + date + "\r\nbody\r\n", []int{550}, "5.7.1 "},
		{"From with an empty group", "From: undisclosed:;\r\n" + date + "\r\nbody\r\n", []int{550}, "5.7.1 "},
		{"no body", from + date, []int{250}, ""},
		{"no header", "\r\nbody\r\n", []int{550}, "5.7.1 "},
		{"nothing", "", []int{550}, "5.7.1 "},
		{"line without a colon", from + "this is no field\r\n" + date + "\r\nbody\r\n", []int{250}, ""},
		{"NUL in a field", from + "X-Nul: a\x00b\r\n" + date + "\r\nbody\r\n", []int{250, 550}, ""},
		{"NUL in the body", from + date + "\r\nbody\x00body\r\n", []int{250, 550}, ""},
		{"NUL in From", "From: <a@" + realmta.Watch + "\x00." + realmta.Bank + ">\r\n" + date + "\r\nbody\r\n", []int{250, 550}, ""},
		{"8-bit in all places", from + "X-\xff\xfe: \xff\r\nSubject: \xc3\x28\r\n\r\n\xff\xfe\r\n", []int{250, 550}, ""},
		{"10,000 fields", from + strings.Repeat("X-Many: 1\r\n", 10000) + "\r\nbody\r\n", []int{250, 550, 552, 554}, ""},
		{"a field of 1 MB", from + "X-Long: " + strings.Repeat(strings.Repeat("a", 70)+"\r\n ", 15000) + "\r\n\r\nbody\r\n", []int{250, 550, 552, 554}, ""},
		{"200 forged fields", from + strings.Repeat(forgery+"\r\n", 200) + "\r\nbody\r\n", []int{250, 552}, ""},
		{"100 signatures", from + strings.Repeat("DKIM-Signature: v=1; a=rsa-sha256; d="+realmta.Good+"; s=rsa; h=from; bh=AAAA; b=AAAA\r\n", 100) + "\r\nbody\r\n", []int{250, 552}, ""},
		{"percent signs for the reply", "From: <a@%n%s%d." + realmta.Bank + ">\r\n" + date + "\r\nbody\r\n", []int{550}, "5.7."},
	}
	onEach(t, func(t *testing.T, s *realmta.Site) {
		c := connect(t, s, realmta.Stranger)
		for i, tc := range cases {
			rcpt := recipient(t, fmt.Sprint(i))
			r := sendOn(t, c, "bounce@"+realmta.Watch, rcpt, []byte(tc.msg))
			t.Logf("%s: %s", tc.name, r)
			if !slices.Contains(tc.code, r.Code) || r.Code == 550 && !strings.HasPrefix(r.Text, tc.text) {
				t.Errorf("%s: reply %q, want %v %s", tc.name, r, tc.code, tc.text)
			}
			if r.Code == 250 {
				d, err := realmta.Await(t.Context(), s, rcpt, 1)
				if err != nil {
					t.Fatalf("%s: %v", tc.name, err)
				}
				if bytes.Contains(d[0].Message, []byte("(forged)")) {
					t.Errorf("%s: a forged field arrived", tc.name)
				}
				onTop(t, header(d[0].Message))
			}
			if r.Code == 421 {
				c = connect(t, s, realmta.Stranger)
			}
			spoofed := recipient(t, fmt.Sprint(i)+"-spoof")
			if r := sendOn(t, c, "bounce@"+realmta.Bank, spoofed, mail("ceo@"+realmta.Bank, spoofed)); r.Code != 550 {
				t.Fatalf("after %s: a spoof: reply %q, want 550", tc.name, r)
			}
			notDelivered(t, s, spoofed)
		}
		if !s.Postvet.Running() {
			t.Error("postvet ended")
		}
	})
}
