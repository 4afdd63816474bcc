package main_test

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const module = "github.com/postvet/postvet/"

// graph says what each package may import of this module outside of its tests.
// It reads from top to bottom: an import leads further down. "policy/..." is
// policy and all packages below it, as the go command has it.
var graph = []struct{ path, imports string }{
	// What an admin copies, and what measures and tests Postvet from outside.
	{"contrib/bench", "contrib/child contrib/realmta dnscache/dnstest"},
	{"contrib/bench/floor/gomilter", ""},
	{"contrib/demo", "contrib/child contrib/realmta"},
	{"contrib/image", ""},
	{"contrib/keyservers", "contrib/child"},
	{"contrib/monitoring", ""},
	{"contrib/oracles", "contrib/child"},
	{"contrib/packaging", ""},
	{"contrib/release", ""},
	{"contrib/resolvers", "contrib/child dnscache/dnstest dnscache policy policy/rules policy/result policy/dmarc policy/message"},
	{"contrib/realmta", "contrib/child dnscache/dnstest policy/arc/arctest"},
	{"contrib/child", ""},

	// The command.
	{"cmd/postvet", "cmd/postvet/internal/... filter/... policy/... dnscache"},
	{"cmd/postvet/internal/service", "cmd/postvet/internal/... filter/... policy/... dnscache"},
	{"cmd/postvet/internal/web", "cmd/postvet/internal/web/... cmd/postvet/internal/control cmd/postvet/internal/held cmd/postvet/internal/resulttext cmd/postvet/internal/journal/... cmd/postvet/internal/journal cmd/postvet/internal/idle cmd/postvet/internal/layout cmd/postvet/internal/trial policy/foreign policy/result policy/explain policy/message policy/spf cmd/postvet/internal/domainhistory cmd/postvet/internal/inspect cmd/postvet/internal/plan cmd/postvet/internal/finding cmd/postvet/internal/sources cmd/postvet/internal/reports cmd/postvet/internal/reportstore cmd/postvet/internal/received policy/addrlist policy/arc policy/dmarc policy/dmarc/report policy/patterns dnscache policy/caa policy/dane"},
	{"cmd/postvet/internal/web/browser", ""},
	{"cmd/postvet/internal/web/live", "policy/result"},
	{"cmd/postvet/internal/web/chart", ""},
	{"cmd/postvet/internal/migrate", "cmd/postvet/internal/mtasetup cmd/postvet/internal/config cmd/postvet/internal/finding cmd/postvet/internal/input cmd/postvet/internal/migrate/... policy/addrlist"},
	{"cmd/postvet/internal/mtasetup", "cmd/postvet/internal/config cmd/postvet/internal/input cmd/postvet/internal/migrate/mta filter/socket policy"},
	{"cmd/postvet/internal/reports/setup", "cmd/postvet/internal/config cmd/postvet/internal/submission cmd/postvet/internal/keys cmd/postvet/internal/lookups cmd/postvet/internal/advice cmd/postvet/internal/finding policy/dmarc policy/mx policy/spf"},
	{"cmd/postvet/internal/manualtest", "cmd/postvet/internal/manual"},
	{"cmd/postvet/internal/manual", "cmd/postvet/internal/journal/counts cmd/postvet/internal/journal/postgres cmd/postvet/internal/journal/rows cmd/postvet/internal/config cmd/postvet/internal/layout policy/condition policy/explain policy/judgement policy/patterns policy/result"},
	{"cmd/postvet/internal/evaluation", "cmd/postvet/internal/config cmd/postvet/internal/trial cmd/postvet/internal/journal/rows policy policy/message policy/patterns policy/rules"},
	{"cmd/postvet/internal/policytext", "cmd/postvet/internal/config cmd/postvet/internal/layout policy/dmarc policy/foreign policy/result policy/rules"},
	{"cmd/postvet/internal/config", "cmd/postvet/internal/journal/postgres cmd/postvet/internal/journal/rows cmd/postvet/internal/input cmd/postvet/internal/keys/... cmd/postvet/internal/web/access filter/... policy/... dnscache"},
	{"cmd/postvet/internal/web/access", ""},
	{"cmd/postvet/internal/transfer", "cmd/postvet/internal/control cmd/postvet/internal/idle cmd/postvet/internal/input cmd/postvet/internal/keys policy/foreign"},
	{"cmd/postvet/internal/control", "cmd/postvet/internal/journal cmd/postvet/internal/journal/rows cmd/postvet/internal/idle cmd/postvet/internal/layout policy/foreign dnscache"},
	{"cmd/postvet/internal/batch", "cmd/postvet/internal/inspect cmd/postvet/internal/advice cmd/postvet/internal/lookups cmd/postvet/internal/markdown cmd/postvet/internal/page cmd/postvet/internal/finding cmd/postvet/internal/layout policy/foreign policy/message"},
	{"cmd/postvet/internal/requirements", "cmd/postvet/internal/plan cmd/postvet/internal/inspect cmd/postvet/internal/advice cmd/postvet/internal/page cmd/postvet/internal/finding cmd/postvet/internal/layout policy/dmarc policy/foreign policy/iprev"},
	{"cmd/postvet/internal/domainhistory", "cmd/postvet/internal/watch cmd/postvet/internal/inspect policy/dkim policy/dmarc cmd/postvet/internal/journal/rows cmd/postvet/internal/journal/sqlite cmd/postvet/internal/layout cmd/postvet/internal/page policy/foreign policy/message policy/patterns"},
	{"cmd/postvet/internal/watch", "cmd/postvet/internal/inspect cmd/postvet/internal/atomicfile cmd/postvet/internal/filelock cmd/postvet/internal/finding cmd/postvet/internal/input cmd/postvet/internal/layout cmd/postvet/internal/lookups policy/dmarc policy/foreign policy/message dnscache"},
	{"cmd/postvet/internal/inspect", "cmd/postvet/internal/plan cmd/postvet/internal/route cmd/postvet/internal/route/connect cmd/postvet/internal/advice cmd/postvet/internal/lookups cmd/postvet/internal/page cmd/postvet/internal/repair cmd/postvet/internal/finding cmd/postvet/internal/layout policy/... dnscache"},
	{"cmd/postvet/internal/route", "cmd/postvet/internal/plan cmd/postvet/internal/route/connect cmd/postvet/internal/advice cmd/postvet/internal/lookups cmd/postvet/internal/page cmd/postvet/internal/finding cmd/postvet/internal/layout policy/... dnscache"},
	{"cmd/postvet/internal/route/connect/connecttest", ""},
	{"cmd/postvet/internal/route/connect", "policy/foreign policy/mtasts"},
	{"cmd/postvet/internal/plantest", "cmd/postvet/internal/finding cmd/postvet/internal/plan cmd/postvet/internal/repair"},
	{"cmd/postvet/internal/plan", "cmd/postvet/internal/finding cmd/postvet/internal/layout cmd/postvet/internal/lookups cmd/postvet/internal/page cmd/postvet/internal/repair policy/bimi policy/dane policy/dkim policy/dmarc policy/message policy/mtasts policy/spf dnscache"},
	{"cmd/postvet/internal/advice", "cmd/postvet/internal/finding cmd/postvet/internal/lookups policy/foreign policy/message dnscache"},
	{"cmd/postvet/internal/lookups", "dnscache"},
	{"cmd/postvet/internal/page/pagetest", "cmd/postvet/internal/finding cmd/postvet/internal/layout"},
	{"cmd/postvet/internal/page", "cmd/postvet/internal/markdown cmd/postvet/internal/finding cmd/postvet/internal/layout"},
	{"cmd/postvet/internal/held", "cmd/postvet/internal/atomicfile cmd/postvet/internal/journal/rows cmd/postvet/internal/layout cmd/postvet/internal/markdown policy/foreign policy/judgement policy/result"},
	{"cmd/postvet/internal/markdown", "policy/foreign"},
	{"cmd/postvet/internal/resulttext", "cmd/postvet/internal/trial cmd/postvet/internal/layout policy/arc policy/dkim policy/result policy/spf"},
	{"cmd/postvet/internal/livetrace", "filter policy/..."},
	{"cmd/postvet/internal/logburst", ""},
	{"cmd/postvet/internal/loginrate", ""},
	{"cmd/postvet/internal/trial", "cmd/postvet/internal/journal/rows cmd/postvet/internal/layout cmd/postvet/internal/mailbox cmd/postvet/internal/input policy/..."},
	{"cmd/postvet/internal/metrics", "cmd/postvet/internal/reportinbox cmd/postvet/internal/reportsending cmd/postvet/internal/reports cmd/postvet/internal/reportcount cmd/postvet/internal/reportfailures cmd/postvet/internal/journal/counts cmd/postvet/internal/journal/postgres cmd/postvet/internal/journal cmd/postvet/internal/journal/rows cmd/postvet/internal/idle cmd/postvet/internal/keys/states filter policy/... dnscache"},
	{"cmd/postvet/internal/reportfailures", "cmd/postvet/internal/reportsending cmd/postvet/internal/reportstore cmd/postvet/internal/reports policy/dmarc policy/dmarc/report policy/authres policy/message policy/redaction policy/reporting policy/result"},
	{"cmd/postvet/internal/reportsending", "cmd/postvet/internal/submission cmd/postvet/internal/reportstore cmd/postvet/internal/reports policy policy/dkim policy/dmarc policy/dmarc/report policy/foreign policy/message policy/reporting dnscache"},
	{"cmd/postvet/internal/submission/submissiontest", ""},
	{"cmd/postvet/internal/submission", "filter/socket policy/foreign"},
	{"cmd/postvet/internal/reportcount", "cmd/postvet/internal/reportstore cmd/postvet/internal/reports policy/foreign policy/reporting"},
	{"cmd/postvet/internal/reportstore", "cmd/postvet/internal/reports cmd/postvet/internal/journal/postgres cmd/postvet/internal/journal/sqlite cmd/postvet/internal/filelock policy/dmarc/report policy/reporting"},
	{"cmd/postvet/internal/journal", "cmd/postvet/internal/journal/rows cmd/postvet/internal/journal/counts cmd/postvet/internal/layout policy/..."},
	{"cmd/postvet/internal/journal/postgres", "cmd/postvet/internal/journal/sqlite cmd/postvet/internal/journal/counts cmd/postvet/internal/journal/rows cmd/postvet/internal/input policy/foreign policy/patterns policy/result"},
	{"cmd/postvet/internal/journal/sqlite", "cmd/postvet/internal/journal/rows cmd/postvet/internal/journal/counts cmd/postvet/internal/filelock cmd/postvet/internal/input policy/result policy/patterns"},
	{"cmd/postvet/internal/journal/counts", "cmd/postvet/internal/journal/rows policy/addrlist policy/result policy/foreign"},
	{"cmd/postvet/internal/journal/parquet", "cmd/postvet/internal/journal/rows policy/result"},
	{"cmd/postvet/internal/journal/rows", "policy/..."},
	{"cmd/postvet/internal/migrate/peers", "cmd/postvet/internal/migrate/mta cmd/postvet/internal/layout policy/addrlist policy/dkim policy/dmarc policy/foreign policy/message policy/spelling"},
	{"cmd/postvet/internal/migrate/mta", "cmd/postvet/internal/account cmd/postvet/internal/finding cmd/postvet/internal/input cmd/postvet/internal/layout policy/addrlist"},
	{"cmd/postvet/internal/sources", "cmd/postvet/internal/received policy/addrlist policy/dmarc/report policy/message"},
	{"cmd/postvet/internal/reportinbox", "cmd/postvet/internal/received cmd/postvet/internal/reports policy/addrlist policy/dmarc/report policy/foreign"},
	{"cmd/postvet/internal/received", "cmd/postvet/internal/reports cmd/postvet/internal/mailbox cmd/postvet/internal/input policy/..."},
	{"cmd/postvet/internal/reports", "policy/deviation policy/dmarc/report policy/reporting"},
	{"cmd/postvet/internal/mailbox", "cmd/postvet/internal/input policy/message"},
	{"cmd/postvet/internal/rotation", "cmd/postvet/internal/keys cmd/postvet/internal/keys/... cmd/postvet/internal/publication cmd/postvet/internal/input policy/dkim"},
	{"cmd/postvet/internal/publication", "dnscache/authority policy/foreign"},
	{"cmd/postvet/internal/keys", "cmd/postvet/internal/keys/... cmd/postvet/internal/account cmd/postvet/internal/input cmd/postvet/internal/finding policy policy/dkim policy/foreign policy/message dnscache"},
	{"cmd/postvet/internal/keys/opendkim", "cmd/postvet/internal/keys/stored cmd/postvet/internal/input policy/foreign policy/message policy/spelling"},
	{"cmd/postvet/internal/keys/redis", "cmd/postvet/internal/keys/stored"},
	{"cmd/postvet/internal/keys/rspamd", "cmd/postvet/internal/keys/stored cmd/postvet/internal/input policy/foreign policy/message"},
	{"cmd/postvet/internal/keys/sql", "cmd/postvet/internal/keys/stored"},
	{"cmd/postvet/internal/keys/vault", "cmd/postvet/internal/keys/stored policy/message"},
	{"cmd/postvet/internal/keys/stored", "cmd/postvet/internal/input"},
	{"cmd/postvet/internal/keys/servers", "dnscache dnscache/authority"},
	{"cmd/postvet/internal/keys/states", "cmd/postvet/internal/atomicfile cmd/postvet/internal/filelock cmd/postvet/internal/input"},
	{"cmd/postvet/internal/account", ""},
	{"cmd/postvet/internal/input", ""},
	{"cmd/postvet/internal/repair", "policy/dkim policy/dmarc policy/foreign policy/spf"},
	{"cmd/postvet/internal/filelock", ""},
	{"cmd/postvet/internal/atomicfile", ""},
	{"cmd/postvet/internal/finding", ""},
	{"cmd/postvet/internal/idle", ""},
	{"cmd/postvet/internal/layout", ""},

	// The milter. It reaches the DNS through policy alone.
	{"filter", "filter/milter filter/socket policy policy/rules policy/judgement policy/result policy/foreign policy/message"},
	{"filter/milter", "policy/foreign"},
	{"filter/milter/miltertest", ""},
	{"filter/socket", ""},

	// The conversation, the decision and its reasons.
	{"policy", "policy/explain policy/judgement policy/result policy/sign policy/addrlist policy/arc policy/authres policy/dkim policy/dmarc policy/iprev policy/mx policy/spf policy/message policy/foreign dnscache"},
	{"policy/rules", "policy/explain policy/judgement policy/result policy/condition policy/addrlist policy/foreign policy/arc policy/authres policy/dkim policy/dmarc policy/iprev policy/message policy/mx policy/spf"},
	{"policy/explain", "policy/judgement policy/result policy/foreign policy/arc policy/dkim policy/dmarc policy/iprev policy/message policy/spf dnscache"},
	{"policy/patterns", "policy/failures policy/addrlist policy/dkim policy/dmarc policy/foreign policy/message policy/result policy/spf"},
	{"policy/failures", "policy/addrlist policy/judgement policy/result"},
	{"policy/judgement", "policy/result policy/foreign policy/arc policy/dkim policy/dmarc policy/iprev policy/message policy/spf"},
	{"policy/reporting", "policy/result policy/authres policy/dmarc policy/dmarc/report policy/dkim policy/spf policy/message"},
	{"policy/result", "policy/sign policy/foreign policy/arc policy/authres policy/dkim policy/dmarc policy/iprev policy/message policy/mx policy/spf"},

	// Who signs.
	{"policy/sign", "policy/addrlist policy/foreign policy/message"},

	// What a rule may ask.
	{"policy/condition", "policy/addrlist policy/foreign policy/message policy/spelling"},
	{"policy/spelling", ""},
	{"policy/addrlist", "policy/foreign policy/message"},

	// What receivers report about a domain, and how it comes.
	{"policy/reportmail", "policy/deviation policy/foreign policy/message"},
	{"policy/dmarc/report", "policy/dmarc/report/tolerantxml policy/deviation policy/foreign policy/message"},
	{"policy/tlsrpt", "policy/deviation policy/foreign"},
	{"policy/dmarc/report/tolerantxml", "policy/deviation policy/foreign"},
	{"policy/deviation", ""},

	// What of a header may be told to others.
	{"policy/redaction", "policy/authres policy/dkim policy/foreign policy/message"},

	// One standard each.
	{"policy/arc/arctest", "policy/dkim policy/message"},
	{"policy/arc", "policy/authres policy/dkim policy/foreign policy/message dnscache"},
	{"policy/authres", "policy/foreign policy/message"},
	{"policy/dkim/dkimtest", ""},
	{"policy/dkim", "policy/foreign policy/message dnscache"},
	{"policy/dmarc", "policy/foreign policy/message dnscache"},
	{"policy/iprev", "policy/message dnscache"},
	{"policy/bimi", ""},
	{"policy/caa", "policy/message dnscache"},
	{"policy/dane", ""},
	{"policy/mtasts", ""},
	{"policy/mx", "policy/message dnscache"},
	{"policy/spf", "policy/foreign policy/message dnscache"},

	// A message, foreign text and the DNS know nobody.
	{"policy/message", ""},
	{"policy/foreign", ""},
	{"dnscache/dnstest", "dnscache"},
	{"dnscache/authority", ""},
	{"dnscache", ""},
}

