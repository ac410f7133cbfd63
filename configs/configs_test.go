// Package configs_test reads every file of this folder with the code that reads it in the daemons.
package configs_test

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"switchyard/internal/config"
	"switchyard/internal/config/configtest"
	"switchyard/internal/loadgen/scenario"
	issuersim "switchyard/issuer-sim"
	"switchyard/spec"
	txswitch "switchyard/switch"
	"switchyard/switch/flow"
	"switchyard/switch/issuer/route"
	"switchyard/switch/merchant"
	"switchyard/switch/settlement"
	"switchyard/switch/switchtest"
)

// files is every file of the folder with its reader.
var files = map[string]func(t *testing.T, name string, text []byte){
	"switchd.yaml":            func(t *testing.T, name string, text []byte) { parseSwitchd(t, name, text) },
	"switchd-production.yaml": func(t *testing.T, name string, text []byte) { parseSwitchd(t, name, text) },
	"issuer-sim.yaml":         func(t *testing.T, name string, text []byte) { parseIssuer(t, name, text) },
	"merchants.yaml": func(t *testing.T, name string, text []byte) {
		profiles, err := merchant.Parse(name, text)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := merchant.NewDirectory(profiles, true, merchant.DefaultProfile()); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	},
	"bins.csv": func(t *testing.T, name string, text []byte) {
		if _, err := route.Parse(strings.NewReader(string(text))); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	},
	"settlement.yaml":   parseSettlement,
	"rules.yaml":        parseRules,
	"rules-faults.yaml": parseRules,
}

func TestEveryFileIsRead(t *testing.T) {
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".go") || e.IsDir() { // TestScenarios and TestDialects read those of the folders
			continue
		}
		read := files[e.Name()]
		if read == nil {
			t.Errorf("%s: no test reads it; add it to files", e.Name())
			continue
		}
		seen++
		t.Run(e.Name(), func(t *testing.T) { read(t, e.Name(), load(t, e.Name())) })
	}
	if seen != len(files) {
		t.Errorf("%d files read, %d listed here", seen, len(files))
	}
}

// The example of every key says what holds without it, so that it cannot drift from the code.
func TestSwitchdYAMLIsTheDefault(t *testing.T) {
	got := parseSwitchd(t, "switchd.yaml", load(t, "switchd.yaml"))
	want := txswitch.DefaultConfig()
	// Where the default is left to the package that uses it, the file spells it out.
	x := &want.Issuers[0]
	x.Dialect, x.Deadline, x.Links, x.Window = spec.DefaultDialect, config.Duration(flow.DefaultDeadline), 2, 2048
	x.Echo = config.Duration(30 * time.Second)
	if !reflect.DeepEqual(got, want) {
		t.Errorf("switchd.yaml says\n%+v\nthe default is\n%+v", *got, *want)
	}
	// Links and window are package link's own: a system with the defaults shows them.
	s := switchtest.Start(t, switchtest.Options{})
	links := s.Switch.Stats().Links["issuer"]
	s.Await("a link is up", func() bool {
		links = s.Switch.Stats().Links["issuer"]
		return links[0].Window > 0
	})
	if len(links) != x.Links || links[0].Window != x.Window {
		t.Errorf(
			"switchd.yaml says %d links with a window of %d; by default there are %d of %d", x.Links, x.Window, len(links),
			links[0].Window,
		)
	}
}

func TestIssuerSimYAMLIsTheDefault(t *testing.T) {
	got := parseIssuer(t, "issuer-sim.yaml", load(t, "issuer-sim.yaml"))
	got.Limits = issuersim.ConfigLimits{} // spelled out in the file, 0 in the code
	if want := issuersim.DefaultConfig(); !reflect.DeepEqual(got, want) {
		t.Errorf("issuer-sim.yaml says\n%+v\nthe default is\n%+v", got, want)
	}
}

// Each key that the code knows is mentioned, set or in a comment. A merchant's id is not a key of the default profile.
func TestEveryKeyIsThere(t *testing.T) {
	for name, of := range map[string]any{"switchd.yaml": txswitch.Config{}, "issuer-sim.yaml": issuersim.Config{}} {
		text := string(load(t, name))
		for _, key := range configtest.Keys(of) {
			if key.Path != "merchants.default.id" && !regexp.MustCompile(`(^|[^a-z_])`+key.Name+`:`).MatchString(text) {
				t.Errorf("%s does not mention the key %s", name, key.Path)
			}
		}
	}
}

