package scenario_test

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"switchyard/internal/loadgen/scenario"
)

// base is a scenario that can be driven; what a test adds stands behind it.
const base = `name: base
stages:
  - {for: 10s, rate: 100}
flows:
  - {flow: authorize, weight: 3}
  - {flow: capture}
`

func read(text string) (*scenario.Plan, error) {
	return scenario.Read("s.yaml", []byte(text), func(file string) ([]byte, error) {
		if file != "there.txt" {
			return nil, errors.New("no such file")
		}
		return []byte("10\n10.5\n12\n"), nil
	})
}

// with is base with one part in place of another.
func with(part, other string) string { return strings.Replace(base, part, other, 1) }

func TestRead(t *testing.T) {
	p, err := read(base + `
seed: 9
arrivals: even
rate_of: requests
warmup: 1s
timeout: 3s
connections: 2
cards: {count: 100000000, distribution: zipf, exponent: 1.2}
merchants: [{id: M1, currency: EUR}, {id: M2, currency: JPY, weight: 2}]
amounts: {min: 100, max: 200}
bad_requests: 0.1
retry: {times: 2, pause: 50ms}
faults:
  - {at: 5s, pause: 1s}
  - {at: 2s, name: slow, rules: "rules: []"}
thresholds: ["p99 < 20ms", "capture.errors < 1%", "bad.declined > 99%"]
`)
	if err != nil {
		t.Fatal(err)
	}
	if p.Name != "base" || p.Seed != 9 || p.Warmup != time.Second || p.Timeout != 3*time.Second || p.Connections != 2 ||
		p.Duration != 10*time.Second || len(p.Thresholds) != 3 || p.Traffic.Pool.Cards != 100_000_000 ||
		p.Traffic.Retry.Times != 2 {
		t.Errorf("%+v", p)
	}
	if got := fmt.Sprint(p.Operations); got != "[authorize bad capture]" {
		t.Errorf("operations %s", got)
	}
	// Three in four flows have one request and one has two; a tenth of all are one bad request.
	if want := 0.9*1.25 + 0.1; math.Abs(p.PerFlow-want) > 1e-9 {
		t.Errorf("%g requests a flow, want %g", p.PerFlow, want)
	}
	if p.Faults[0].Name != "slow" || p.Faults[1].Name != "pause of 1s" {
		t.Errorf("faults %+v", p.Faults)
	}
	s, err := p.Schedule()
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, ok := s.Next(); ok; _, ok = s.Next() {
		n++
	}
	if want := int(11 * 100 / p.PerFlow); n < want-1 || n > want+1 {
		t.Errorf("%d flows are due, want %d: the rate is of requests, warm-up and all", n, want)
	}
	if err := p.Scale(0.5, 0.1); err != nil || p.Duration != time.Second || p.Faults[1].At != 500*time.Millisecond ||
		p.Stages[0].From != 50 || p.Timeout != 3*time.Second {
		t.Errorf("scaled: %v, %+v", err, p)
	}
	for _, scale := range [][2]float64{{0, 1}, {1, 0}, {-1, 1}, {math.NaN(), 1}, {1, math.Inf(1)}} {
		if err := p.Scale(scale[0], scale[1]); err == nil {
			t.Errorf("a scale of %v is taken", scale)
		}
	}
}

