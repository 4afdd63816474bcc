package web

import (
	"fmt"
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
	for _, h := range harms(t, page) {
		t.Error(h)
	}
}

// harms returns what of something foreign became markup, or cannot be seen.
func harms(t *testing.T, page string) (all []string) {
	t.Helper()
	add := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }
	text := func(s string) {
		for _, r := range s {
			if r != '\n' && r != '\t' && unicode.IsControl(r) || r == unicode.ReplacementChar || unicode.Is(unicode.Bidi_Control, r) {
				add("the character %U in %.80q", r, s)
				return
			}
		}
	}
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	for n := range root.Descendants() {
		switch n.Type {
		case html.TextNode:
			text(n.Data)
		case html.CommentNode:
			add("a comment %.60q", n.Data)
		case html.ElementNode:
			if n.Data == "evil" || n.Data == "base" || n.Data == "iframe" || n.Data == "object" || n.Data == "img" {
				add("an element <%s>", n.Data)
			}
			if n.Data == "script" && n.FirstChild != nil {
				add("a script %.60q in the page", n.FirstChild.Data)
			}
			for _, a := range n.Attr {
				text(a.Val)
				if strings.HasPrefix(a.Key, "on") || a.Key == "style" || (a.Key == "href" || a.Key == "src" || a.Key == "action") && a.Val != "" && a.Val[0] != '/' && a.Val[0] != '#' {
					add("<%s %s=%q>", n.Data, a.Key, a.Val)
				}
			}
		}
	}
	return all
}