// outside says which packages may import what is not of this module, again
// outside of their tests. The longest row that fits holds. A module without a
// row is for tests; a standard package without one is for all.
var outside = []struct{ path, importers string }{
	{"github.com/coreos/go-systemd", "cmd/postvet/internal/service"},
	{"github.com/emersion/go-milter", "filter/milter contrib/bench/floor/gomilter"},
	{"github.com/emersion/go-msgauth", "policy/dkim cmd/postvet/internal/reportsending contrib/..."},
	{"github.com/emersion/go-sasl", "cmd/postvet/internal/submission/..."},
	{"github.com/emersion/go-smtp", "cmd/postvet/internal/submission/..."},
	{"github.com/expr-lang/expr", "policy/condition"},
	{"github.com/gaissmai/bart", "policy/addrlist"},
	{"github.com/google/go-cmp", "cmd/postvet/internal/page/pagetest cmd/postvet/internal/manualtest"},
	{"github.com/jackc/pgx", "cmd/postvet/internal/keys/sql cmd/postvet/internal/journal/postgres"},
	{"github.com/miekg/dns", "dnscache/..."},
	{"github.com/parquet-go/parquet-go", "cmd/postvet/internal/journal/parquet"},
	{"github.com/pelletier/go-toml", "cmd/postvet/internal/config"},
	{"github.com/pressly/goose", "cmd/postvet/internal/journal/postgres cmd/postvet/internal/reportstore"},
	{"github.com/prometheus", "cmd/postvet/internal/metrics"},
	{"github.com/spf13", "cmd/postvet cmd/postvet/internal/manual"},
	{"github.com/valkey-io/valkey-go", "cmd/postvet/internal/keys/redis"},
	{"github.com/yuin/goldmark", "cmd/postvet/internal/page/pagetest"},
	{"go.uber.org/zap", "cmd/postvet/internal/... filter filter/milter dnscache"},
	{"golang.org/x/crypto", "policy/dkim cmd/postvet/internal/web/access contrib/image"},
	{"modernc.org/libc", "cmd/postvet/internal/journal/sqlite"},
	{"modernc.org/sqlite", "cmd/postvet/internal/journal/sqlite"},
	{"golang.org/x/net", "cmd/... policy/..."},
	{"golang.org/x/sys", "cmd/... filter/... contrib/..."},
	{"golang.org/x/term", "cmd/... contrib/..."},
	{"golang.org/x/text", "policy/message policy/dmarc/report/tolerantxml"},
	{"golang.org/x/tools", "cmd/postvet/internal/page/pagetest contrib/realmta"},

	// The evaluation has no socket and no file.
	{"net", "cmd/... filter/... dnscache/... contrib/..."},
	{"net/mail", "..."},
	{"net/netip", "..."},
	{"net/textproto", "..."},
	{"net/url", "..."},
	{"os", "cmd/... filter/... dnscache/... contrib/..."},
	{"syscall", "cmd/... filter/... dnscache contrib/..."},
}

