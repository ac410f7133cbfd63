//go:build mutants

package sim

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"switchyard/internal/mutant"
)

var (
	flagMutant = flag.String("sim.mutant", "", "plant this bug only")
	flagBound  = flag.Int("sim.bound", 3000, "seeds within which a planted bug must be found")
)

// TestMutants plants each known bug and plays seeds until one fails. It prints the table of docs/reliability.md: which
// failure found the bug, and at which seed.
func TestMutants(t *testing.T) {
	if *flagChild != "" {
		t.Skip("in a child")
	}
	first := max(*flagFirst, 1)
	rows := make([]string, len(mutant.All()))
	slots := make(chan struct{}, *flagProcs)
	var all sync.WaitGroup
	for i, m := range mutant.All() {
		if *flagMutant != "" && *flagMutant != string(m) {
			continue
		}
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			d := &driver{t: t, faults: map[string]int{}, env: mutant.Variable + "=" + string(m), most: 1}
			d.play(first, 1, *flagBound)
			if len(d.failed) == 0 {
				t.Errorf("%s: not found in %d seeds", m, d.seeds)
				return
			}
			found := d.failed[0]
			rows[i] = fmt.Sprintf("| %s | %d | %s | %d of %d |", m, d.seeds, found.Kind, d.again(&found), *flagReruns)
			fmt.Fprintln(os.Stderr, rows[i])
		})
	}
	all.Wait()
	t.Logf("| planted bug | seeds until found | found as | fails again |\n|---|---|---|---|\n%s", strings.Join(rows, "\n"))
}

// TestMutantsByTest plants each bug that no plan can play and wants its test to fail.
func TestMutantsByTest(t *testing.T) {
	if *flagChild != "" {
		t.Skip("in a child")
	}
	for m, by := range mutant.ByTest() {
		if *flagMutant != "" && *flagMutant != string(m) {
			continue
		}
		t.Run(string(m), func(t *testing.T) {
			test := exec.Command("go", "test", "-tags=mutants", "-count=1", "-run=^"+by.Name+"$", by.Package)
			test.Env = append(os.Environ(), mutant.Variable+"="+string(m))
			out, err := test.CombinedOutput()
			if err == nil || !strings.Contains(string(out), "--- FAIL: "+by.Name) {
				t.Errorf("%s of %s did not find it: %v\n%s", by.Name, by.Package, err, out)
			}
		})
	}
}
