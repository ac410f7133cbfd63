package issuersim_test

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	issuersim "switchyard/issuer-sim"
)

// Every config and rules file of the project is read as it would be by the daemon.
func TestConfigFiles(t *testing.T) {
	open := func(name string) *os.File {
		t.Helper()
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		return f
	}
	files := func(pattern string) []string {
		t.Helper()
		names, err := filepath.Glob(filepath.Join("..", "configs", pattern))
		if err != nil || len(names) == 0 {
			t.Fatalf("%s: %v, %v", pattern, names, err)
		}
		return names
	}
	for _, name := range files("issuer-sim*.yaml") {
		if _, err := issuersim.ParseConfig(name, open(name)); err != nil {
			t.Error(err)
		}
	}
	for _, name := range files("*rules*.yaml") {
		if _, err := issuersim.ParseRules(name, open(name)); err != nil {
			t.Error(err)
		}
	}

	// The one that says of itself that it holds the defaults does.
	name := filepath.Join("..", "configs", "issuer-sim.yaml")
	c, err := issuersim.ParseConfig(name, open(name))
	if err != nil {
		t.Fatal(err)
	}
	want := issuersim.DefaultConfig()
	want.Limits = c.Limits
	if !reflect.DeepEqual(c, want) {
		t.Errorf("%+v, want %+v", c, want)
	}
	if got, want := c.Limits.Limits(), issuersim.DefaultLimits(); got != want && got != (issuersim.Limits{}) {
		t.Errorf("limits %+v, want %+v", got, want)
	}
}

func TestConfigErrors(t *testing.T) {
	for text, want := range map[string]string{
		"lissten: x": `line 1: unknown key "lissten": expected listen, connect, connections, control, ` +
			`control_hosts, data, sync, rules, seed, dialect, framing, require, repeats, codes, clearing, log_level, ` +
			`core_dumps, limits`,
		"repeats: 11":                          "line 1: found a whole number, expected a list",
		"repeats: [stan]":                      "line 1: found text, expected a whole number",
		"codes: ['00']":                        "line 1: found a list, expected a mapping",
		"limits: {card: 5}":                    `line 1: unknown key "card": expected connections, frame_bytes, cards, `,
		"limits: {cards: many}":                "line 1: found text, expected a whole number",
		"limits: 5":                            "line 1: found a whole number, expected a mapping",
		"require: {allso: [60]}":               `unknown key "allso": expected sign_on, mac, elements, also, without`,
		"core_dumps: none":                     `core_dumps: "none": expected allow or refuse`,
		"sync: 5":                              "line 1: found a whole number, expected true or false",
		"listen: [a]":                          "line 1: found a list, expected text",
		"limits: {write_timeout: 10}":          "want a duration such as 150ms",
		"seed: -1":                             "expected a whole number that is not negative",
		"seed: 1\n---\nseed: 2":                "one YAML document expected",
		strings.Repeat("# comment\n", 200_000): "longer than",
	} {
		if _, err := issuersim.ParseConfig("f.yaml", strings.NewReader(text)); err == nil ||
			!strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "f.yaml: ") {
			t.Errorf("%.40s: %v, want %q", text, err, want)
		} else if strings.Contains(err.Error(), "issuersim") {
			t.Errorf("%.40s: %v speaks of Go", text, err)
		}
	}
}

