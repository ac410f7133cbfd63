// Package docs_test holds design.md, operations.md and reliability.md against the code: what they name is there, and
// what the code offers an operator is in them.
package docs_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"switchyard/switch/operator"
	"switchyard/switch/switchtest"
)

const root = ".."

// sources are the Go files of each package by its name, tests apart.
type sources struct{ code, tests map[string]string }

func readSources(t *testing.T) sources {
	t.Helper()
	s := sources{map[string]string{}, map[string]string{}}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name := strings.TrimSuffix(string(packageClause.FindSubmatch(text)[1]), "_test")
		into := s.code
		if strings.HasSuffix(path, "_test.go") {
			into = s.tests
		}
		into[name] += string(text)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var packageClause = regexp.MustCompile(`(?m)^package (\w+)`)

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Each `package.Name` in design.md is in that package, and each test that it names exists.
func TestDesignNamesWhatThereIs(t *testing.T) {
	s := readSources(t)
	keys := read(t, filepath.Join(root, "configs", "switchd.yaml"))
	named := 0
	for _, m := range regexp.MustCompile("`([a-z]+)\\.([A-Za-z_]+)").FindAllStringSubmatch(read(t, "design.md"), -1) {
		pkg, name := m[1], m[2]
		if s.code[pkg] == "" && s.tests[pkg] == "" || strings.Contains(keys, name+":") {
			continue // a file, a configuration key
		}
		named++
		in, what := s.code[pkg], `\b`+name+`\b`
		if strings.HasPrefix(name, "Test") {
			in, what = s.tests[pkg], `(?m)^func `+name+`\(`
		}
		if !regexp.MustCompile(what).MatchString(in) {
			t.Errorf("design.md names %s.%s, which is not there", pkg, name)
		}
	}
	if least := 50; named < least {
		t.Errorf("only %d names found in design.md", named)
	}
}

// The table of packages says what each imports.
func TestDesignListsImports(t *testing.T) {
	rows := 0
	for _, m := range regexp.MustCompile(
		"(?m)^\\| `((?:switch/|issuer-sim|spec)[a-z/]*)`.*\\| ([^|]*) \\|$",
	).FindAllStringSubmatch(read(t, "design.md"), -1) {
		dir, text := m[1], m[2]
		if text == "…" {
			continue
		}
		rows++
		var want []string
		for _, name := range strings.Split(regexp.MustCompile(` \([^)]*\)`).ReplaceAllString(text, ""), ", ") {
			if name != "nothing" {
				want = append(want, name)
			}
		}
		slices.Sort(want)
		if got := imports(t, filepath.Join(root, dir)); !slices.Equal(got, want) {
			t.Errorf("%s imports %v; design.md says %v", dir, got, want)
		}
	}
	if least := 20; rows < least {
		t.Errorf("only %d packages found in design.md", rows)
	}
}

// imports lists the last elements of a package's imports of this module, mutant aside.
func imports(t *testing.T, dir string) (names []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%s: no Go files, %v", dir, err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range f.Imports {
			path, ours := strings.CutPrefix(strings.Trim(i.Path.Value, `"`), "switchyard/")
			if name := path[strings.LastIndexByte(path, '/')+1:]; ours && name != "mutant" && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return names
}

// Every metric of the switch stands in operations.md with its labels, and no other; issuer-sim's in issuer-sim.md.
func TestMetricsAreListed(t *testing.T) {
	s := switchtest.Start(t, switchtest.Options{})
	for page, of := range map[string]struct {
		registry *prometheus.Registry
		prefix   string
	}{"operations.md": {s.Registry, "switchyard_"}, "issuer-sim.md": {s.IssuerRegistry, "issuersim_"}} {
		descs := make(chan *prometheus.Desc)
		go func() {
			of.registry.Describe(descs)
			close(descs)
		}()
		there := map[string]string{}
		for d := range descs {
			if name, labels := described(t, d); strings.HasPrefix(name, of.prefix) {
				there[name] = labels
			}
		}
		if len(there) == 0 {
			t.Fatalf("there are no metrics %s…", of.prefix)
		}
		text := read(t, page)
		listed := map[string]string{}
		row := regexp.MustCompile("(?m)^\\| (`" + of.prefix + "[^|]*) \\| ([a-z, _]*)\\|")
		for _, m := range row.FindAllStringSubmatch(text, -1) {
			for _, name := range regexp.MustCompile("[a-z_]+").FindAllString(m[1], -1) {
				listed[name] = strings.TrimSpace(m[2])
			}
		}
		for name, labels := range there {
			if got, ok := listed[name]; !ok || got != labels {
				t.Errorf("%s: %s is listed: %t, with the labels %q; it has %q", page, name, ok, got, labels)
			}
		}
		for _, name := range regexp.MustCompile(of.prefix+"[a-z_]+").FindAllString(text, -1) {
			if _, ok := there[name]; !ok {
				t.Errorf("%s names %s, which there is not", page, name)
			}
		}
	}
}

// described are a metric's name and its labels, those that do not vary first.
func described(t *testing.T, d *prometheus.Desc) (name, labels string) {
	t.Helper()
	m := regexp.MustCompile(
		`^Desc\{fqName: "(\w+)", .*constLabels: \{(.*)\}, variableLabels: \{(.*)\}.*\}$`,
	).FindStringSubmatch(d.String())
	if m == nil {
		t.Fatalf("%s: expected name, constLabels and variableLabels", d)
	}
	constant := regexp.MustCompile(`="[^"]*"`).ReplaceAllString(m[2], "")
	return m[1], strings.Join(regexp.MustCompile(`\w+`).FindAllString(constant+","+m[3], -1), ", ")
}

// Every path of the operator API is in operations.md, and no other; what changes something stands beside its role.
func TestOperationsListsTheOperatorAPI(t *testing.T) {
	var there []string
	byRole := map[operator.Role][]string{}
	for _, r := range operator.Routes() {
		method, path, _ := strings.Cut(r.Pattern, " ")
		if strings.HasPrefix(path, "/v1/") {
			there = append(there, path)
		}
		if method != "GET" {
			byRole[r.Role] = append(byRole[r.Role], path)
		}
	}
	for role, paths := range byRole {
		row := regexp.MustCompile("(?m)^\\| `" + string(role) + "` \\|.*").FindString(read(t, "operations.md"))
		same(t, "paths of "+string(role), paths, regexp.MustCompile(`/v1/[a-z/]+`).FindAllString(row, -1))
	}
	api := read(t, "operations.md")
	_, api, _ = strings.Cut(api, "## The operator API")
	api, _, _ = strings.Cut(api, "\n## ")
	same(t, "paths", there, regexp.MustCompile(`/v1/[a-z/]+`).FindAllString(api, -1))
}

func same(t *testing.T, what string, there, listed []string) {
	t.Helper()
	if len(there) == 0 {
		t.Fatalf("the code has no %s", what)
	}
	for _, name := range there {
		if !slices.Contains(listed, name) {
			t.Errorf("operations.md does not list %s", name)
		}
	}
	for _, name := range listed {
		if !slices.Contains(there, name) {
			t.Errorf("operations.md lists %s, which there is not", name)
		}
	}
}

// Links lead somewhere: to a file that is there and, in a Markdown file, to a heading.
func TestLinks(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)]+)\)`)
	heading := regexp.MustCompile(`(?m)^#+ (.+)$`)
	pages := []string{"design.md", "operations.md", "connect.md", "watching.md", filepath.Join(root, "README.md")}
	for _, from := range pages {
		for _, m := range link.FindAllStringSubmatch(read(t, from), -1) {
			file, anchor, _ := strings.Cut(m[1], "#")
			if strings.Contains(file, "://") {
				continue
			}
			target := from
			if file != "" {
				target = filepath.Join(filepath.Dir(from), file)
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s: link to %s: %v", from, m[1], err)
				continue
			}
			if anchor == "" {
				continue
			}
			found := false
			for _, h := range heading.FindAllStringSubmatch(read(t, target), -1) {
				found = found || slug(h[1]) == anchor
			}
			if !found {
				t.Errorf("%s: link to %s: no such heading", from, m[1])
			}
		}
	}
}

// slug is the anchor of a heading, as forges make it.
func slug(heading string) string {
	return strings.ReplaceAll(regexp.MustCompile(`[^a-z0-9 -]`).ReplaceAllString(strings.ToLower(heading), ""), " ", "-")
}
