package explain_test

import (
	"strings"
	"testing"

	"github.com/postvet/postvet/policy/explain"
)

func TestParseTemplate(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"", "plain", "{author}", "a {author} b {client}", "{", "}", "{}", "{ author }", "{A}", "}{", "{{rule}}"} {
		parsed, err := explain.ParseTemplate(s)
		if got := parsed.String(); err != nil || got != s {
			t.Errorf("%q became %q, %v", s, got, err)
		}
	}
	for _, s := range []string{"{autor}", "a {x} {rule}"} {
		if _, err := explain.ParseTemplate(s); err == nil || !strings.Contains(err.Error(), "is no placeholder; there are {author}") {
			t.Errorf("%q: %v", s, err)
		}
	}
}
