package web

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/web/access"
)

// shown has the type of what each template shows.
var shown = map[string]any{
	"about": about{}, "audit": auditPage{}, "check": checkPage{}, "domain": domainPage{}, "domains": domains{}, "fleet": fleetPage{},
	"forget": forgetPage{}, "forwarders": forwarders{}, "held": heldPage{}, "home": home{}, "keys": keysPage{}, "live": livePage{},
	"login": login{}, "lookup": lookup{}, "messages": messagesPage{}, "own": own{}, "policy": policyPage{}, "problem": problem{},
	"report_in": reportIn{}, "report_sent": reportSent{}, "reports_in": reportsIn{}, "reports_sent": reportsSent{}, "status": statusPage{}, "story": storyPage{},
}

// asTheyAre are the fields that a template shows as they are, by the reason why they have nothing
// that cannot be seen. A field that can come from outside does not belong here: the template
// cleans it.
var asTheyAre = map[string][]string{
	"paths of our pages, whose foreign parts are escaped": {
		"about.Pages[].Path", "held.Spans[].Path", "messages.Actions[].Path", "messages.Here", "messages.Messages[].Path", "messages.Readings[].Path",
		"messages.Spans[].Path", "story.AskPath", "story.Earlier[].Path", "story.Facts[].Path", "story.Later[].Path", "story.Links[].Path",
	},
	"what a person typed, which pasted, foreign.Terminal or localPath has made harmless": {
		"check.Form.Helo", "check.Form.IP", "check.Form.MailFrom", "check.Form.Message", "check.Form.Rcpt", "check.Form.User", "login.Name", "login.To",
		"policy.Text",
	},
	"made harmless before by problem.harmless": {
		"problem.Text", "problem.Title",
	},
	"a domain of the configuration, or one that message.NormalizeDomain returned": {
		"own.Domains[].Name", "reports_in.Domain",
	},
	"a time or a number": {
		"domain.Period.Text", "domains.Lines[].Change", "forwarders.Lines[].Change", "live.Last", "live.Lead", "live.Zone",
		"policy.Tried.Changes[].Examples[]", "reports_sent.Lines[].Day",
	},
	"our own words": {
		"about.Manuals[].Has", "about.Manuals[].Name", "about.Modules[].Licence", "about.Pages[].Question", "about.Pages[].Title", "check.Result.Done",
		"check.Result.Lines[].Name", "check.Result.Lines[].Result", "check.Result.Sections[].Word", "domain.Changes.Records[].Difference.Type",
		"domain.DNS.Findings[].Severity", "domain.DNS.Fine[].Severity", "domain.DNS.Tone", "domain.Ranges[].Title", "domain.Trend.Parts[].Name",
		"domain.Trend.Parts[].Tone", "domain.Trend.Title", "domains.Ranges[].Title", "domains.Sorts[].Title", "domains.Trend.Parts[].Name",
		"domains.Trend.Parts[].Tone", "domains.Trend.Title", "fleet.Lines[].Differs[]", "fleet.Shipping.Sent{key}", "forwarders.Ranges[].Title",
		"held.Spans[].Title", "home.Findings[].Level", "home.Level", "home.Today.Chart.Parts[].Name", "home.Today.Chart.Parts[].Tone",
		"home.Today.Chart.Title", "home.Today.Sentence", "live.Actions[].Path", "live.Actions[].Title", "live.Messages[].Action", "live.Messages[].Would",
		"login.Wrong", "lookup.Answers[].Outcome", "lookup.Answers[].Text", "lookup.Answers[].Type", "messages.Actions[].Title",
		"messages.Messages[].Done", "messages.Messages[].Would", "messages.Note", "messages.Readings[].Title", "messages.Spans[].Title",
		"own.Domains[].Reports.Quarantine.Policy", "own.Domains[].Reports.Reject.Policy", "own.Domains[].Tone", "own.Domains[].Trend.Title",
		"policy.Tried.Report.Actions[].Name", "report_sent.Deliveries[].State", "report_sent.Kind", "reports_in.Kinds[].Title", "reports_in.Lines[].Kind",
		"reports_sent.Lines[].State", "reports_sent.States[].Title", "status.Journal.Files[].Class", "status.KeyStates[].Name", "status.Status.Mode",
		"story.Done", "story.Earlier[].Done", "story.Earlier[].Would", "story.Facts[].Name", "story.Later[].Done", "story.Later[].Would",
		"story.Links[].Title", "story.Sections[].Word", "story.Would",
	},
}

// filler fills values with texts.
type filler struct {
	// number and truth are all numbers and truths.
	number int
	truth  bool
	// text returns that of the field with a path.
	text func(path string) string
}

// maxNested bounds types that have themselves.
const maxNested = 12

