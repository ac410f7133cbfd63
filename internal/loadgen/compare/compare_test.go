package compare_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"switchyard/internal/loadgen/compare"
	"switchyard/internal/loadgen/record"
)

var update = flag.Bool("update", false, "write the files of testdata anew")

// repeat is a run of two operations in which an authorization takes so many microseconds at the median, and of 1,000
// requests so many fail; captures always take 3 ms.
func repeat(t *testing.T, medianUS, failed int) *record.Run {
	t.Helper()
	r, err := record.New(record.Config{
		Model: record.Open, Operations: []string{"authorize", "capture"}, Window: 10 * time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	s := r.Shard(0)
	for n := range 1000 {
		due := time.Duration(n) * 10 * time.Millisecond
		class := record.Approved
		if n < failed {
			class = record.Refused
		}
		took := time.Duration(medianUS+n-500) * time.Microsecond
		s.Due(0, due)
		s.Sent(0, due, due)
		s.Done(0, due, due, due+took, class, "")
		s.Due(1, due)
		s.Sent(1, due, due)
		s.Done(1, due, due, due+3*time.Millisecond, record.Approved, "")
	}
	run := r.Finish(10 * time.Second)
	run.Verdict.Valid, run.Verdict.Passed = true, true
	run.Setup.Rate, run.Setup.Arrivals = 100, "constant"
	run.Setup.Targets = []record.Target{{Kind: "gateway", Address: "10.0.0.1:7583", Connections: 4}}
	run.Machine = record.Machine{Cores: 2, OS: "linux", Arch: "amd64"}
	return run
}

func side(t *testing.T, name string, failed int, mediansUS ...int) (files []compare.File) {
	for i, us := range mediansUS {
		files = append(files, compare.File{Name: fmt.Sprintf("%s%d.json", name, i+1), Run: repeat(t, us, failed)})
	}
	return files
}

func golden(t *testing.T, name string, r *compare.Result) {
	t.Helper()
	var got bytes.Buffer
	if err := r.Text(&got); err != nil {
		t.Fatal(err)
	}
	name = filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(name, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if got.String() != string(want) {
		t.Errorf("%s: got\n%s\nwant\n%s", name, &got, want)
	}
}

func compared(t *testing.T, a, b []compare.File, o compare.Options) *compare.Result {
	t.Helper()
	r, err := compare.Compare(a, b, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestASlowerSideIsTold(t *testing.T) {
	a := side(t, "a", 0, 2000, 2010, 1990, 2020, 2005, 1995)
	b := side(t, "b", 5, 2500, 2480, 2520, 2510, 2490, 2530)
	r := compared(t, a, b, compare.Options{})
	golden(t, "slower.txt", r)
	worse := r.Regressions()
	if !slices.Contains(worse, "p50 of authorize") || slices.ContainsFunc(worse, func(s string) bool {
		return strings.HasSuffix(s, "of capture")
	}) {
		t.Errorf("worse: %v; want authorizations and no captures", worse)
	}
	if back := compared(t, b, a, compare.Options{}).Regressions(); len(back) != 0 {
		t.Errorf("the other way round there are regressions: %v", back)
	}
	if r := compared(t, a, b, compare.Options{Tolerance: 30}); slices.Contains(r.Regressions(), "p50 of authorize") {
		t.Error("25% are a regression although 30% are tolerated")
	}
}

func TestChanceIsNoDifference(t *testing.T) {
	a := side(t, "a", 0, 2000, 2010, 1990, 2020, 2005, 1995)
	b := side(t, "b", 0, 1992, 2011, 2001, 2019, 1996, 2006)
	r := compared(t, a, b, compare.Options{})
	golden(t, "chance.txt", r)
	if len(r.Regressions()) > 0 {
		t.Errorf("regressions: %v", r.Regressions())
	}
}

func TestTooFewRepeatsTellNothing(t *testing.T) {
	r := compared(t, side(t, "a", 0, 2000, 2001, 2002), side(t, "b", 0, 9000, 9001, 9002), compare.Options{})
	golden(t, "few.txt", r)
	if len(r.Regressions()) > 0 || len(r.Warnings) == 0 {
		t.Errorf("regressions %v, warnings %v; want none and some", r.Regressions(), r.Warnings)
	}
}

func TestUnlikeRunsAreRefused(t *testing.T) {
	for want, change := range map[string]func(*record.Run){
		"setup.rate: 100, 200":               func(r *record.Run) { r.Setup.Rate = 200 },
		"setup.model: open, closed":          func(r *record.Run) { r.Setup.Model = record.Closed },
		"setup.targets[0].connections: 4, 8": func(r *record.Run) { r.Setup.Targets[0].Connections = 8 },
		"machine.cores: 2, 4":                func(r *record.Run) { r.Machine.Cores = 4 },
		"operations[0]: authorize, sale":     func(r *record.Run) { r.Operations[0].Name = "sale" },
		"operations[1]: capture, none":       func(r *record.Run) { r.Operations = r.Operations[:1] },
		"setup.daemons.issuer_rules: none, pace: 10": func(r *record.Run) {
			r.Setup.Daemons = &record.Daemons{IssuerRules: "pace: 10\n"}
		},
		"setup.targets[0].match[0]: none, 11": func(r *record.Run) { r.Setup.Targets[0].Match = []int{11} },
		"setup.targets[0].echo_ns: none, 0":   func(r *record.Run) { r.Setup.Targets[0].Echo = new(time.Duration) },
		"setup.targets[0].no_sign_on: none, ": func(r *record.Run) { r.Setup.Targets[0].NoSignOn = true },
		"setup.told: none, true":              func(r *record.Run) { r.Setup.Told = true },
		"setup.keys: none, random":            func(r *record.Run) { r.Setup.Keys = record.KeysRandom },
		"setup.scenario.scale_rates: none, 2": func(r *record.Run) {
			r.Setup.Scenario = &record.Scenario{ScaleRates: 2}
		},
		"setup.scenario.text: none, flows: other": func(r *record.Run) {
			r.Setup.Scenario = &record.Scenario{Text: "flows:\n other"}
		},
	} {
		a, b := side(t, "a", 0, 2000), side(t, "b", 0, 2000, 2000)
		change(b[1].Run)
		_, err := compare.Compare(a, b, compare.Options{})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "a1.json and b2.json") {
			t.Errorf("error %v, want %q", err, want)
		}
		if _, err := compare.Compare(a, b, compare.Options{Unlike: true}); err != nil {
			t.Errorf("%s: refused although told: %v", want, err)
		}
	}
	a, b := side(t, "a", 0, 2000), side(t, "b", 0, 2000)
	b[0].Run.Setup.Seed, b[0].Run.Setup.Targets[0].Address = 7, "10.0.0.2:7583"
	if diff := compare.Differences(a[0].Run, b[0].Run); len(diff) > 0 {
		t.Errorf("a seed or an address makes runs unlike: %v", diff)
	}
}

func TestDoubtfulRunsAreRefused(t *testing.T) {
	for want, change := range map[string]func(*record.Run){
		"b1.json is not valid":              func(r *record.Run) { r.Verdict.Valid = false },
		"b1.json ended early (interrupted)": func(r *record.Run) { r.Ended = "interrupted" },
	} {
		a, b := side(t, "a", 0, 2000), side(t, "b", 0, 2000)
		change(b[0].Run)
		if _, err := compare.Compare(a, b, compare.Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
		if _, err := compare.Compare(a, b, compare.Options{Doubt: true}); err != nil {
			t.Errorf("%s: refused although told: %v", want, err)
		}
	}
	if _, err := compare.Compare(nil, side(t, "b", 0, 2000), compare.Options{}); err == nil {
		t.Error("nothing is compared with something")
	}
}

func TestWhatOneSideLacksIsSaid(t *testing.T) {
	a, b := side(t, "a", 0, 2000), side(t, "b", 0, 2000)
	b[0].Run.Operations = b[0].Run.Operations[:1]
	r := compared(t, a, b, compare.Options{Unlike: true})
	if len(r.Operations) != 2 || !slices.Contains(r.Warnings, "b1.json has no capture") ||
		!slices.Contains(r.Missing, "p99 of capture") || slices.Contains(r.Missing, "p99 of authorize") {
		t.Errorf("operations %v, warnings %v, missing %v", r.Operations, r.Warnings, r.Missing)
	}
	golden(t, "lacks.txt", r)
	if r := compared(t, b, a, compare.Options{Unlike: true}); len(r.Missing) != 0 {
		t.Errorf("missing of the side that has more: %v", r.Missing)
	}
}

// A figure that some runs of a side have and others have not is not compared. It is missing where all of A have it, or
// none of B has.
func TestFiguresOfSomeRuns(t *testing.T) {
	without := func(files []compare.File, which ...int) []compare.File {
		for _, i := range which {
			files[i].Run.Operations[1] = record.Operation{Name: "capture"}
		}
		return files
	}
	three := func(name string) []compare.File { return side(t, name, 0, 2000, 2000, 2000) }
	for name, c := range map[string]struct {
		a, b    []compare.File
		missing bool
	}{
		"one of B lacks it":           {three("a"), without(three("b"), 1), true},
		"one of each lacks it":        {without(three("a"), 0), without(three("b"), 1), false},
		"one of A and all of B do":    {without(three("a"), 0), without(three("b"), 0, 1, 2), true},
		"one of A lacks it":           {without(three("a"), 2), three("b"), false},
		"neither has it, which is ok": {without(three("a"), 0, 1, 2), without(three("b"), 0, 1, 2), false},
	} {
		r := compared(t, c.a, c.b, compare.Options{})
		if got := slices.Contains(r.Missing, "p99 of capture"); got != c.missing {
			t.Errorf("%s: missing %v, want it there %v", name, r.Missing, c.missing)
		}
	}
}