// edge is one import of a package outside of its tests.
type edge struct{ from, to string }

func TestImportGraph(t *testing.T) {
	t.Parallel()
	found, edges, err := readModule(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	var rows []string
	for _, r := range graph {
		rows = append(rows, r.path)
	}
	if diff := cmp.Diff(found, slices.Sorted(slices.Values(rows))); diff != "" {
		t.Errorf("the rows of graph are not the packages that exist (-packages +rows):\n%s", diff)
	}
	if len(edges) < 20 {
		t.Fatalf("only %d imports found: the search is broken", len(edges))
	}
	for _, e := range edges {
		if why := forbidden(e); why != "" {
			t.Errorf("%s imports %s: %s", e.from, e.to, why)
		}
	}
}

func TestImportGraphForbids(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		edge edge
		bad  bool
	}{
		{"the command wires", edge{"cmd/postvet", module + "filter"}, false},
		{"the command uses its own packages", edge{"cmd/postvet", module + "cmd/postvet/internal/config"}, false},
		{"policy asks its evaluators", edge{"policy", module + "policy/spf"}, false},
		{"evaluator upward to policy", edge{"policy/spf", module + "policy"}, true},
		{"evaluator upward to a result", edge{"policy/spf", module + "policy/result"}, true},
		{"evaluator sideways", edge{"policy/dmarc", module + "policy/spf"}, true},
		{"rules upward to policy", edge{"policy/rules", module + "policy"}, true},
		{"explanation upward to rules", edge{"policy/explain", module + "policy/rules"}, true},
		{"policy upward to filter", edge{"policy", module + "filter"}, true},
		{"configuration upward to the manual", edge{"cmd/postvet/internal/config", module + "cmd/postvet/internal/manual"}, true},
		{"filter around policy", edge{"filter", module + "dnscache"}, true},
		{"cache knows of mail", edge{"dnscache", module + "policy/message"}, true},
		{"test server in the product", edge{"cmd/postvet", module + "dnscache/dnstest"}, true},
		{"test keys in the product", edge{"cmd/postvet", module + "policy/arc/arctest"}, true},
		{"contrib in the product", edge{"filter", module + "contrib/realmta"}, true},
		{"milter library outside of its package", edge{"filter", "github.com/emersion/go-milter"}, true},
		{"test MTA in the product", edge{"filter", module + "filter/milter/miltertest"}, true},
		{"DNS outside of dnscache", edge{"policy/spf", "github.com/miekg/dns"}, true},
		{"metrics outside of the command", edge{"filter", "github.com/prometheus/client_golang/prometheus"}, true},
		{"log in an evaluator", edge{"policy/dkim", "go.uber.org/zap/zapcore"}, true},
		{"configuration in policy", edge{"policy/rules", "github.com/pelletier/go-toml/v2"}, true},
		{"command line in policy", edge{"policy/explain", "github.com/spf13/cobra"}, true},
		{"file in an evaluator", edge{"policy/dkim", "os"}, true},
		{"process in an evaluator", edge{"policy/dkim", "os/exec"}, true},
		{"socket in an evaluator", edge{"policy/spf", "net"}, true},
		{"web in an evaluator", edge{"policy/spf", "net/http"}, true},
		{"address type in an evaluator", edge{"policy/spf", "net/netip"}, false},
		{"test library in the product", edge{"filter", "github.com/google/go-cmp/cmp"}, true},
		{"new module", edge{"filter", "example.com/new"}, true},
		{"new package", edge{"journal", "strings"}, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tc.bad, forbidden(tc.edge) != ""); diff != "" {
				t.Errorf("forbidden(%v) (-want +got):\n%s", tc.edge, diff)
			}
		})
	}
}

