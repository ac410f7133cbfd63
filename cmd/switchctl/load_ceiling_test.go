package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"switchyard/internal/loadgen/judge"
	"switchyard/internal/loadgen/record"
)

// A measurement that was called off before its window began has no figures, and is no ceiling.
func TestCeilingThatWasCalledOff(t *testing.T) {
	rec, err := record.New(record.Config{
		Model: record.Closed, Operations: []string{"authorize"}, Warmup: time.Second, Window: time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	run := rec.Finish(time.Second / 2)
	run.Ended = "called off"
	judge.Judge(run, judge.Options{Thresholds: allApproved(), WholeMachine: true})
	s := ceilingOf(run)
	text, err := json.Marshal(s)
	if err != nil || strings.Contains(string(text), "per_s") || strings.Contains(string(text), "p99") ||
		!strings.Contains(string(text), `"valid":false`) {
		t.Errorf("%v: %s", err, text)
	}
	var out strings.Builder
	if err := printCeiling(&out, s); err != nil || !strings.Contains(out.String(), "ceiling  none requests a second") ||
		!strings.Contains(out.String(), "no ceiling: time measured: it ended early: called off") {
		t.Errorf("%v: %s", err, &out)
	}
	if err := new(loadFlags).verdict(run); err != errInvalid {
		t.Errorf("it ends with %v, want %v", err, errInvalid)
	}
}
