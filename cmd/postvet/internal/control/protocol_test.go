package control

import (
	"strings"
	"testing"
)

func TestParseRequest(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, line, code, says string }{
		{"status", `{"v":1,"do":"status"}`, "", ""},
		{"reload", `{"v":1,"do":"reload"}` + "\n", "", ""},
		{"ask for the level", `{"v":1,"do":"log-level"}`, "", ""},
		{"set it for a time", `{"v":1,"do":"log-level","level":"debug","for":60}`, "", ""},
		{"show", `{"v":1,"do":"cache-show","name":"example.org","type":"TXT","below":true}`, "", ""},
		{"flush", `{"v":1,"do":"cache-flush","name":"example.org"}`, "", ""},
		{"flush all", `{"v":1,"do":"cache-flush","all":true}`, "", ""},

		{"trace", `{"v":1,"do":"trace","client":"192.0.2.1","from":"a.example","rcpt":"b@c.example","for":60,"count":5}`, "", ""},

		{"export", `{"v":1,"do":"cache-export"}`, "", ""},
		{"load", `{"v":1,"do":"cache-load"}`, "", ""},
		{"fetch from where the configuration says", `{"v":1,"do":"cache-fetch"}`, "", ""},
		{"fetch", `{"v":1,"do":"cache-fetch","source":"https://mx1.example.org:8894"}`, "", ""},
		{"fetch of a name", `{"v":1,"do":"cache-fetch","name":"x"}`, CodeRequest, "a source alone"},
		{"fetch from a long source", `{"v":1,"do":"cache-fetch","source":"` + strings.Repeat("x", 1025) + `"}`, CodeRequest, "no source"},
		{"export of a name", `{"v":1,"do":"cache-export","name":"x"}`, CodeRequest, "takes no arguments"},

		{"empty", ``, CodeRequest, "not a request"},
		{"no JSON", `GET / HTTP/1.1`, CodeRequest, "not a request"},
		{"no object", `[1]`, CodeRequest, "not a request"},
		{"no version", `{"do":"status"}`, CodeRequest, "not a request"},
		{"version of a wrong type", `{"v":"1","do":"status"}`, CodeRequest, "not a request"},
		{"later version", `{"v":2,"do":"status","colour":"blue"}`, CodeVersion, "version 2 of the control protocol"},
		{"unknown field", `{"v":1,"do":"status","colour":"blue"}`, CodeRequest, "unknown or of the wrong type"},
		{"wrong type", `{"v":1,"do":5}`, CodeRequest, "unknown or of the wrong type"},
		{"two requests", `{"v":1,"do":"status"}{"v":1,"do":"reload"}`, CodeRequest, "not a request"},
		{"unknown", `{"v":1,"do":"stop"}`, CodeRequest, "no such request"},
		{"none", `{"v":1}`, CodeRequest, "no such request"},
		{"needless argument", `{"v":1,"do":"reload","name":"x"}`, CodeRequest, "takes no arguments"},
		{"level with a name", `{"v":1,"do":"log-level","name":"x"}`, CodeRequest, "has no name"},
		{"time without level", `{"v":1,"do":"log-level","for":60}`, CodeRequest, "without a level"},
		{"negative time", `{"v":1,"do":"log-level","level":"debug","for":-1}`, CodeRequest, "between 0 and a week"},
		{"endless time", `{"v":1,"do":"log-level","level":"debug","for":99999999}`, CodeRequest, "between 0 and a week"},
		{"long level", `{"v":1,"do":"log-level","level":"` + strings.Repeat("x", 17) + `"}`, CodeRequest, "no such level"},
		{"nothing to show", `{"v":1,"do":"cache-show"}`, CodeRequest, "a name or all"},
		{"name and all", `{"v":1,"do":"cache-flush","name":"x","all":true}`, CodeRequest, "a name or all"},
		{"flush of a type", `{"v":1,"do":"cache-flush","name":"x","type":"TXT"}`, CodeRequest, "all types"},
		{"long type", `{"v":1,"do":"cache-show","name":"x","type":"` + strings.Repeat("x", 17) + `"}`, CodeRequest, "no such type"},
		{"long name", `{"v":1,"do":"cache-show","name":"` + strings.Repeat("x", 1025) + `"}`, CodeRequest, "no name"},
		{"trace with a level", `{"v":1,"do":"trace","level":"debug"}`, CodeRequest, "a client, a sender"},
		{"endless trace", `{"v":1,"do":"trace","for":86401}`, CodeRequest, "between 0 and a day"},
		{"too many messages", `{"v":1,"do":"trace","count":100001}`, CodeRequest, "between 0 and 100000"},
		{"less than none", `{"v":1,"do":"trace","count":-1}`, CodeRequest, "between 0 and 100000"},
		{"long sender", `{"v":1,"do":"trace","from":"` + strings.Repeat("x", 1025) + `"}`, CodeRequest, "no address"},
		{"status of a client", `{"v":1,"do":"status","client":"192.0.2.1"}`, CodeRequest, "takes no arguments"},
		{"name that drives a terminal", `{"v":1,"do":"cache-show","name":"\u001b[2J"}`, CodeRequest, "no name"},
	} {
		_, err := parseRequest([]byte(tc.line))
		switch {
		case tc.code == "" && err != nil:
			t.Errorf("%s: %v", tc.name, err)
		case tc.code != "" && (err == nil || err.Code != tc.code || !strings.Contains(err.Error(), tc.says)):
			t.Errorf("%s: %+v, want %s %q", tc.name, err, tc.code, tc.says)
		case err != nil && (!strings.Contains(err.Error(), "; ") || len(err.Errors) != 1):
			t.Errorf("%s: no remedy in %q", tc.name, err)
		}
	}
}

// FuzzParseRequest: a request that is accepted is bounded, and the same when it is
// written and parsed again. A refusal is one printable line.
func FuzzParseRequest(f *testing.F) {
	for _, s := range []string{
		`{"v":1,"do":"status"}`, `{"v":1,"do":"log-level","level":"debug","for":60}`, `{"v":2}`, `{"v":1,"do":"cache-show","name":"a.test","below":true}`,
		`{"v":1,"do":"cache-flush","all":true}`, `{"v":1,"do":"trace","client":"::1","from":"<>","rcpt":"b.example","count":3}`, `{"V":1,"DO":"status"}`, "\x00\xff", `{"v":1e0,"do":"status"}`, `{"v":1,"v":2,"do":"reload"}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		q, refusal := parseRequest(line)
		if refusal != nil {
			if s := refusal.Error(); s == "" || strings.ContainsAny(s, "\n\x1b") || len(s) > 500 {
				t.Fatalf("refused with %q", s)
			}
			return
		}
		if len(q.Name) > maxNameBytes || len(q.Level) > 16 || len(q.Type) > 16 || q.For < 0 || q.For > maxFor || q.Count < 0 || q.Count > MaxTraced || max(len(q.Client), len(q.From), len(q.Recipient)) > maxNameBytes || q.problem() != "" {
			t.Fatalf("accepted %+v", q)
		}
		b, err := marshalRequest(q)
		if err != nil {
			t.Fatal(err)
		}
		if again, refusal := parseRequest(b); refusal != nil || again != q {
			t.Fatalf("%+v became %+v, %v", q, again, refusal)
		}
	})
}