// forbidden returns why an import is not allowed; "" if it is.
func forbidden(e edge) string {
	from := slices.IndexFunc(graph, func(r struct{ path, imports string }) bool { return r.path == e.from })
	if from < 0 {
		return "the package has no row in graph"
	}
	to, own := strings.CutPrefix(e.to, module)
	if !own {
		return forbiddenOutside(e)
	}
	at := slices.IndexFunc(graph, func(r struct{ path, imports string }) bool { return r.path == to })
	switch inContrib := strings.HasPrefix(e.from, "contrib/"); {
	case !anyFits(graph[from].imports, to):
		return "its row in graph does not name it"
	case at <= from:
		return "it stands above in graph"
	case strings.HasSuffix(to, "test") && !inContrib:
		return "it is for tests and contrib"
	// dnstest speaks of the types it is asked for.
	case strings.HasPrefix(e.from, to+"/") && e.from != "dnscache/dnstest":
		return "it is the folder above"
	}
	return ""
}

// forbiddenOutside is forbidden for what is not of this module.
func forbiddenOutside(e edge) string {
	longest := struct{ path, importers string }{importers: "..."}
	if first, _, _ := strings.Cut(e.to, "/"); strings.Contains(first, ".") {
		longest.importers = ""
	}
	for _, r := range outside {
		if fits(r.path+"/...", e.to) && len(r.path) > len(longest.path) {
			longest = r
		}
	}
	if anyFits(longest.importers, e.from) {
		return ""
	}
	return fmt.Sprintf("outside allows %q to import it", longest.importers)
}

