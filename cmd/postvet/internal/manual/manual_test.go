package manual_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
	"github.com/postvet/postvet/cmd/postvet/internal/manual"
	"github.com/postvet/postvet/policy/condition"
	"github.com/postvet/postvet/policy/sign"
)

// tree returns a small program with everything that a page describes.
func tree() *cobra.Command {
	root := &cobra.Command{
		Use: "postvet", Short: "authenticate mail", Long: "About it.\n\nExit codes: 0 done, 1 the answer is no.",
		Example: "  postvet serve   # it's ~ simple", RunE: func(*cobra.Command, []string) error { return nil },
	}
	serve := &cobra.Command{
		Use: "serve [FILE]", Short: "run it", Long: ".A line that begins with a dot\n'and one with a quote; a \\ too.\n  kept   as it is\nafter it",
		Run: func(*cobra.Command, []string) {},
	}
	serve.Flags().String("listen", "x", "an `ADDR` to listen on")
	serve.Flags().Bool("secret", false, "not for everybody")
	_ = serve.Flags().MarkHidden("secret")
	group := &cobra.Command{Use: "config", Short: "work on files", Long: "Config works.", Example: "  postvet config check F"}
	check := &cobra.Command{Use: "check FILE", Short: "check one", Long: "Check checks.", Example: "  postvet config check F\n  postvet config check G", Run: func(*cobra.Command, []string) {}}
	group.AddCommand(check)
	hidden := &cobra.Command{Use: "manual DIR", Short: "this", Hidden: true, Run: func(*cobra.Command, []string) {}}
	root.AddCommand(serve, group, hidden)
	return root
}

func page(t *testing.T, pages []manual.Page, file string) string {
	t.Helper()
	for _, p := range pages {
		if p.File == file {
			return string(p.Text)
		}
	}
	t.Fatalf("no page %s", file)
	return ""
}

func TestPages(t *testing.T) {
	t.Parallel()
	pages := manual.Pages(tree(), manual.Edition{Version: "1.2.3", Date: "2026-11-25"})
	var files []string
	for _, p := range pages {
		files = append(files, p.File)
	}
	if got, want := strings.Join(files, " "), "postvet.1 postvet-config.1 postvet-serve.1 postvet.toml.5 postvet-rules.5 postvet-journal.5 postvet-json.5 postvet-dns.7 postvet-seal.7 postvet-judgement.7 postvet-reports.7 postvet-container.7 postvet-web.7"; got != want {
		t.Errorf("pages %s, want %s", got, want)
	}
	for file, want := range map[string][]string{
		"postvet.1": {
			`.TH "POSTVET" 1 "2026-11-25" "Postvet 1.2.3" "Postvet"` + "\n", "postvet \\- authenticate mail\n",
			".SH \"EXIT STATUS\"\n0 done, 1 the answer is no.\n", "it\\(aqs \\(ti simple\n",
			".SH \"WHAT THE MTA MUST OFFER\"\n", ".B \"SMFIF_CHGHDRS\"\n", ".B \"SMFIF_QUARANTINE\"\n", "run it; see postvet\\-serve(1).\n",
		},
		"postvet-serve.1": {
			"\n\\&.A line that begins", "a \\e too.\n", ".nf\nkept   as it is\n.fi\n.RE\n.PP\nafter it\n",
			".B \"postvet serve\"\n[FLAGS] [FILE]\n", ".B \"\\-\\-listen ADDR\"\nAn ADDR to listen on (default x).\n",
		},
		"postvet-config.1": {".SS \"postvet config check\"\nCheck checks.\n", "postvet config check F\npostvet config check G\n"},
	} {
		text := page(t, pages, file)
		for _, w := range want {
			if !strings.Contains(text, w) {
				t.Errorf("%s lacks %q:\n%s", file, w, text)
			}
		}
		if strings.Contains(text, "secret") || strings.Contains(text, "postvet-manual") || strings.Contains(text, "About it.\n.PP\nExit") {
			t.Errorf("%s says what it should not:\n%s", file, text)
		}
	}
}

func TestEveryKeyStands(t *testing.T) {
	t.Parallel()
	text := page(t, manual.Pages(tree(), manual.Edition{}), "postvet.toml.5")
	var n int
	for _, s := range config.Sections() {
		if s.Name != "" && !strings.Contains(text, ".SH \"["+s.Name+"]\"\n") {
			t.Errorf("section %s is missing", s.Name)
		}
		for _, k := range s.Keys {
			n++
			if !strings.Contains(text, ".B \""+k.Name+" = ") {
				t.Errorf("key %s of %s is missing", k.Name, s.Name)
			}
			if k.Variable != "" && !strings.Contains(text, "\nVariable: "+k.Variable+".\n") {
				t.Errorf("the variable %s is missing", k.Variable)
			}
		}
	}
	if n < 30 {
		t.Errorf("only %d keys are described", n)
	}
}

func TestEveryFactStands(t *testing.T) {
	t.Parallel()
	text := page(t, manual.Pages(tree(), manual.Edition{}), "postvet-rules.5")
	var names []string
	for _, k := range config.RuleKeys() {
		names = append(names, k.Name)
	}
	for _, k := range condition.Keys() {
		names = append(names, k.Name)
	}
	for _, f := range condition.Documentation() {
		names = append(names, f.Name)
	}
	if len(names) < 40 {
		t.Errorf("only %d names are described", len(names))
	}
	for _, n := range names {
		if !strings.Contains(text, ".B \""+n+"\"\n") {
			t.Errorf("%s is missing", n)
		}
	}
}

// TestLint has mandoc read the pages, where it is installed.
func TestLint(t *testing.T) {
	t.Parallel()
	mandoc, err := exec.LookPath("mandoc")
	if err != nil {
		t.Skip("skipped: mandoc is not installed")
	}
	dir := t.TempDir()
	for _, p := range manual.Pages(tree(), manual.Edition{Version: "1.2.3", Date: "2026-11-25"}) {
		file := filepath.Join(dir, p.File)
		if err := os.WriteFile(file, p.Text, 0o644); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.CommandContext(t.Context(), mandoc, "-T", "lint", "-W", "style", file).CombinedOutput(); err != nil || len(bytes.TrimSpace(out)) > 0 {
			t.Errorf("mandoc: %v\n%s", err, out)
		}
	}
}

// TestSealReasons: the page explains each word, and no other.
func TestSealReasons(t *testing.T) {
	t.Parallel()
	text := page(t, manual.Pages(tree(), manual.Edition{}), "postvet-seal.7")
	_, text, _ = strings.Cut(text, ".SH \"REASONS\"\n")
	text, _, _ = strings.Cut(text, ".SH ")
	var words []string
	for line := range strings.Lines(text) {
		if word, ok := strings.CutPrefix(strings.TrimSpace(line), ".B \""); ok {
			words = append(words, strings.ReplaceAll(strings.TrimSuffix(word, `"`), `\-`, "-"))
		}
	}
	var want []string
	for _, r := range sign.SealReasons() {
		want = append(want, string(r))
	}
	if d := cmp.Diff(want, words); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}