func (f *filler) fill(v reflect.Value, path string, depth int) {
	if depth > maxNested || !v.CanSet() {
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(f.text(path))
	case reflect.Bool:
		v.SetBool(f.truth)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(int64(f.number))
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(uint64(f.number))
	case reflect.Float32, reflect.Float64:
		v.SetFloat(float64(f.number))
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		f.fill(v.Elem(), path, depth+1)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		f.fill(v.Index(0), path+"[]", depth+1)
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		f.fill(key, path+"{key}", depth+1)
		f.fill(value, path+"{}", depth+1)
		v.SetMapIndex(key, value)
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(testNow))
			return
		}
		for i := range v.NumField() {
			f.fill(v.Field(i), path+"."+v.Type().Field(i).Name, depth+1)
		}
	}
}

// TestFields puts a hostile text into each field that a template shows, one after the other.
// None becomes markup, and what cannot be seen is only in fields of our own words. Neither does
// the JSON have any of it.
func TestFields(t *testing.T) {
	t.Parallel()
	h := newTest(source{})
	q := &request{ctx: t.Context(), http: httptest.NewRequest(http.MethodGet, "/x", nil), zone: time.UTC, now: testNow, time: &allowance{cut: true}, user: access.User{Role: access.Admin}}
	for name := range templates() {
		x, ok := shown[name]
		if !ok {
			t.Errorf("the template %s has no value here", name)
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			render := func(f *filler) string {
				v := reflect.New(reflect.TypeOf(x))
				f.fill(v.Elem(), name, 0)
				var b strings.Builder
				if err := templateOf(name).Execute(&b, h.view(q, page{title: "x", template: name}, v.Interface())); err != nil {
					t.Fatal(err)
				}
				return b.String()
			}
			v := reflect.New(reflect.TypeOf(x))
			(&filler{3, true, func(string) string { return hostile }}).fill(v.Elem(), name, 0)
			w := httptest.NewRecorder()
			h.writeJSON(w, http.StatusOK, v.Interface())
			if kind := w.Header().Get("Content-Type"); kind != "application/json; charset=utf-8" || w.Code != http.StatusOK || !json.Valid(w.Body.Bytes()) {
				t.Errorf("its JSON is %s, %d", kind, w.Code)
			}
			if text := w.Body.String(); strings.ContainsAny(text, "<>&\x1b\u202e\u2066") {
				t.Errorf("its JSON can be taken for markup, or steers a terminal: %.300q", text)
			}
			leaky := map[string]string{}
			for _, number := range []int{0, 1, 3} {
				for _, truth := range []bool{false, true} {
					marks := map[string]string{} // of each field
					page := render(&filler{number, truth, func(path string) string {
						if marks[path] == "" {
							marks[path] = fmt.Sprintf("/m%dm", len(marks))
						}
						return marks[path]
					}})
					for path, mark := range marks {
						if !strings.Contains(page, mark) {
							continue
						}
						for _, harm := range harms(t, render(&filler{number, truth, func(p string) string {
							if p == path {
								return hostile
							}
							return "/x"
						}})) {
							leaky[path] = harm
							if strings.HasPrefix(harm, "an element") || strings.HasPrefix(harm, "a script") {
								t.Errorf("%s: %s", path, harm)
							}
						}
					}
				}
			}
			for _, paths := range asTheyAre {
				for _, path := range paths {
					if page, _, _ := strings.Cut(path, "."); page == name {
						if leaky[path] == "" {
							t.Errorf("%s is cleaned, and need not stand in the list", path)
						}
						delete(leaky, path)
					}
				}
			}
			for path, harm := range leaky {
				t.Errorf("%s is shown as it is: %s", path, harm)
			}
		})
	}
}

// TestFrame: what stands around each page is harmless too: who the user is, the machine, the
// version and the address.
func TestFrame(t *testing.T) {
	t.Parallel()
	h := New(Options{Source: source{}, Gate: socketRights{}, Version: hostile, Node: hostile, Base: "/postvet", Now: func() time.Time { return testNow }})
	r := httptest.NewRequest(http.MethodGet, "/status", nil)
	r.URL.Path, r.URL.RawQuery = "/status"+hostile, hostile
	q := &request{ctx: t.Context(), http: r, zone: time.UTC, now: testNow, time: &allowance{cut: true}, user: access.User{Name: hostile, Session: hostile, Address: hostile, Role: access.Admin}}
	w := httptest.NewRecorder()
	h.write(w, q, http.StatusOK, "forget", h.view(q, page{title: hostile, template: "forget"}, &forgetPage{}))
	if w.Code != http.StatusOK || w.Body.Len() < 1000 {
		t.Errorf("%d\n%s", w.Code, w.Body)
	}
	checkHarmless(t, w.Body.String())
}
