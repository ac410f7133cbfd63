package config_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"switchyard/internal/config"
)

type sample struct {
	Name  string           `yaml:"name"`
	Wait  config.Duration  `yaml:"wait"`
	Close config.TimeOfDay `yaml:"close"`
	Few   uint8            `yaml:"few"`
	List  []struct {
		N int `yaml:"n"`
	} `yaml:"list"`
}

func TestDecode(t *testing.T) {
	var s sample
	if err := config.Decode(
		"f.yaml", []byte("name: 1.5\nwait: 250ms\nclose: \"23:30\"\nlist: [{n: 1}]\n"), &s,
	); err != nil {
		t.Fatal(err)
	}
	if time.Duration(s.Wait) != 250*time.Millisecond || time.Duration(s.Close) != 23*time.Hour+30*time.Minute ||
		s.List[0].N != 1 {
		t.Fatalf("decoded %+v", s)
	}
	if err := config.Decode("empty.yaml", nil, &s); err != nil || s.Name != "1.5" {
		t.Fatalf("an empty file: %v, %+v", err, s)
	}
}

// Each fault is named with the file and the line.
func TestDecodeRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"name: a\nnaem: b\n":      `f.yaml: line 2: unknown key "naem": expected name, wait, close, few, list`,
		"list:\n- {n: 1, m: 2}\n": `f.yaml: line 2: unknown key "m": expected n`,
		"list:\n- {n: x}\n":       "f.yaml: line 2: found text, expected a whole number",
		"list:\n- 5\n":            "f.yaml: line 2: found a whole number, expected a mapping",
		"list: {n: 1}\n":          "f.yaml: line 1: found a mapping, expected a list",
		"name: [a]\n":             "f.yaml: line 1: found a list, expected text",
		"few: -1\n":               "f.yaml: line 1: found a whole number, expected a whole number from 0 to 255",
		"few: 1.5\n": "f.yaml: line 1: found a number with a fraction or an exponent, expected a whole " +
			"number from 0 to 255",
		"list:\n- {n: 1}\n- n: 1e3": "f.yaml: line 3: found a number with a fraction or an exponent, expected a whole " +
			"number",
		"few: 300\n":                 "f.yaml: line 1: found a whole number, expected a whole number from 0 to 255",
		"name: a\nname: b\n":         `f.yaml: line 2: key "name" stands twice, first in line 1`,
		"list:\n- n: 1\n  n: 2\n":    `f.yaml: line 3: key "n" stands twice, first in line 2`,
		"wait: soon\n":               `line 1: "soon" is no duration`,
		"wait: -1s\n":                `line 1: "-1s" is no duration`,
		"close: \"25:00\"\n":         `line 1: "25:00" is no time of day`,
		"name: a\n---\nname: b\n":    "one YAML document expected",
		"name: [\n":                  "f.yaml: yaml: line",
		"just text that is no map\n": "f.yaml: line 1: found text, expected a mapping",
	} {
		err := config.Decode("f.yaml", []byte(text), new(sample))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q in it", text, err, want)
		}
	}
}

// What a file with many keys costs does not grow with their square: too many of them in one mapping are refused, and so
// is one that stands there twice, before each is held against each other one. Each text would take minutes otherwise.
func TestDecodeBounds(t *testing.T) {
	var distinct, below, second strings.Builder
	below.WriteString("list:\n- ")
	second.WriteString("name: a\n---\n")
	for i := range 100_000 {
		fmt.Fprintf(&distinct, "k%d: 1\n", i)
		fmt.Fprintf(&below, "k%d: 1\n  ", i)
		fmt.Fprintf(&second, "k%d: 1\n", i)
	}
	for _, c := range []struct{ name, text, want string }{
		{"distinct keys", distinct.String(), "f.yaml: line 1: a mapping of 100000 keys: expected at most 256"},
		{"equal keys", strings.Repeat("a: 1\n", 100_000), "f.yaml: line 1: a mapping of 100000 keys: expected at most 256"},
		{"keys further down", below.String(), "f.yaml: line 2: a mapping of 100000 keys: expected at most 256"},
		{"a second document", second.String(), "f.yaml: one YAML document expected, another follows it"},
	} {
		if err := config.Decode("f.yaml", []byte(c.text), new(sample)); err == nil || err.Error() != c.want {
			t.Errorf("%s: got %v, want %s", c.name, err, c.want)
		}
	}
}

// Of many faults the first ones are told.
func TestDecodeTellsTheFirstFaults(t *testing.T) {
	err := config.Decode("f.yaml", []byte("list:\n"+strings.Repeat("- {m: 1}\n", 1_000)), new(sample))
	if err == nil {
		t.Fatal("1,000 unknown keys are taken")
	}
	lines := strings.Split(err.Error(), "\n")
	if want := `f.yaml: line 2: unknown key "m": expected n`; lines[0] != want {
		t.Errorf("the first line is %q, want %q", lines[0], want)
	}
	if last := lines[len(lines)-1]; len(lines) != 21 || last != "f.yaml: and 980 more" {
		t.Errorf("%d lines, the last one %q", len(lines), last)
	}
}
