package web

import (
	"strings"
	"testing"
	"unicode"

	"golang.org/x/net/html"
)

// hostile is what a sender may write anywhere. None of it may become markup, steer a
// terminal, or turn the text around it.
const hostile = "</p></details><evil onload=alert(1) style=x>\"'`&lt;\x1b[31m\x00\r\n\u202egnp.exe\u2066\xff{{.}}javascript:alert(1)"

// checkHarmless fails if something foreign became markup, or cannot be seen.
func checkHarmless(t *testing.T, page string) {
	t.Helper()
	if len(page) > 200<<10 {
		t.Errorf("the page has %d octets", len(page))
	}
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	for n := range root.Descendants() {
		switch n.Type {
		case html.TextNode:
			checkText(t, n.Data)
		case html.CommentNode:
			t.Errorf("a comment %.60q", n.Data)
		case html.ElementNode:
			if n.Data == "evil" || n.Data == "base" || n.Data == "iframe" || n.Data == "object" || n.Data == "img" {
				t.Errorf("an element <%s>", n.Data)
			}
			if n.Data == "script" && n.FirstChild != nil {
				t.Errorf("a script %.60q in the page", n.FirstChild.Data)
			}
			for _, a := range n.Attr {
				checkText(t, a.Val)
				if strings.HasPrefix(a.Key, "on") || a.Key == "style" || (a.Key == "href" || a.Key == "src" || a.Key == "action") && a.Val != "" && a.Val[0] != '/' && a.Val[0] != '#' {
					t.Errorf("<%s %s=%q>", n.Data, a.Key, a.Val)
				}
			}
		}
	}
}

func checkText(t *testing.T, s string) {
	t.Helper()
	for _, r := range s {
		if r != '\n' && r != '\t' && unicode.IsControl(r) || r == unicode.ReplacementChar || unicode.Is(unicode.Bidi_Control, r) {
			t.Errorf("the character %U in %.80q", r, s)
			return
		}
	}
}