// anyFits reports whether one of the patterns, which spaces part, fits the
// package.
func anyFits(patterns, pkg string) bool {
	return slices.ContainsFunc(strings.Fields(patterns), func(p string) bool { return fits(p, pkg) })
}

// fits reports whether a pattern such as "policy", "policy/..." or "..." fits
// the package.
func fits(pattern, pkg string) bool {
	above, all := strings.CutSuffix(pattern, "...")
	return pattern == pkg || all && strings.HasPrefix(pkg+"/", above)
}

// readModule returns the packages below root, sorted, and their imports outside
// of tests, whatever their build constraints are.
func readModule(root string) (packages []string, edges []edge, err error) {
	fset := token.NewFileSet()
	err = filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && file != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || d.Name() == "dist") {
			return filepath.SkipDir
		}
		if d.IsDir() || filepath.Ext(file) != ".go" {
			return nil
		}
		dir, err := filepath.Rel(root, filepath.Dir(file))
		if err != nil {
			return err
		}
		dir = filepath.ToSlash(dir)
		packages = append(packages, dir)
		if strings.HasSuffix(file, "_test.go") {
			return nil
		}
		f, err := parser.ParseFile(fset, file, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, i := range f.Imports {
			to, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				return err
			}
			edges = append(edges, edge{from: dir, to: to})
		}
		return nil
	})
	slices.Sort(packages)
	return slices.Compact(packages), edges, err
}
