package policy

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
)

func TestReadMarks(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, header, mailFrom string
		want                   result.Marks
	}{
		{"nothing", "Subject: minutes\nReceived: a\nReceived: b", "ann@good.example", result.Marks{Received: 2}},
		{"advertising", "List-Unsubscribe: <mailto:x@esp.example>", "", result.Marks{}},
		{"tag", "Subject: [staff] minutes", "", result.Marks{SubjectTag: "[staff]"}},
		{"tag of a reply", "Subject: RE:  [staff] minutes", "", result.Marks{SubjectTag: "[staff]"}},
		{"no tag", "Subject: minutes [staff]", "", result.Marks{}},
		{"empty tag", "Subject: [] minutes", "", result.Marks{}},
		{"long tag", "Subject: [" + strings.Repeat("x", 41) + "]", "", result.Marks{}},
		{"hostile tag", "Subject: [\x1b[31m]", "", result.Marks{SubjectTag: "[?[31m]"}},
		{"forwarded", "X-Forwarded-To: a@b.example", "", result.Marks{Forward: "X-Forwarded-To"}},
		{"RFC 5322 section 3.6.6", "Resent-From: a@b.example", "", result.Marks{Forward: "Resent-From"}},
		{"SRS", "Subject: x", "SRS0=ab=cd=good.example=ann@fwd.example", result.Marks{Forward: "SRS"}},
		{"SRS twice", "Subject: x", "srs1+ab=cd@fwd.example", result.Marks{Forward: "SRS"}},
		{"no SRS", "Subject: x", "srsly@good.example", result.Marks{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var h message.Header
			for line := range strings.SplitSeq(tt.header, "\n") {
				name, value, _ := strings.Cut(line, ":")
				h = append(h, message.NewField(name, value))
			}
			if d := cmp.Diff(tt.want, readMarks(h, tt.mailFrom)); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

// FuzzMarks: what is kept of a header is short and printable.
func FuzzMarks(f *testing.F) {
	f.Add("X-Forwarded-To", " a", "SRS0=x@y")
	f.Add("Subject", "\r\n\t[a\x00]", "srs1")
	f.Fuzz(func(t *testing.T, name, value, mailFrom string) {
		m := readMarks(message.Header{message.NewField(name, value)}, mailFrom)
		for _, s := range []string{m.SubjectTag, m.Forward} {
			if len(s) > 255 || strings.ContainsFunc(s, func(c rune) bool { return c < ' ' || c > '~' }) {
				t.Fatalf("%q", s)
			}
		}
	})
}
