package web

import (
	"runtime/debug"
)

// about is what this program is made of, and what each page is for.
type about struct {
	Version string      `json:"version"`
	Go      string      `json:"go"`
	Pages   []pageAbout `json:"pages"`
	Manuals []manualOf  `json:"manuals"`
	Modules []module    `json:"modules"`
}

// pageAbout says what a page is for.
type pageAbout struct {
	Path     string `json:"path"`
	Title    string `json:"title"`
	Question string `json:"question"`
}

// manualOf is a manual page and what it has.
type manualOf struct {
	Name string `json:"name"`
	Has  string `json:"has"`
}

// module is a module in the program.
type module struct {
	Path    string `json:"path"`
	Version string `json:"version"`
	// Licence is its short name, "" if it is not known.
	Licence string `json:"licence"`
}

// questions are what the pages answer, in the order of the navigation, and then those of
// the status.
var questions = []struct{ path, question string }{
	{"/", "Is all well, what was refused today and why, and what needs me?"},
	{"/live", "What happens at this second?"},
	{"/messages", "Where is this mail, and why was it refused, held or delivered?"},
	{"/held", "Which mail is held, and how is it released?"},
	{"/check", "What would become of this message?"},
	{"/domains", "Whose mail fails most, and what is the matter with it?"},
	{"/forwarders", "Who forwards mail so that it fails, and what if I trusted them?"},
	{"/own", "Are my own domains ready for a strict policy?"},
	{"/lookup", "What does the DNS say about a name, and what does the cache have?"},
	{"/reports/in", "What do others report about my domains?"},
	{"/reports/sent", "Which reports did I send, and what became of them?"},
	{"/policy", "What is in force, and what would another policy do?"},
	{"/keys", "Which keys sign my mail, and does the DNS show them?"},
	{"/fleet", "Which machine differs from the others?"},
	{"/status", "How does the service itself do?"},
	{"/audit", "Who searched for a person?"},
	{"/forget", "How does the journal forget an address or a domain?"},
}

var manuals = []manualOf{
	{"postvet(1)", "the commands"},
	{"postvet.toml(5)", "the configuration, each key with its default"},
	{"postvet-rules(5)", "rules of your own: what they can ask and do"},
	{"postvet-judgement(7)", "how mail that fails is judged"},
	{"postvet-dns(7)", "what domains publish, and what Postvet says about it"},
	{"postvet-reports(7)", "DMARC reports, sent and received"},
	{"postvet-seal(7)", "how mail that is handed on is sealed (ARC)"},
	{"postvet-journal(5)", "what is kept of messages, how long, on one machine and on several"},
	{"postvet-web(7)", "this page: who may see it, and how it is served"},
	{"postvet-json(5)", "what commands and pages write as JSON"},
}

func (h *Handler) about(q *request) (any, error) {
	p := &about{Version: h.opt.Version, Pages: []pageAbout{}, Manuals: manuals, Modules: []module{}}
	for _, x := range questions {
		if page, ok := h.offered(x.path, q.user); ok {
			p.Pages = append(p.Pages, pageAbout{x.path, page.title, x.question})
		}
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		p.Go = info.GoVersion
		p.Modules = modulesOf(info)
	}
	return p, nil
}

// modulesOf returns the modules of a build.
func modulesOf(info *debug.BuildInfo) []module {
	list := []module{}
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		list = append(list, module{m.Path, m.Version, licences[m.Path]})
	}
	return list
}
