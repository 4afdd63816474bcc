package message

import "testing"

func TestListMarks(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		header Header
		want   List
		text   string
	}{
		{"none", Header{NewField("Subject", " List-Id: <x>"), NewField("Precedence", " bulk")}, List{}, ""},
		{
			"RFC 2919 section 3",
			Header{NewField("List-Id", " The \"<Lena's>\" list\r\n\t<Lenas-Jokes.\r\n da39efc25c.lists.example>")},
			List{ID: "lenas-jokes.da39efc25c.lists.example"},
			"List-Id lenas-jokes.da39efc25c.lists.example",
		},
		{"bare identifier", Header{NewField("LIST-ID", " a.lists.example ")}, List{ID: "a.lists.example"}, "List-Id a.lists.example"},
		{"the topmost", Header{NewField("List-Id", "<a>"), NewField("List-Id", "<b>")}, List{ID: "a"}, "List-Id a"},
		{"not closed", Header{NewField("List-Id", "x <a")}, List{ID: "a"}, "List-Id a"},
		{
			"the others",
			Header{NewField("List-Post", " NO"), NewField("Precedence", " List ")},
			List{Post: true, Bulk: true},
			"List-Post, Precedence: list",
		},
		{"empty", Header{NewField("List-Id", " <>")}, List{}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got := ListMarks(tc.header)
			if got != tc.want || got.String() != tc.text || got.Marked() != (tc.text != "") {
				t.Errorf("got %+v %q", got, got)
			}
		})
	}
}
