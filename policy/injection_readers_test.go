package policy_test

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	msgauth "github.com/emersion/go-msgauth/authres"
	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/policy/arc"
	"github.com/postvet/postvet/policy/authres"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/iprev"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/mx"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/rules"
	"github.com/postvet/postvet/policy/spf"
)

// found counts results, "dmarc=pass".
type found map[string]int

// held lists what the results hold and our field is to say.
func held(set rules.Rules, res *result.Results) found {
	f := found{"dmarc=" + string(res.DMARC.Status): 1}
	for _, r := range res.DKIM {
		r.Status, _ = res.Counts(r)
		if r.Failure == dkim.FailureMalformed { // RFC 8601 section 2.7.1
			r.Status = dkim.Neutral
		}
		f["dkim="+string(r.Status)]++
	}
	if len(res.DKIM) == 0 && res.Oversize == "" {
		f["dkim="+string(dkim.None)]++
	}
	if r, ok := res.EnvelopeSPF(); ok {
		f["spf="+string(r.Status)]++
	}
	for _, r := range res.SPF {
		if set.SPFHelo && r.Identity == spf.HELO && res.MailFrom != "" {
			f["spf="+string(r.Status)]++
		}
	}
	switch {
	case res.Oversize != "": // it was not evaluated
	case res.ARC.Status == arc.TempError:
		f["arc=fail"]++
	case res.ARC.Status != "":
		f["arc="+string(res.ARC.Status)]++
	}
	if res.IPRev.Status != iprev.Status("") {
		f["iprev="+string(res.IPRev.Status)]++
	}
	for _, d := range res.SenderDomains {
		word := "fail"
		switch d.Status {
		case mx.Accepts:
			word = "pass"
		case mx.TempError, mx.None:
			word = string(d.Status)
		}
		f["x-return-mx="+word]++
	}
	return f
}

// The readers of our field, from the exact one to the careless.

func ourReader(t *testing.T, value string) found {
	t.Helper()
	id, methods, err := authres.Parse(value)
	if err != nil || id != "mx.test.example" {
		t.Errorf("our reader: id %q: %v", id, err)
	}
	f := found{}
	for _, m := range methods {
		f[m.Name+"="+m.Result]++
	}
	return f
}

// libraryReader cuts at every semicolon, in quotes or not.
func libraryReader(value string) found {
	_, results, _ := msgauth.Parse(value) // what it could read counts, error or not
	f := found{}
	for _, r := range results {
		switch r := r.(type) {
		case *msgauth.DMARCResult:
			f["dmarc="+string(r.Value)]++
		case *msgauth.DKIMResult:
			f["dkim="+string(r.Value)]++
		case *msgauth.SPFResult:
			f["spf="+string(r.Value)]++
		case *msgauth.ARCResult:
			f["arc="+string(r.Value)]++
		}
	}
	return f
}

var naiveResult = regexp.MustCompile(`(?i)\b(spf|dkim|dmarc|arc)\s*=\s*([a-z]+)`)

// ourPolicy is one of our properties that ends as a method does.
var ourPolicy = regexp.MustCompile(`\spolicy\.dmarc=(?:none|quarantine|reject)`)

// naiveReader is what many a filter rule does.
func naiveReader(value string) found {
	value = ourPolicy.ReplaceAllString(value, "")
	f := found{}
	for _, m := range naiveResult.FindAllStringSubmatch(value, -1) {
		f[strings.ToLower(m[1]+"="+m[2])]++
	}
	return f
}

// checkResultsField: nobody reads a result in our field that was not found.
func checkResultsField(t *testing.T, set rules.Rules, res *result.Results, value string) {
	t.Helper()
	if value == "" {
		return
	}
	checkLines(t, value)
	want := held(set, res)
	if got := ourReader(t, value); !maps.Equal(want, got) {
		t.Errorf("results in our field (-held +read):\n%s\n%s", cmp.Diff(want, got), value)
	}
	readings := map[string]found{"go-msgauth": libraryReader(value), "regexp": naiveReader(value)}
	if decoded := message.DecodeWords(value); decoded != value {
		readings["decoded, regexp"] = naiveReader(decoded)
	}
	if unescaped := strings.ReplaceAll(value, `\`, ""); unescaped != value {
		readings["unescaped, regexp"] = naiveReader(unescaped)
	}
	for name, read := range readings {
		for _, r := range slices.Sorted(maps.Keys(read)) {
			if read[r] > want[r] {
				t.Errorf("%s reads %d times %s, which was found %d times:\n%s", name, read[r], r, want[r], value)
			}
		}
	}
	for _, d := range alignedDomains(value) {
		if looksForged(d) && !slices.ContainsFunc(passed(res), looksForged) {
			t.Errorf("a pass in our field can be read as one for %q:\n%s", d, value)
		}
	}
}

// passed lists the domains for which something passed.
func passed(res *result.Results) []string {
	var domains []string
	for _, r := range res.DKIM {
		r.Status, _ = res.Counts(r)
		if r.Status == dkim.Pass {
			domains = append(domains, r.Domain)
		}
	}
	for _, r := range res.SPF {
		if r.Status == "pass" {
			domains = append(domains, r.Domain)
		}
	}
	return domains
}

var (
	passing  = regexp.MustCompile(`(?:spf|dkim)=pass\b[^;]*`)
	property = regexp.MustCompile(`[\s"](?:smtp\.mailfrom="?(?:[^@\s"]*@)?|(?:smtp\.helo|header\.d)="?)([A-Za-z0-9.-]+)`)
)

// alignedDomains reads the domains of what passed as a DMARC filter does that
// takes its input from our field and stops at the first byte that no domain has.
func alignedDomains(value string) []string {
	var domains []string
	for _, result := range passing.FindAllString(value, -1) {
		for _, m := range property.FindAllStringSubmatch(result, -1) {
			domains = append(domains, strings.ToLower(m[1]))
		}
	}
	return domains
}

// checkLines: a value is ASCII, and its line ends are folds with text after them.
func checkLines(t *testing.T, value string) {
	t.Helper()
	for i, line := range strings.Split(value, "\r\n") {
		if len(line) > 998-len("Authentication-Results:") {
			t.Errorf("a line of %d octets", len(line))
		}
		if i > 0 && (strings.TrimLeft(line, " \t") == line || strings.TrimSpace(line) == "") {
			t.Errorf("a line end that is no fold in %q", value)
		}
		if strings.ContainsFunc(line, func(r rune) bool { return (r < ' ' || r > '~') && r != '\t' }) {
			t.Errorf("not printable ASCII: %q", line)
		}
	}
}

var replyCode = regexp.MustCompile(`^(?:4[0-9][0-9] 4|5[0-9][0-9] 5)\.[0-9]{1,3}\.[0-9]{1,3}$`)

// checkReply: one line of printable ASCII that fits, and a code that is ours.
func checkReply(t *testing.T, v result.Verdict) {
	t.Helper()
	if len(v.Text) > 450 || strings.ContainsFunc(v.Text, func(r rune) bool { return r < ' ' || r > '~' }) {
		t.Errorf("text of %d octets: %q", len(v.Text), v.Text)
	}
	if refused := v.Action == result.Reject || v.Action == result.TempFail; refused != replyCode.MatchString(v.Code) {
		t.Errorf("%s with code %q", v.Action, v.Code)
	}
	for _, f := range v.Insert {
		if !strings.HasPrefix(f.Raw, f.Name+":") || !strings.HasSuffix(f.Raw, "\r\n") {
			t.Errorf("field %q", f.Raw)
		}
		checkLines(t, f.Value())
	}
}
