package explain

import (
	"strings"
	"testing"
)

func TestRecordChange(t *testing.T) {
	t.Parallel()
	key, other := strings.Repeat("MIIB", 90), strings.Repeat("MIIC", 90)
	for _, tt := range []struct{ name, then, now, want string }{
		{"the same", "v=DMARC1; p=none", "v=DMARC1;p=none;", ""},
		{"policy", "v=DMARC1; p=none", "v=DMARC1; p=reject", "changed p=none to p=reject"},
		{"several", "v=DMARC1; p=none; rua=mailto:a@b.example", "v=DMARC1; p=reject; sp=none", "changed p=none to p=reject, removed rua=mailto:a@b.example and added sp=none"},
		{"test mode", "v=DMARC1; p=reject", "v=DMARC1; p=reject; t=y", "added t=y"},
		{"withdrawn", "v=DKIM1; p=" + key, "v=DKIM1; p=", "withdrew the key (p= is empty)"},
		{"another key", "v=DKIM1; k=rsa; p=" + key, "v=DKIM1; k=rsa; p=" + other, "published another key"},
		{"a key again", "v=DKIM1; p=", "v=DKIM1; p=" + key, "published a key in place of the withdrawn one"},
		{"the key in parts", "v=DKIM1; p=" + key, "v=DKIM1; p=" + key[:100] + " " + key[100:], ""},
		{"terms", "v=spf1 ip4:192.0.2.1 -all", "v=spf1 ip4:192.0.2.1 include:x.example -all", "added include:x.example"},
		{"another end", "v=spf1 mx ~all", "v=spf1 mx -all", "changed ~all to -all"},
		{"order", "v=spf1 a mx -all", "v=spf1 mx a -all", "put the terms in another order"},
		{"capitals and blanks", "v=spf1 MX -all", "v=spf1  mx  -all", ""},
		{"a term twice", "v=spf1 mx mx -all", "v=spf1 mx -all", "removed mx"},
		{"many", "v=spf1 a b c d e f g h", "v=spf1", "removed a, removed b, removed c, removed d, removed e, removed f and made 2 further changes"},
		{"hostile", "v=DMARC1; p=none", "v=DMARC1; p=none; x=\x1b[2J" + strings.Repeat("y", 500), ""},
		{"nothing", "", "", ""},
	} {
		got := RecordChange(tt.then, tt.now)
		if tt.name == "hostile" {
			if !strings.HasPrefix(got, "added x=") || strings.Contains(got, "\x1b") || len(got) > 120 {
				t.Errorf("hostile: %q", got)
			}
			continue
		}
		if got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}