func TestRulesErrors(t *testing.T) {
	for text, want := range map[string]string{
		"pace: -1":      "answers a second",
		"pace: 2000000": "answers a second",
		"rule: []":      `f.yaml: line 1: unknown key "rule": expected pace, rules`,
		"rules:\n- {response_code: \"05\",\n   latencey: 5}": `f.yaml: line 3: unknown key ` +
			`"latencey": expected name, when, probability, response_code, latency, fault`,
		"rules: [{when: {mtu: [\"0100\"]}}]": `unknown key "mtu": expected mti, bin, ` +
			`pan, merchant, currency, amount, after, until, every, for`,
		"rules: [{when: {amount: {form: 5}}}]": `unknown key "form": expected from, to, ` +
			`ends_with`,
		"rules: [{latency: {avg: 5ms}}]": `unknown key "avg": expected ` +
			`distribution, value, min, max, mean, stddev, median, sigma`,
		"rules: [{fault: {type: late}}]": `unknown key "type": expected kind, delay`,
		"rules: [{when: {pan: 4000000000000002}}]": "f.yaml: line 1: found a whole number, " +
			"expected a list",
		"rules: [{probability: often}]": "line 1: found text, expected a number",
		"rules: [{response_code: \"05\", when: {amount: {from: 10.5}}}]": "line 1: found a number with a fraction " +
			"or an exponent, expected a whole number",
		"rules: [{name: n}]": "want a response_code, a latency or a " +
			"fault",
		"rules: [{response_code: \"05\", probability: 1.5}]":                     "want 0 to 1",
		"rules: [{response_code: \"05\", when: {mti: [\"0110\"]}}]":              "want that of a request or advice",
		"rules: [{response_code: \"05\", when: {bin: [\"4x\"]}}]":                "want 1 to 19 digits",
		"rules: [{response_code: \"05\", when: {pan: [\"4\"]}}]":                 "want 12 to 19 digits",
		"rules: [{response_code: \"05\", when: {merchant: [1234567890123456]}}]": "want 1 to 15 characters",
		"rules: [{response_code: \"05\", when: {currency: [EURO]}}]":             "such as EUR",
		"rules: [{response_code: \"05\", when: {amount: {from: 5, to: 4}}}]":     "ascending",
		"rules: [{response_code: \"05\", when: {amount: {ends_with: \"x\"}}}]":   "want 1 to 12 digits",
		"rules: [{response_code: \"05\", when: {after: 5s, until: 5s}}]":         "later than after",
		"rules: [{response_code: \"05\", when: {every: 5s}}]":                    "want both",
		"rules: [{latency: {distribution: uniform, min: 2ms, max: 1ms}}]":        "want min below max",
		"rules: [{latency: {distribution: constant}}]":                           "want a value",
		"rules: [{latency: {distribution: normal, mean: 1ms}}]":                  "want mean and stddev",
		"rules: [{latency: {distribution: exponential}}]":                        "want a mean",
		"rules: [{latency: {distribution: lognormal, median: 1ms}}]":             "want median and sigma",
		"rules: [{latency: {distribution: constant, value: 1ms, max: 1h}}]":      "at most 10m",
		"rules: [{fault: {kind: late}}]":                                         "want a delay",
		"rules: [{fault: {kind: late, delay: 1h}}]":                              "at most 10m",
		"rules: [{fault: {kind: late, delay: soon}}]":                            "want a duration",
		"rules:\n" + strings.Repeat("  - {response_code: \"05\"}\n", 257):        "want at most 256",
	} {
		if _, err := issuersim.ParseRules("f.yaml", strings.NewReader(text)); err == nil ||
			!strings.Contains(err.Error(), want) {
			t.Errorf("%.80s: %v, want %q", text, err, want)
		} else if strings.Contains(err.Error(), "issuersim") || strings.Contains(err.Error(), "400000000000") {
			t.Errorf("%.80s: %v speaks of Go, or quotes a card number", text, err)
		}
	}
}

// The document lists the test cards as they are.
func TestCardsInDocument(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("..", "docs", "issuer-sim.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range issuersim.TestCards() {
		row := "| " + c.Number + " | " + c.Code + " | " + c.Purpose + " |"
		if c.Code == "" {
			row = "| " + c.Number + " | | " + c.Purpose + " |"
		}
		if !strings.Contains(string(b), row) {
			t.Errorf("docs/issuer-sim.md has no row %q", row)
		}
		if c.Code != "" && issuersim.TestCardFor(c.Code) != c.Number {
			t.Errorf("TestCardFor(%q) is not %s", c.Code, c.Number)
		}
	}
}
