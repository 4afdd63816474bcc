package manual

import "fmt"

const logPage = "postvet-log"

// Log writes postvet-log(5) from the description of the log that the project keeps
// in Markdown, LOGS.md. Its title and the sections of a page come from here.
func (e Edition) Log(markdown string) (Page, error) {
	r, file := e.page(logPage, 5, "log lines and keys of postvet")
	r.section("Description")
	if err := r.markdown(markdown); err != nil {
		return Page{}, fmt.Errorf("LOGS.md: %w", err)
	}
	r.section("See also")
	r.references("postvet(1)", "postvet-log-level(1)", "postvet-serve(1)", configPage+"(5)")
	return Page{file, r.b.Bytes()}, nil
}
