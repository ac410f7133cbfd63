package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
)

const (
	root  = "../.."
	rules = root + "/configs/prometheus/alerts.yml"
)

func read(t *testing.T, path ...string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// asked is a query, of a dashboard or a rule.
type asked struct{ where, text string }

// chosen puts something in the place of Grafana's variables.
var chosen = strings.NewReplacer("$instance", ".*", "$host", ".*", "$__rate_interval", "1m")

// onDashboards are the queries of all dashboards, as their files have them; of what one may choose from, one that
// counts it.
func onDashboards(t *testing.T) (all []asked) {
	t.Helper()
	for i := range boards {
		file := boards[i].file
		var d struct {
			Panels []struct {
				Title   string
				Targets []struct{ Expr string }
			}
			Templating struct {
				List []struct{ Type, Query string }
			}
		}
		if err := json.Unmarshal(read(t, folder, file), &d); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for _, p := range d.Panels {
			for _, target := range p.Targets {
				all = append(all, asked{file + ", " + p.Title, chosen.Replace(target.Expr)})
			}
		}
		for _, v := range d.Templating.List {
			if v.Type != "query" {
				continue
			}
			m := regexp.MustCompile(`^label_values\((.+), (\w+)\)$`).FindStringSubmatch(v.Query)
			if m == nil {
				t.Fatalf("%s: %s: expected label_values(metric, label)", file, v.Query)
			}
			all = append(all, asked{file + ", choice", "count by (" + m[2] + ") (" + chosen.Replace(m[1]) + ")"})
		}
	}
	if len(all) < 50 {
		t.Fatalf("only %d queries found on the dashboards", len(all))
	}
	return all
}

// inRules are the alerts, and their queries.
func inRules(t *testing.T) (alerts []rulefmt.Rule, all []asked) {
	t.Helper()
	groups, errs := rulefmt.ParseFile(rules, false, model.LegacyValidation, parser.NewParser(parser.Options{}), nil)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	for _, g := range groups.Groups {
		for _, r := range g.Rules {
			alerts = append(alerts, r)
			all = append(all, asked{"alert " + r.Alert, r.Expr})
		}
	}
	return alerts, all
}

// listed are the metrics of the pages of docs, which their own tests hold against the code, with their labels.
func listed(t *testing.T) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	for _, page := range []string{"operations.md", "issuer-sim.md"} {
		row := regexp.MustCompile("(?m)^\\| (`(?:switchyard|issuersim)_[^|]*) \\| ([a-z, _]*)\\| (.*)")
		for _, m := range row.FindAllStringSubmatch(string(read(t, root, "docs", page)), -1) {
			of := regexp.MustCompile(`\w+`).FindAllString(m[2], -1)
			for _, name := range regexp.MustCompile(`\w+`).FindAllString(m[1], -1) {
				if strings.HasPrefix(m[3], "histogram") {
					all[name+"_count"], all[name+"_sum"] = of, of
					all[name+"_bucket"] = append([]string{"le"}, of...)
					continue
				}
				all[name] = of
			}
		}
	}
	if len(all) < 80 {
		t.Fatalf("only %d metrics found in the docs", len(all))
	}
	return all
}

// byPrometheus are the labels that it gives each target's series.
var byPrometheus = []string{"job", "instance"}

func parse(t *testing.T, q asked) parser.Expr {
	t.Helper()
	e, err := parser.NewParser(parser.Options{}).ParseExpr(q.text)
	if err != nil {
		t.Fatalf("%s: %s: %v", q.where, q.text, err)
	}
	return e
}

// selectors are those of an expression.
func selectors(e parser.Node) (all []*parser.VectorSelector) {
	parser.Inspect(e, func(n parser.Node, _ []parser.Node) error {
		if s, ok := n.(*parser.VectorSelector); ok {
			all = append(all, s)
		}
		return nil
	})
	return all
}

// wrong says what an expression names that there is not: a metric, or a label that none of the metrics below has.
func wrong(e parser.Expr, metrics map[string][]string) (all []string) {
	has := func(within parser.Node, label string) bool {
		return slices.Contains(byPrometheus, label) ||
			slices.ContainsFunc(selectors(within), func(s *parser.VectorSelector) bool {
				return slices.Contains(metrics[s.Name], label)
			})
	}
	parser.Inspect(e, func(n parser.Node, _ []parser.Node) error {
		var names []string
		switch n := n.(type) {
		case *parser.VectorSelector:
			if _, ok := metrics[n.Name]; !ok {
				all = append(all, "no metric "+n.Name)
			}
			for _, m := range n.LabelMatchers {
				if m.Name != labels.MetricName {
					names = append(names, m.Name)
				}
			}
		case *parser.AggregateExpr:
			names = n.Grouping
		case *parser.BinaryExpr:
			if n.VectorMatching != nil {
				names = append(slices.Clone(n.VectorMatching.MatchingLabels), n.VectorMatching.Include...)
			}
		}
		for _, name := range names {
			if !has(n, name) {
				all = append(all, "no label "+name+" in "+n.String())
			}
		}
		return nil
	})
	return all
}

