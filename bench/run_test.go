package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"switchyard/internal/loadgen/drain"
	"switchyard/internal/loadgen/steady"
)

// A series has its command, what each run printed, and what the machine did before the first and after the last.
func TestSeriesIsRecorded(t *testing.T) {
	b := &bench{bin: t.TempDir(), dir: t.TempDir(), runs: 2}
	const script = "#!/bin/sh\necho '{\"advices_per_second\": 7, \"rate\": 500}'\n"
	if err := os.WriteFile(filepath.Join(b.bin, "switchctl"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	s := newLongSeries[drain.Summary](b, theSwitch, "1000000 advices", "load", "drain")
	if err := inTurn(t.Context(), b, drainLine, s); err != nil {
		t.Fatal(err)
	}
	if len(s.Runs) != 2 || s.Runs[1].AdvicesPerS != 7 || s.Command != "bin/switchctl load drain --json" {
		t.Errorf("%+v, want two runs and the command", s)
	}
	if s.Before == nil || s.After == nil || s.After.At.Before(s.Before.At) {
		t.Errorf("before %+v, after %+v", s.Before, s.After)
	}
	r := &result{Drain: s}
	if got := find(t, r.table(), "drain of 1000000 advices beside 500 a second"); got.Reached != 7 || got.Runs != 2 {
		t.Errorf("%+v, want 7 a second of two runs", got)
	}
	text, err := json.Marshal(r)
	for _, want := range []string{
		`"drain_runs":{"of":"switch"`, `"command":"bin/switchctl load drain --json"`, `"steal_s":`,
	} {
		if err != nil || !strings.Contains(string(text), want) {
			t.Errorf("%v: no %s in %s", err, want, text)
		}
	}
}

// What takes minutes is run once where nobody says how often.
func TestTurns(t *testing.T) {
	for runs, want := range map[int][2]int{0: {5, 1}, 3: {3, 3}} {
		b := &bench{runs: runs}
		short, long := newSeries[steady.Summary](b, "", ""), newLongSeries[steady.Summary](b, "", "")
		if got := [2]int{short.turns, long.turns}; got != want {
			t.Errorf("%d runs asked for: %v, want %v", runs, got, want)
		}
	}
}

func TestMoment(t *testing.T) {
	if got := parseLoadAverage("0.52 1.58 10.59 1/467 12345\n"); !slices.Equal(got, []float64{0.52, 1.58, 10.59}) {
		t.Errorf("load average %v", got)
	}
	if got := parseLoadAverage("0.52 x"); got != nil {
		t.Errorf("load average %v of two words", got)
	}
	const stat = "cpu  10 20 30 40 50 60 70 250 0 0\ncpu0 1 1 1 1 1 1 1 1 0 0\n"
	if got := parseSteal(stat); got != 2.5 {
		t.Errorf("steal %g, want 2.5 s", got)
	}
	if got := parseSteal("cpu 1 2 3\n"); got != 0 {
		t.Errorf("steal %g of a system without it", got)
	}
	m := &machine{Cores: 2}
	at := time.Date(2026, 11, 27, 9, 0, 0, 0, time.UTC)
	if got := m.stolen(&moment{At: at, StealS: 1}, &moment{At: at.Add(10 * time.Second), StealS: 2}); got != 5 {
		t.Errorf("%g%% stolen, want a second of twenty", got)
	}
}