// A setting that is commented out (a # without a blank behind it) is right when it is commented in, each block by
// itself.
func TestCommentedSettings(t *testing.T) {
	lines := strings.SplitAfter(string(load(t, "switchd.yaml")), "\n")
	off := regexp.MustCompile(`^(\s*)#(\S.*\n|  +\S.*\n)$`)
	blocks := 0
	for i := 0; i < len(lines); i++ {
		m := off.FindStringSubmatch(lines[i])
		if m == nil || strings.HasPrefix(m[2], " ") || m[1] == "" {
			continue
		}
		text := append([]string(nil), lines...)
		first := i
		for ; i < len(lines); i++ {
			m := off.FindStringSubmatch(lines[i])
			if m == nil || i > first && !strings.HasPrefix(m[2], " ") {
				i--
				break
			}
			text[i] = m[1] + m[2]
		}
		blocks++
		key, _, _ := strings.Cut(strings.TrimSpace(text[first]), ":")
		t.Run(key, func(t *testing.T) {
			parseSwitchd(t, "switchd.yaml", []byte(strings.Join(text, "")))
		})
	}
	// gateway.tls, gateways, operator.tls, identities, issuers.framing, mapping, match, sign_on, no_echo, reconcile and
	// tls, rules, currencies, capture_windows, capture_window_days, limits, forms, no_settlement, windows,
	// reasons, max_amount_minor, mccs
	const want = 22
	if blocks != want {
		t.Errorf("%d blocks found, want %d", blocks, want)
	}
}

func parseSwitchd(t *testing.T, name string, text []byte) *txswitch.Config {
	t.Helper()
	c, err := txswitch.ParseConfig(
		name, text, func(file string) ([]byte, error) { return os.ReadFile(filepath.FromSlash(file)) },
	)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func parseIssuer(t *testing.T, name string, text []byte) issuersim.Config {
	t.Helper()
	c, err := issuersim.ParseConfig(name, strings.NewReader(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func parseRules(t *testing.T, name string, text []byte) {
	t.Helper()
	if _, err := issuersim.ParseRules(name, strings.NewReader(string(text))); err != nil {
		t.Fatal(err)
	}
}

// Each merchant of merchants.yaml has a fee plan there, and a fee in each currency that it takes.
func parseSettlement(t *testing.T, name string, text []byte) {
	t.Helper()
	plan, err := settlement.ParsePlan(name, text)
	if err != nil {
		t.Fatal(err)
	}
	profiles, err := merchant.Parse("merchants.yaml", load(t, "merchants.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range profiles {
		p := &profiles[i]
		for _, currency := range p.Currencies {
			for _, scheme := range []string{"visa", "mastercard", "amex", "jcb", "other"} {
				err := settlement.NewLedger(plan).Present(&settlement.Presented{
					Merchant: p.ID, FeePlan: p.FeePlan, Scheme: scheme, Currency: currency, AmountMinor: 1000,
				})
				if err != nil {
					t.Errorf("merchant %s, %s: %v", p.ID, scheme, err)
				}
			}
		}
	}
}

func load(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// The scenarios for switchctl load can be driven; their own package's tests and those of steady play them.
func TestScenarios(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("scenarios", "*"))
	if err != nil || len(files) < 5 {
		t.Fatalf("%d scenarios, %v", len(files), err)
	}
	for _, file := range files {
		p, err := scenario.Load(file)
		if err != nil {
			t.Error(err)
			continue
		}
		if _, err := p.Schedule(); err != nil || len(p.Thresholds) == 0 {
			t.Errorf("%s: %v, %d thresholds", file, err, len(p.Thresholds))
		}
		for _, f := range p.Faults {
			if f.Rules != nil {
				parseRules(t, f.Name, f.Rules)
			}
		}
	}
}

// The dialects can be configured, and all of a third bitmap's elements be sent as constants.
func TestDialects(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("dialects", "*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%d dialects, %v", len(files), err)
	}
	for _, file := range files {
		parseSwitchd(t, "dialect.yaml", []byte("issuers: [{name: acme, address: '127.0.0.1:8583', spec_file: "+
			filepath.ToSlash(file)+", mapping: {constants: [{de: 129, value: NORTH 7}, {de: 130, value: '000042'}]}}]"))
	}
}