// The dashboards' files are what the code makes.
func TestDashboardsAreMade(t *testing.T) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != len(boards) {
		t.Errorf("%d files in %s, want %d", len(entries), folder, len(boards))
	}
	for i := range boards {
		text, err := boards[i].text()
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(text, read(t, folder, boards[i].file)) {
			t.Errorf("%s is not what the code makes: make dashboards", boards[i].file)
		}
	}
}

// Each query parses, and names metrics and labels that there are.
func TestQueriesNameWhatThereIs(t *testing.T) {
	metrics := listed(t)
	for _, name := range []string{ // of Prometheus, of its Go client and of Go
		"up", "process_start_time_seconds", "process_open_fds", "process_max_fds", "process_cpu_seconds_total",
		"process_resident_memory_bytes", "go_goroutines", "go_memstats_heap_inuse_bytes",
	} {
		metrics[name] = nil
	}
	_, inRules := inRules(t)
	for _, q := range append(onDashboards(t), inRules...) {
		for _, what := range wrong(parse(t, q), metrics) {
			t.Errorf("%s: %s", q.where, what)
		}
	}
}

// The test of queries finds what is wrong with one.
func TestWrong(t *testing.T) {
	metrics := map[string][]string{"a": {"host"}, "b": nil}
	for text, want := range map[string]string{
		`sum by (host, instance) (a{host="x"})`:    "",
		`a / ignoring (host) b`:                    "",
		`rate(c[5m])`:                              "no metric c",
		`sum by (link) (a)`:                        "no label link in sum by (link) (a)",
		`b{host="x"}`:                              `no label host in b{host="x"}`,
		`b * on (host) b`:                          "no label host in b * on (host) b",
		`b * on (instance) group_left (link) a`:    "no label link in b * on (instance) group_left (link) a",
		`histogram_quantile(0.9, sum by (le) (b))`: "no label le in sum by (le) (b)",
	} {
		if got := strings.Join(wrong(parse(t, asked{"test", text}), metrics), "; "); got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}

// Each metric that the docs list is on a dashboard; of a histogram one of its series suffices.
func TestEveryMetricIsShown(t *testing.T) {
	shown := map[string]bool{}
	base := func(name string) string { return regexp.MustCompile(`_(bucket|sum|count)$`).ReplaceAllString(name, "") }
	for _, q := range onDashboards(t) {
		for _, s := range selectors(parse(t, q)) {
			shown[base(s.Name)] = true
		}
	}
	for name := range listed(t) {
		if !shown[base(name)] {
			t.Errorf("no dashboard shows %s", name)
		}
	}
}

// Each alert says how bad it is, what is the matter, what to do and where that is told; alerts_test.yml tries it, and
// watching.md lists it.
func TestAlerts(t *testing.T) {
	alerts, _ := inRules(t)
	tried, page := string(read(t, filepath.Dir(rules), "alerts_test.yml")), string(read(t, root, "docs", "watching.md"))
	heading := regexp.MustCompile(`(?m)^#+ (.+)$`)
	for _, a := range alerts {
		severity := a.Labels["severity"]
		if severity != "critical" && severity != "warning" {
			t.Errorf("%s: severity %q, want critical or warning", a.Alert, severity)
		}
		for _, name := range []string{"summary", "description"} {
			if a.Annotations[name] == "" {
				t.Errorf("%s has no %s", a.Alert, name)
			}
		}
		if !strings.Contains(tried, `ALERTS{alertname="`+a.Alert+`"`) {
			t.Errorf("alerts_test.yml does not try %s", a.Alert)
		}
		if !strings.Contains(page, "| "+a.Alert+" | "+severity+" |") {
			t.Errorf("watching.md does not list %s as %s", a.Alert, severity)
		}
		file, anchor, _ := strings.Cut(a.Annotations["runbook_url"], "#")
		found := anchor == ""
		for _, m := range heading.FindAllStringSubmatch(string(read(t, root, file)), -1) {
			slug := regexp.MustCompile(`[^a-z0-9 -]`).ReplaceAllString(strings.ToLower(m[1]), "")
			found = found || strings.ReplaceAll(slug, " ", "-") == anchor
		}
		if !found {
			t.Errorf("%s: runbook_url %s leads to no heading", a.Alert, a.Annotations["runbook_url"])
		}
	}
	rows := regexp.MustCompile(`(?m)^\| (\w+) \| (?:critical|warning) \|`).FindAllStringSubmatch(page, -1)
	for _, m := range rows {
		if !slices.ContainsFunc(alerts, func(a rulefmt.Rule) bool { return a.Alert == m[1] }) {
			t.Errorf("watching.md lists %s, which there is not", m[1])
		}
	}
}
