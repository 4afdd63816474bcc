package sign

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseLogins(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, text string
		want       Logins
		err        string
	}{
		{"empty", "", Logins{}, ""},
		{"usual", "# owners\nInfo@Example.org ann, bob@example.net\n\n@example.net\tcarol dave\n", Logins{"info@example.org": {"ann", "bob@example.net"}, "@example.net": {"carol", "dave"}}, ""},
		{"continued", "a@example.org\n  ann,\n\t# not for long\n\tbob\nb@example.org carol", Logins{"a@example.org": {"ann", "bob"}, "b@example.org": {"carol"}}, ""},
		{"CRLF", "a@example.org ann\r\nb@example.org bob\r\n", Logins{"a@example.org": {"ann"}, "b@example.org": {"bob"}}, ""},
		{"the first counts", "a@example.org ann\na@example.org eve\n", Logins{"a@example.org": {"ann"}}, ""},
		{"U-labels", "ä@bücher.example ann\n", Logins{"ä@xn--bcher-kva.example": {"ann"}}, ""},
		{"no login", "a@example.org\n", nil, `line 1: no login behind "a@example.org"`},
		{"commas alone", "\na@example.org , ,\n", nil, `line 2: no login behind "a@example.org"`},
		{"no domain", "# x\nann ann\n", nil, `line 2: "ann" is no address and no @domain`},
		{"a bad domain", "a@exa_mple..org ann\n", nil, `line 1: "a@exa_mple..org" is no address and no @domain`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := ParseLogins([]byte(tt.text))
			message := ""
			if err != nil {
				message = err.Error()
			}
			if d := cmp.Diff(tt.want, got); d != "" || message != tt.err {
				t.Errorf("error %q, want %q (-want +got):\n%s", message, tt.err, d)
			}
		})
	}
}

func FuzzParseLogins(f *testing.F) {
	f.Add("a@example.org ann, bob\n@example.net\tcarol\n  dave\n#\n")
	f.Add(" a\n\x00@\n")
	f.Fuzz(func(t *testing.T, text string) {
		got, err := ParseLogins([]byte(text))
		if (got == nil) == (err == nil) {
			t.Fatalf("%v, %v", got, err)
		}
		for address, names := range got {
			if !strings.Contains(address, "@") || len(names) == 0 {
				t.Errorf("%q: %q", address, names)
			}
			for _, n := range names {
				if n == "" || strings.ContainsAny(n, ", \t\n") {
					t.Errorf("%q: login %q", address, n)
				}
			}
		}
	})
}
