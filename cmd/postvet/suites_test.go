package main

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
)

// suites is the folder of the examples for mail suites.
const suites = "../../contrib/suites"

// suiteFiles returns the examples by their paths below suites.
func suiteFiles(t *testing.T) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(suites, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		name, _ := filepath.Rel(suites, path)
		files[filepath.ToSlash(name)] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// TestSuites holds the examples against the program: their variables and their
// configuration are those that it takes.
func TestSuites(t *testing.T) {
	t.Parallel()
	files := suiteFiles(t)
	variables := 0
	for name, text := range files {
		if ext := filepath.Ext(name); ext != ".yaml" && ext != ".yml" {
			continue
		}
		environ := environmentIn(t, name, text)
		variables += len(environ)
		if err := config.UnknownVariables(environ); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		c, err := config.FromEnvironment(withWebUsers(t, name, text, environ))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if list := c.Warnings(); len(list) > 0 {
			t.Errorf("%s: %v", name, list)
		}
		if page := name == "compose.yaml" || name == "kubernetes.yaml"; page != (c.Web.Listen != "") {
			t.Errorf("%s: the web page is served at %q", name, c.Web.Listen)
		}
	}
	if variables < 10 {
		t.Errorf("only %d variables were found", variables)
	}
	role := files["ansible/templates/postvet.toml.j2"]
	var defaults map[string]string
	if err := yaml.Unmarshal([]byte(files["ansible/defaults/main.yml"]), &defaults); err != nil {
		t.Fatal(err)
	}
	for variable, value := range defaults {
		role = strings.ReplaceAll(role, "{{ "+variable+" }}", value)
	}
	if _, err := config.Parse("ansible", []byte(role)); err != nil || strings.Contains(role, "{{") {
		t.Errorf("%v\n%s", err, role)
	}
	image, err := config.Load("../../contrib/image/postvet.toml")
	if err != nil || !slices.Equal(image.Listen, []string{"inet:*:8890"}) || image.Journal.Directory == "" {
		t.Errorf("the image's configuration: %v", err)
	}
}

// TestSuitesSayWhatTheyAre: each example has a row in the README, and says against what it
// was checked.
func TestSuitesSayWhatTheyAre(t *testing.T) {
	t.Parallel()
	files := suiteFiles(t)
	var named, there []string
	for _, m := range regexp.MustCompile("`([a-z0-9/_.-]+\\.(?:ya?ml|cf|conf|sh|j2))`").FindAllStringSubmatch(files["README.md"], -1) {
		named = append(named, m[1])
	}
	for name, text := range files {
		if name == "README.md" {
			continue
		}
		there = append(there, name)
		if strings.HasPrefix(name, "ansible/") && name != "ansible/tasks/main.yml" {
			continue // the role's first file says it
		}
		head, _, _ := strings.Cut(strings.ReplaceAll(text, "\n# ", " "), "\n\n")
		if !strings.Contains(head, "it was not run.") && !strings.Contains(head, "was run,") || !strings.Contains(head, "Checked against") && name != "compose.yaml" {
			t.Errorf("%s does not say against which version it was checked, and whether it was run", name)
		}
	}
	slices.Sort(named)
	slices.Sort(there)
	if d := cmp.Diff(there, named); d != "" {
		t.Errorf("the README names other files than there are (-there +named):\n%s", d)
	}
}

// TestSuitesForPostfix has Postfix read the lines for it.
func TestSuitesForPostfix(t *testing.T) {
	t.Parallel()
	postconf, err := exec.LookPath("postconf")
	if err != nil {
		t.Skip("postconf is not installed")
	}
	for name, text := range suiteFiles(t) {
		if filepath.Ext(name) != ".cf" || name == "docker-mailserver/postfix-master.cf" {
			continue
		}
		dir := t.TempDir()
		for file, text := range map[string]string{"main.cf": "compatibility_level = 3.6\n" + text, "master.cf": "smtp inet n - n - - smtpd\n"} {
			if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		out, err := exec.CommandContext(t.Context(), postconf, "-c", dir, "-n").CombinedOutput()
		if err != nil || bytes.Contains(out, []byte("warning")) || !bytes.Contains(out, []byte("smtpd_milters = inet:postvet:8890")) {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}

// withWebUsers has POSTVET_WEB_USERS_FILE name a file that is there, with one user. The
// one of the example must be a secret of its container, or lie in one of its volumes.
func withWebUsers(t *testing.T, name, text string, environ []string) []string {
	t.Helper()
	environ = slices.Clone(environ)
	for i, v := range environ {
		path, ok := strings.CutPrefix(v, "POSTVET_WEB_USERS_FILE=")
		if !ok {
			continue
		}
		secret, isSecret := strings.CutPrefix(path, "/run/secrets/")
		if isSecret && !strings.Contains(text, "secrets: ["+secret+"]") || !isSecret && !strings.Contains(text, "mountPath: "+filepath.Dir(path)+",") {
			t.Errorf("%s: nothing brings %s into the container", name, path)
		}
		file := filepath.Join(t.TempDir(), "web.users")
		if err := os.WriteFile(file, []byte("ann:$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy:admin\n"), 0o640); err != nil {
			t.Fatal(err)
		}
		environ[i] = "POSTVET_WEB_USERS_FILE=" + file
	}
	return environ
}

// interpolated is a variable of Compose with its default, or with what must be set.
var interpolated = regexp.MustCompile(`\$\{[A-Z0-9_]+(:-([^}]*)|:\?[^}]*)\}`)

// environmentIn returns the variables POSTVET_* that the documents of a YAML file set: as
// a mapping or a list of Compose, or as a list of Kubernetes.
func environmentIn(t *testing.T, name, text string) (environ []string) {
	t.Helper()
	text = interpolated.ReplaceAllStringFunc(text, func(v string) string {
		if m := interpolated.FindStringSubmatch(v); strings.HasPrefix(m[1], ":-") {
			return m[2]
		}
		return "mx.example.org"
	})
	set := func(name, value string) {
		if strings.HasPrefix(name, "POSTVET_") {
			environ = append(environ, name+"="+value)
		}
	}
	var walk func(n *yaml.Node)
	walk = func(n *yaml.Node) {
		if n.Kind == yaml.MappingNode {
			var entry, value string
			for i := 0; i+1 < len(n.Content); i += 2 {
				key, v := n.Content[i].Value, n.Content[i+1].Value
				set(key, v)
				switch key {
				case "name":
					entry = v
				case "value":
					value = v
				}
			}
			set(entry, value)
		}
		if n.Kind == yaml.ScalarNode {
			if variable, value, ok := strings.Cut(n.Value, "="); ok {
				set(variable, value)
			}
		}
		for _, c := range n.Content {
			walk(c)
		}
	}
	for in := yaml.NewDecoder(strings.NewReader(text)); ; {
		var doc yaml.Node
		err := in.Decode(&doc)
		if errors.Is(err, io.EOF) {
			return environ
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			return environ
		}
		walk(&doc)
	}
}