// A replay that takes half as long has all of its flows still, the last one too, and no other number of them.
func TestScaledReplay(t *testing.T) {
	p, err := scenario.Read("s.yaml", []byte("replay: {file: f}\nflows: [{flow: sale}]\n"), func(string) ([]byte, error) {
		return []byte("0\n3\n7\n10\n"), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, span := range []float64{0.5, 0.1, 3, 1 / 3.0} {
		if err := p.Scale(1, span); err != nil {
			t.Fatal(err)
		}
		s, err := p.Schedule()
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for due, ok := s.Next(); ok && due < p.Duration; due, ok = s.Next() {
			n++
		}
		if n != 4 {
			t.Errorf("scaled by %g: %d of 4 flows are due within %s", span, n, p.Duration)
		}
	}
	if math.Abs(p.ScaledTime-0.05) > 1e-9 || p.ScaledRates != 1 {
		t.Errorf("scaled by %g and %g, want 1 and 0.05", p.ScaledRates, p.ScaledTime)
	}
	if err := p.Scale(2, 1); err == nil || !strings.Contains(err.Error(), "expected 1 with replay") {
		t.Errorf("the flows of a replay are doubled: %v", err)
	}
}

func TestStages(t *testing.T) {
	p, err := read(`
warmup: 0s
arrivals: even
stages:
  - {for: 1s, rate: 100}
  - {for: 1s, rate: 0, to: 200}
  - {for: 2s, rate: 100, sine: {amplitude: 100, period: 2s}}
  - {for: 1s, rate: 0, spike: {rate: 1000, at: 200ms, for: 100ms}}
flows: [{flow: sale}]
`)
	if err != nil {
		t.Fatal(err)
	}
	s, err := p.Schedule()
	if err != nil {
		t.Fatal(err)
	}
	var seconds [5]int
	for at, ok := s.Next(); ok; at, ok = s.Next() {
		seconds[at/time.Second]++
	}
	// The sine has its first half above the rate: 100 and 2·100/π.
	for i, want := range []int{100, 100, 164, 36, 100} {
		if n := seconds[i]; n < want-1 || n > want+1 {
			t.Errorf("%d are due in second %d, want %d", n, i+1, want)
		}
	}
	if len(p.Marks) != 4 || p.Marks[3].At != 4*time.Second {
		t.Errorf("marks %+v", p.Marks)
	}
}

func TestReplayAndClosed(t *testing.T) {
	p, err := read("replay: {file: there.txt, speed: 2}\nflows: [{flow: sale}]\n")
	if err != nil {
		t.Fatal(err)
	}
	s, err := p.Schedule()
	if err != nil {
		t.Fatal(err)
	}
	var due []time.Duration
	for at, ok := s.Next(); ok; at, ok = s.Next() {
		due = append(due, at)
	}
	if got := fmt.Sprint(due); got != "[0s 250ms 1s]" || p.Warmup != 0 {
		t.Errorf("due at %s, warm-up %s", got, p.Warmup)
	}
	p, err = read("closed: {in_flight: 50, think: 1s, for: 1m}\nflows: [{flow: day}]\n")
	if err != nil || p.Closed != 50 || p.Think != time.Second || p.Duration != time.Minute {
		t.Errorf("%v, %+v", err, p)
	}
	if s, err := p.Schedule(); s != nil || err != nil {
		t.Errorf("a closed loop has a schedule: %v, %v", s, err)
	}
}

// Each fault is named with the file, the line and what is expected.
func TestReadRefuses(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{
			base + "ratee: 1\n",
			`s.yaml: line 7: unknown key "ratee": expected name, about, seed, arrivals`,
		},
		{
			base + "stage: []\n",
			`line 7: unknown key "stage"`,
		},
		{
			"flows: [{flow: sale}]\n",
			"s.yaml: line 1: expected one of stages, replay and closed",
		},
		{
			base + "closed: {in_flight: 1}",
			"expected one of stages, replay and closed",
		},
		{
			"stages: [{for: 1s, rate: 1}]",
			"line 1: flows: expected one flow or more",
		},
		{
			with("rate: 100", "rate: 0"),
			"s.yaml: line 3: stages[0].rate: 0, expected more than 0 to 1000000 a second",
		},
		{
			with("rate: 100", "rate: 1e9"),
			"line 3: stages[0].rate: 1e+09, expected more than 0",
		},
		{
			with("rate: 100", "rate: .nan"),
			"line 3: stages[0].rate: NaN",
		},
		{
			with("rate: 100", "rate: 1, to: -1"),
			"line 3: stages[0].to: -1, expected 0 to",
		},
		{
			with("rate: 100", "rate: 0, to: 0"),
			"line 3: stages[0].to: 0, expected more than 0",
		},
		{
			with("for: 10s", "for: 0s"),
			"line 3: stages[0].for: expected more than 0",
		},
		{
			with("for: 10s", "for: 1000h"),
			"expected at most 168h0m0s",
		},
		{
			with("for: 10s", "for: soon"),
			`line 3: "soon" is no duration`,
		},
		{
			with("weight: 3", "weight: -1"),
			"line 5: flows[0].weight: -1, expected 0 to 1e9",
		},
		{
			with("flow: capture", "flow: kapture"),
			`line 6: flows[1].flow: "kapture", expected steps, or one ` + "of authorize, capture, captures, day, increment",
		},
		{
			"stages: [{for: 1s, rate: 1}]\nflows:\n  - {flow: sale, weight: 0}\n",
			"s.yaml: line 2: flows: no weight is more than 0",
		},
		{
			with("flow: capture", "flow: x, steps: [capture]"),
			"line 4: flows: flow x: expected that it begins with authorize, sale or verify",
		},
		{
			with("flow: capture", "flow: x, steps: [sale, pay]"),
			`line 6: flows[1].steps[1]: no step "pay": ` + "expected authorize, sale, verify, increment",
		},
		{
			with("flow: capture", "flow: capture, think: {min: 2s, max: 1s}"),
			"line 6: flows[1].think: from 2s",
		},
		{
			with("rate: 100", "rate: 1, sine: {amplitude: 2, period: 1s}"),
			"line 3: stages[0].sine.amplitude: 2",
		},
		{
			with("rate: 100", "rate: 1, sine: {amplitude: 1}"),
			"stages[0].sine.period",
		},
		{
			with("rate: 100", "rate: 1, spike: {rate: 5, at: 9s, for: 2s}"),
			"stages[0].spike.for",
		},
		{
			with("rate: 100", "rate: 1, spike: {at: 9s, for: 1s}"),
			"stages[0].spike.rate: 0",
		},
		{
			with("rate: 100", "rate: 1, to: 2, spike: {}"),
			"at most one of to, sine and spike",
		},
		{
			base + "arrivals: fixed\n",
			`line 7: arrivals: "fixed", expected poisson or even`,
		},
		{
			base + "rate_of: users\n",
			`line 7: rate_of: "users", expected flows or requests`,
		},
		{
			base + "cards: {count: 100000001}\n",
			"line 7: cards.count: 100000001, expected 1 to 100000000",
		},
		{
			base + "cards:\n  count: 0\n",
			"s.yaml: line 8: cards.count: 0, expected 1 to 100000000",
		},
		{
			base + "connections: 0\n",
			"s.yaml: line 7: connections: 0, expected 1 to 1024",
		},
		{
			base + "max_in_flight: 0\n",
			"s.yaml: line 7: max_in_flight: 0, expected 1 to 262144",
		},
		{
			base + "terminals: 0\n",
			"s.yaml: line 7: terminals: 0, expected 1 to 100000",
		},
		{
			"flows: [{flow: sale}]\nreplay:\n  file: moments\n  speed: 0\n",
			"s.yaml: line 4: replay.speed: 0, expected more than 0",
		},
		{
			base + "cards:\n  distribution: normal\n",
			`line 8: cards.distribution: "normal", expected uniform or zipf`,
		},
		{
			base + "cards: {exponent: 1}\n",
			"cards.exponent: expected with distribution: zipf only",
		},
		{
			base + "cards: {distribution: zipf, exponent: 0}\n",
			"cards.exponent: 0, expected more than 0",
		},
		{
			base + "merchants: [{id: M, currency: EURO}]\n",
			`merchants[0].currency: "EURO", expected an ISO 4217 code`,
		},
		{
			base + "merchants: [{id: M, currency: BGN}]\n",
			`merchants[0].currency: "BGN", expected one that ISO 4217 still has`,
		},
		{
			base + "merchants: [{currency: EUR}]\n",
			`merchants[0].id: ""`,
		},
		{
			base + "merchants: [{id: M, currency: EUR, weight: 0}]\n",
			"s.yaml: line 7: merchants: no weight is more than 0",
		},
		{
			base + "amounts: {min: 1, max: 5}\n",
			"line 7: amounts: 1 to 5, expected 10 to",
		},
		{
			base + "bad_requests: 2\n",
			"line 7: bad_requests: 2, expected a share from 0 to 1",
		},
		{
			base + "retry: {times: 0}\n",
			"line 7: retry.times: 0, expected 1 to 100",
		},
		{
			base + "terminals: -1\n",
			"line 7: terminals: -1",
		},
		{
			base + "connections: 5000\n",
			"line 7: connections: 5000, expected 1 to 1024",
		},
		{
			base + "max_in_flight: 1000000\n",
			"line 7: max_in_flight: 1000000",
		},
		{
			base + "timeout: 0s\n",
			"line 7: timeout: expected more than 0",
		},
		{
			base + "faults:\n  - {at: 1s}\n",
			"line 8: faults[0]: expected one of rules, file and pause",
		},
		{
			base + "faults:\n  - {at: 10s, pause: 1s}\n",
			"line 8: faults[0].at: 10s, expected a time before the end",
		},
		{
			base + "faults:\n  - {at: 1s, file: gone.yaml}\n",
			"line 8: faults[0].file: no such file",
		},
		{
			base + "faults:\n  - {at: 1s, file: there.txt}\n",
			"line 8: faults[0].file: there.txt: ",
		},
		{
			base + "faults:\n  - at: 1s\n    rules: |\n      rules:\n        - {name: x, response_kode: \"05\"}\n",
			"line 9: faults[0].rules: rules: line 2: ",
		},
		{
			base + "thresholds:\n  - p99 < 1s\n  - p100 < 1s\n",
			`line 9: thresholds[1]: threshold "p100 < 1s": a percentile of 100`,
		},
		{
			base + "thresholds: [refund.p99 < 1s]\n",
			`line 7: thresholds[0]: threshold "refund.p99 < 1s": no operation "refund"`,
		},
		{
			"replay: {file: gone}\nflows: [{flow: sale}]\n",
			"line 1: replay.file: no such file",
		},
		{
			"replay: {file: there.txt, speed: -1}\nflows: [{flow: sale}]\n",
			"line 1: replay.speed: -1",
		},
		{
			"warmup: 1s\nreplay: {file: there.txt}\nflows: [{flow: sale}]\n",
			"line 1: warmup: expected none with replay",
		},
		{
			"closed: {in_flight: 0, for: 1s}\nflows: [{flow: sale}]\n",
			"line 1: closed.in_flight: 0, expected 1 to",
		},
		{
			"closed: {in_flight: 1}\nflows: [{flow: sale}]\n",
			"line 1: closed.for: expected more than 0",
		},
	} {
		if _, err := read(c.text); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s\ngot  %v\nwant %q in it", c.text, err, c.want)
		}
	}
}

