package report_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"switchyard/internal/loadgen/record"
	"switchyard/internal/loadgen/report"
)

func ptr(x float64) *float64 { return &x }

func curveOf(best *float64) *report.Curve {
	c := &report.Curve{
		Title: "Latency against rate: switchd & issuer-sim", Caption: "Ample 2000, 2 cores", LimitOf: "p99", LimitMS: 20,
		Best: best,
	}
	for i, p := range [][4]float64{
		{1000, .9, 2.1, 4}, {2000, .95, 2.4, 5.1}, {4000, 1.1, 3.2, 8}, {8000, 1.4, 6, 22}, {10_000, 2.5, 19, 60},
		{12_000, 80, 900, 1800},
	} {
		c.Points = append(c.Points, report.CurvePoint{
			PerS: p[0], P50: ptr(p[1]), P99: ptr(p[2]), P999: ptr(p[3]), Valid: i != 3, Passed: p[2] <= 20,
		})
	}
	return c
}

// one is a run of one request at a rate.
func one(t *testing.T, rate float64, class record.Class, took time.Duration, valid bool) *record.Run {
	t.Helper()
	r, err := record.New(record.Config{Model: record.Open, Operations: []string{"sale"}, Window: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	s := r.Shard(0)
	s.Due(0, 0)
	s.Sent(0, 0, 0)
	s.Done(0, 0, 0, took, class, "")
	run := r.Finish(time.Second)
	run.Setup.Rate, run.Verdict.Valid = rate, valid
	return run
}

func TestCurveOfRuns(t *testing.T) {
	var runs []*record.Run
	for i, rate := range []float64{400, 200, 200, 200} {
		runs = append(runs, one(t, rate, record.Approved, 1400*ms, i != 0))
	}
	c, err := report.CurveOf(runs, report.Limit{Of: "p99", Most: 1500 * ms})
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Points) != 2 || c.Best == nil || *c.Best != 200 || c.Points[0].PerS != 200 || !c.Points[0].Valid ||
		!c.Points[0].Passed || c.Points[1].Valid || *c.Points[0].P99 != *c.Points[1].P99 {
		t.Errorf("%+v", c)
	}
	if c, err := report.CurveOf(runs, report.Limit{Of: "p99", Most: ms}); err != nil || c.Best != nil {
		t.Errorf("a p99 of 1.4 s is within a millisecond: %v, %v", c, err)
	}
	if _, err := report.CurveOf([]*record.Run{nothing(t)}, report.Limit{}); err == nil {
		t.Error("a closed loop has a rate")
	}
}

func TestCurve(t *testing.T) {
	for name, c := range map[string]*report.Curve{
		"curve.svg": curveOf(ptr(10_000)), "curve-none.svg": {Title: "nothing", LimitOf: "p99", LimitMS: 20},
	} {
		var out bytes.Buffer
		if err := c.SVG(&out); err != nil {
			t.Fatal(err)
		}
		golden(t, name, out.Bytes())
		for dec := xml.NewDecoder(bytes.NewReader(out.Bytes())); ; {
			if _, err := dec.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("%s is no XML: %v", name, err)
			}
		}
		if strings.Contains(out.String(), "NaN") || strings.Contains(out.String(), "Inf") {
			t.Errorf("%s has figures that are none", name)
		}
	}
}

// A rate passes by the same rule as in a search: with approvals, few errors, and its repeats that are valid.
func TestCurvePassesAsASearchDoes(t *testing.T) {
	good, bad := one(t, 100, record.Approved, ms, true), one(t, 100, record.Refused, ms, true)
	for name, c := range map[string]struct {
		runs []*record.Run
		want bool
	}{
		"approved":            {[]*record.Run{good}, true},
		"declined":            {[]*record.Run{one(t, 100, record.Declined, ms, true)}, false},
		"errors":              {[]*record.Run{good, bad, bad}, false},
		"slow":                {[]*record.Run{one(t, 100, record.Approved, time.Second, true)}, false},
		"slow, and not valid": {[]*record.Run{good, good, one(t, 100, record.Approved, time.Minute, false)}, true},
		"not valid":           {[]*record.Run{one(t, 100, record.Approved, ms, false)}, false},
	} {
		curve, err := report.CurveOf(c.runs, report.Limit{Of: "p99", Most: 20 * ms})
		if err != nil {
			t.Fatal(err)
		}
		if p := curve.Points[0]; p.Passed != c.want || (curve.Best != nil) != c.want {
			t.Errorf("%s: %+v, want passed %v", name, p, c.want)
		}
	}
}

// A terminal shows what passed, what did not and what nobody can say, under and over the limit.
func TestCurveText(t *testing.T) {
	var b bytes.Buffer
	if err := curveOf(ptr(10_000)).Text(&b); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(b.String(), "\n")
	limit, over, passed := -1, -1, 0
	for i, line := range lines {
		_, drawn, _ := strings.Cut(line, "|")
		switch {
		case strings.HasSuffix(line, " p99 20.0 ms"):
			limit = i
			passed += strings.Count(drawn, "*")
		case strings.Contains(drawn, "x"):
			over = i
		case drawn != "":
			passed += strings.Count(drawn, "*")
		}
	}
	if over < 0 || limit <= over || passed != 4 || strings.Count(b.String(), "?") != 2 ||
		!strings.Contains(b.String(), "12,000 a second") && !strings.Contains(b.String(), "12000 a second") {
		t.Errorf("limit in line %d, over it in line %d, %d passed\n%s", limit, over, passed, &b)
	}
	var page bytes.Buffer
	if err := curveOf(nil).HTML(&page); err != nil {
		t.Fatal(err)
	}
	if s := page.String(); !strings.HasPrefix(s, "<!doctype html>") || !strings.Contains(s, "</svg>") ||
		strings.Contains(s, "http://") && strings.Count(s, "http://") != strings.Count(s, "http://www.w3.org/2000/svg") {
		t.Errorf("the page is %s", s)
	}
	if err := (&report.Curve{LimitOf: "p99"}).Text(io.Discard); err != nil {
		t.Errorf("of nothing: %v", err)
	}
}
