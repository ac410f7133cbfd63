package sim

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	"testing"
	"testing/synctest"
	_ "time/tzdata" // the zones of topic zone, wherever it is played

	"pgregory.net/rapid"
)

// One process of TestSim plays seeds one after another: TestSeeds. It says on its standard output, a JSON object a
// line, which seed it begins and what came of it, so that a seed is known even if the process does not survive it.

var (
	flagChild = flag.String("sim.child", "", "what this process of the simulation does: seeds or shrink")
	flagFirst = flag.Uint64("sim.first", 0, "the first seed; 0: of the clock")
	flagSeeds = flag.Int("sim.seeds", shortSeeds, "how many seeds")
	flagStep  = flag.Uint64("sim.step", 1, "from one seed to the next; 0: the same again")
	flagKind  = flag.String("sim.kind", "", "the failure to shrink")
	flagTrace = flag.Bool("sim.trace", false, "print the trace of what fails")
)

// shortSeeds is how many seeds a plain `go test` plays.
const shortSeeds = 100

// plans draws plans; a seed of rapid's is a plan.
var plans = rapid.Custom(DrawPlan)

// planOf is the plan of a seed.
func planOf(seed uint64) *Plan { return plans.Example(int(seed)) }

// played plays a plan in a bubble of its own.
func played(t *testing.T, p *Plan) (r *Result) {
	synctest.Test(t, func(*testing.T) { r = run(p) })
	return r
}

// report is a line of a child's.
type report struct {
	Seed   uint64  `json:"seed"`
	Result *Result `json:"result,omitempty"` // nil: it begins
	Kind   string  `json:"kind,omitempty"`   // of the first failure
	Plan   string  `json:"plan,omitempty"`   // where it failed
}

func (r *report) print() {
	line, err := json.Marshal(r)
	if err != nil {
		panic(err) // it has nothing that could not be encoded
	}
	fmt.Fprintf(os.Stdout, "\n%s\n", line) // a line of its own, whatever the testing package writes
}

// kindOf is the part of a failure that is the same in every run.
func kindOf(failure string) string {
	kind, _, _ := strings.Cut(failure, ": ")
	return kind
}

// memoryLimit is what a process that plays seeds keeps to, in bytes.
const memoryLimit = 1 << 30

// TestSeeds is a child of TestSim.
func TestSeeds(t *testing.T) {
	if *flagChild != "seeds" {
		t.Skip("a process of TestSim")
	}
	// Most of what a run leaves behind is garbage at its end, so a collection may wait for twice what the one before left.
	// Waiting for four times that takes as much CPU and six times the memory, since pools keep theirs through two
	// collections. The limit is for a run that is larger than others.
	debug.SetGCPercent(200)
	debug.SetMemoryLimit(memoryLimit)
	seed := *flagFirst
	for range *flagSeeds {
		(&report{Seed: seed}).print()
		p := planOf(seed)
		r := played(t, p)
		done := report{Seed: seed, Result: r}
		if len(r.Failures) > 0 {
			done.Kind, done.Plan = kindOf(r.Failures[0]), p.String()
		}
		if len(r.Failures) == 0 || !*flagTrace {
			r.Trace = ""
		}
		done.print()
		seed += *flagStep
	}
}

// shrinkTries is how often a plan is played while it is shrunk before it counts as one that does not fail: a failure
// may depend on the order of goroutines.
const shrinkTries = 3

// TestShrink is a child of TestSim: it makes the plan of a failing seed as small as rapid can, and reports the smallest
// that failed.
func TestShrink(t *testing.T) {
	if *flagChild != "shrink" {
		t.Skip("a process of TestSim")
	}
	for name, value := range map[string]string{
		"rapid.seed": fmt.Sprint(*flagFirst), "rapid.checks": "1", "rapid.nofailfile": "true",
	} {
		if err := flag.Set(name, value); err != nil {
			t.Fatal(err)
		}
	}
	rapid.Check(t, func(rt *rapid.T) {
		p := plans.Draw(rt, "plan")
		for range shrinkTries {
			r := played(t, p)
			for _, failure := range r.Failures {
				if kindOf(failure) == *flagKind {
					smallest := report{Seed: *flagFirst, Kind: *flagKind, Plan: p.String(), Result: r}
					smallest.print()
					rt.Fatalf("%s", *flagKind)
				}
			}
		}
	})
}