// Whatever a file holds, reading it ends, and an error names the file.
func FuzzRead(f *testing.F) {
	f.Add(base)
	f.Add("replay: {file: there.txt}\nflows: [{flow: sale}]\n")
	f.Add("closed: {in_flight: 1, for: 1s}\nflows: [{flow: x, steps: [verify, repeat]}]\n")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := read(text)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "s.yaml: ") {
				t.Fatalf("an error that does not name the file: %v", err)
			}
			return
		}
		if _, err := p.Schedule(); err != nil {
			t.Fatalf("a plan that was read has no schedule: %v", err)
		}
	})
}

// The course of the rates, in words, and the rate where there is one.
func TestCourse(t *testing.T) {
	for text, want := range map[string]struct {
		course string
		rate   float64
	}{
		"[{for: 2s, rate: 7}]":                                {"2s at 7 requests a second", 7},
		"[{for: 2s, rate: 7}, {for: 1s, rate: 7}]":            {"2s at 7; 1s at 7 requests a second", 7},
		"[{for: 2s, rate: 7, to: 70}, {for: 1m, rate: 7.25}]": {"2s from 7 to 70; 1m0s at 7.25 requests a second", 0},
		"[{for: 9s, rate: 7, sine: {amplitude: 2, period: 3s}}]": {
			"9s at 7 ± 2, a wave each 3s requests a second", 0,
		},
		"[{for: 9s, rate: 7, spike: {rate: 40, at: 2s, for: 1s}}]": {
			"2s at 7; 1s at 40; 6s at 7 requests a second", 0,
		},
		"[" + strings.Repeat("{for: 1s, rate: 5, to: 10},", 11) + "]": {
			"11 stages, from 5 to 10 requests a second", 0,
		},
	} {
		p, err := scenario.Read("s.yaml", []byte("rate_of: requests\nflows: [{flow: sale}]\nstages: "+text), nil)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if p.Course() != want.course || p.Rate() != want.rate {
			t.Errorf("%s: %q, %g; want %q, %g", text, p.Course(), p.Rate(), want.course, want.rate)
		}
	}
}
