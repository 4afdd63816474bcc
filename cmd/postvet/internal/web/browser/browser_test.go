package browser

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/audits"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// browser is a running Chromium.
type browser struct{ ctx context.Context }

// program returns the path of Chromium, "" if there is none. POSTVET_CHROMIUM names another.
func program() string {
	if p := os.Getenv("POSTVET_CHROMIUM"); p != "" {
		return p
	}
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if p, err := exec.LookPath(name); err == nil {
			return p
		}
	}
	return ""
}

// startBrowser starts Chromium, which ends with the test.
func startBrowser(t *testing.T) *browser {
	t.Helper()
	p := program()
	if p == "" {
		const missing = "without Chromium the pages are not tried in a browser: contrib/web/install.sh brings it"
		if os.Getenv("POSTVET_REQUIRE_CHROMIUM") != "" {
			t.Fatal(missing)
		}
		t.Skip(missing)
	}
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]),
		chromedp.ExecPath(p), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("disable-dev-shm-usage", true), chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"))
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("Chromium does not start: %v", err)
	}
	return &browser{ctx}
}

// tab is one page of a browser, and what was wrong in it.
type tab struct {
	t      *testing.T
	ctx    context.Context
	mu     sync.Mutex
	faults []string
}

// open opens a tab. At the end of the test it must be free of errors of scripts, and of what
// the Content-Security-Policy stopped.
func (b *browser) open(t *testing.T) *tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(b.ctx)
	x := &tab{t: t}
	err := chromedp.Listen(ctx, func(event any) {
		switch e := event.(type) {
		case *runtime.EventExceptionThrown:
			x.fault("a script fails: %+v", e.ExceptionDetails)
		case *runtime.EventConsoleAPICalled:
			if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeAssert {
				x.fault("the console: %v", e.Args)
			}
		case *log.EventEntryAdded:
			if e.Entry.Level == log.EntryLevelError && !strings.Contains(e.Entry.Text, "the server responded with a status") {
				x.fault("%s: %s", e.Entry.Source, e.Entry.Text)
			}
		case *audits.EventIssueAdded:
			if e.Issue.Code == audits.InspectorIssueCodeContentSecurityPolicyIssue {
				x.fault("the policy stopped something: %+v", e.Issue.Details.ContentSecurityPolicyIssueDetails)
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancelTime := context.WithTimeout(ctx, patience)
	x.ctx = ctx
	t.Cleanup(func() {
		cancelTime()
		cancel()
		x.mu.Lock()
		defer x.mu.Unlock()
		for _, f := range x.faults {
			t.Errorf("%s", f)
		}
	})
	call(x, runtime.Enable, cdp.Empty{})
	call(x, log.Enable, cdp.Empty{})
	call(x, audits.Enable, cdp.Empty{})
	return x
}

func (x *tab) fault(format string, args ...any) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(x.faults) < 20 {
		x.faults = append(x.faults, fmt.Sprintf(format, args...))
	}
}

// run has the browser do something.
func (x *tab) run(actions ...chromedp.Action[chromedp.Void]) {
	x.t.Helper()
	if err := chromedp.Do(x.ctx, actions...); err != nil {
		x.t.Fatal(err)
	}
}

// evaluate returns the value of an expression in the page, or of its promise.
func evaluate[T any](x *tab, expression string) T {
	x.t.Helper()
	v, err := chromedp.Run(x.ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		x.t.Fatalf("%.100s: %v", expression, err)
	}
	return v
}

// await waits until an expression about the page has a value. It looks when the page changes.
func await[T comparable](x *tab, expression string, want T) {
	x.t.Helper()
	value, err := json.Marshal(want)
	if err != nil {
		x.t.Fatal(err)
	}
	end, _ := x.ctx.Deadline()
	got := evaluate[T](x, fmt.Sprintf(`new Promise((resolve) => {
		const value = () => %s;
		const tell = () => { changes.disconnect(); resolve(value()); };
		const look = () => { if (value() === %s) tell(); };
		const changes = new MutationObserver(look);
		changes.observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
		AbortSignal.timeout(%d).addEventListener("abort", tell);
		look();
	})`, expression, value, max(0, time.Until(end)-time.Second).Milliseconds()))
	if got != want {
		x.t.Fatalf("%s is %v, want %v", expression, got, want)
	}
}

// call carries out a command of the browser's protocol.
func call[P, R any](x *tab, command cdp.Command[P, R], params P) R {
	x.t.Helper()
	v, err := chromedp.Call(x.ctx, command, params)
	if err != nil {
		x.t.Fatal(err)
	}
	return v
}
