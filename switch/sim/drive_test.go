package sim

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

var (
	flagProcs  = flag.Int("sim.procs", runtime.NumCPU(), "processes that play seeds side by side, each on one core")
	flagReruns = flag.Int("sim.reruns", 10, "how often a failing seed is played again, to see how often it fails")
	flagShrink = flag.Duration("sim.shrink", 30*time.Second, "how long a failing seed is shrunk; 0: not")
	flagOut    = flag.String("sim.out", "", "folder for the traces of failing seeds")
	flagNew    = flag.Bool("sim.new", false, "play other seeds each time, unless -sim.first says which")
	flagMost   = flag.Int("sim.most", 5, "failing seeds after which no more are begun; 0: all")
)

// hangs is how long a seed may take before its process is stopped: one of hours of virtual time takes some seconds of a
// core, which a busy machine may have little of.
const hangs = 5 * time.Minute

// TestSim plays a hundred seeds, or as many as -sim.seeds says: the same ones at every run, since a change is not to
// fail for what it has not changed, and with -sim.new others each time. Of a failing seed it prints the seed, how often
// it fails again, and the smallest plan that fails; -sim.first and -sim.seeds=1 play one again.
func TestSim(t *testing.T) {
	if *flagChild != "" {
		t.Skip("in a child")
	}
	first := *flagFirst
	switch {
	case first != 0:
	case !*flagNew:
		first = 1
	default:
		first = uint64(time.Now().UnixNano()) >> 10 & (1<<40 - 1)
	}
	t.Logf("seeds %d to %d", first, first+uint64(*flagSeeds)-1)
	d := &driver{t: t, faults: map[string]int{}, most: *flagMost}
	begun := time.Now()
	var all sync.WaitGroup
	procs := min(*flagProcs, *flagSeeds)
	for i := range procs {
		all.Go(func() { d.play(first+uint64(i), uint64(procs), (*flagSeeds-i+procs-1)/procs) })
	}
	all.Wait()
	took := time.Since(begun)
	t.Logf("%d seeds in %s, %.0f a minute: %d requests, %d messages to the issuer, %d lives of the switch",
		d.seeds, took.Round(time.Second/10), float64(d.seeds)/took.Minutes(), d.requests, d.messages, d.lives)
	t.Logf("faults:\n%s", table(d.faults))
	d.explain()
}

// driver gathers what its processes report.
type driver struct {
	t    *testing.T
	env  string // of its processes, beside its own
	most int    // failing seeds after which no more are begun; 0: all

	mu                               sync.Mutex
	seeds, requests, messages, lives int
	faults                           map[string]int
	failed                           []report
}

func (d *driver) enough() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.most > 0 && len(d.failed) >= d.most
}

func (d *driver) take(r report) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.seeds++
	if r.Result != nil {
		d.requests += r.Result.Requests
		d.messages += r.Result.Messages
		d.lives += r.Result.Lives
		for name, n := range r.Result.Faults {
			d.faults[name] += n
		}
	}
	if r.Kind != "" {
		d.failed = append(d.failed, r)
	}
}

// play plays seeds; a process that dies is replaced by one that goes on behind the seed that killed it.
func (d *driver) play(seed, step uint64, n int) {
	for n > 0 && !d.enough() {
		c := child{mode: "seeds", env: d.env, first: seed, step: step, seeds: n, take: func(r report) (more bool) {
			d.take(r)
			seed += step
			n--
			return !d.enough()
		}}
		c.run()
		if c.why == "" {
			return
		}
		if c.current == 0 {
			d.t.Errorf("a process failed before its first seed: %s", c.why)
			return
		}
		d.take(report{
			Seed: c.current, Kind: c.why, Plan: planOf(c.current).String(),
			Result: &Result{Failures: []string{c.why + "\n" + c.errors}},
		})
		seed += step
		n--
	}
}

// child is a process of the simulation.
type child struct {
	mode        string
	first, step uint64
	seeds       int
	kind, env   string
	take        func(report) (more bool)

	current uint64 // the seed that was under way when it ended
	why     string // it ended in disorder
	errors  string // what it wrote then
}

// run runs the process and gives its reports to take.
func (c *child) run() {
	args := []string{
		"-test.run=^TestSeeds$", "-test.timeout=0", "-sim.trace", "-sim.child=" + c.mode, fmt.Sprint("-sim.first=", c.first),
		fmt.Sprint("-sim.step=", c.step), fmt.Sprint("-sim.seeds=", c.seeds),
	}
	if c.mode == "shrink" {
		args[0] = "-test.run=^TestShrink$"
		args = append(args, "-sim.kind="+c.kind, fmt.Sprint("-rapid.shrinktime=", *flagShrink))
	}
	cmd := exec.Command(os.Args[0], args...)
	// on one core: fewer orders of goroutines, more seeds that fail again
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1", c.env)
	var stderr tail
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		c.why = err.Error()
		return
	}
	watchdog := time.AfterFunc(hangs, func() { _ = cmd.Process.Signal(syscall.SIGQUIT) }) // it may have ended
	var output tail
	lines := bufio.NewReader(out)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			break
		}
		var r report
		if len(line) == 0 || line[0] != '{' || json.Unmarshal(line, &r) != nil {
			_, _ = output.Write(line)
			continue
		}
		watchdog.Reset(hangs)
		if r.Result == nil {
			c.current = r.Seed
			continue
		}
		c.current = 0
		if !c.take(r) {
			watchdog.Stop()
			_ = cmd.Process.Kill()
			_ = cmd.Wait() // it was killed
			return
		}
	}
	hung := !watchdog.Stop()
	if err := cmd.Wait(); err != nil && c.mode == "seeds" {
		c.why = "the process died"
		if hung {
			c.why = "the simulation hangs"
		}
		c.errors = stderr.String() + output.String()
	}
}

// tail keeps the beginning and the end of what a process writes.
type tail struct{ head, last bytes.Buffer }

const tailBytes = 32 << 10

// Write implements io.Writer.
func (t *tail) Write(b []byte) (int, error) {
	if t.head.Len() < tailBytes {
		return t.head.Write(b)
	}
	if t.last.Len() > tailBytes {
		t.last.Reset()
	}
	return t.last.Write(b)
}

// String returns what was kept.
func (t *tail) String() string { return t.head.String() + t.last.String() }

// explain reports the failing seeds: how often they fail again, and the first one's smallest plan.
func (d *driver) explain() {
	for i, r := range d.failed {
		text := fmt.Sprintf(
			"seed %d: %s\nfails again in %d of %d runs; to play it: go test ./switch/sim -run TestSim -sim.first=%d "+
				"-sim.seeds=1\n",
			r.Seed, strings.Join(r.Result.Failures, "\n"), d.again(&r), *flagReruns, r.Seed)
		d.write(fmt.Sprintf("seed-%d.txt", r.Seed), text+"\n"+r.Plan+"\n"+r.Result.Trace)
		if i > 0 {
			d.t.Errorf("%s", text)
			continue
		}
		if least := d.shrink(&r); least != nil {
			small := fmt.Sprintf("the smallest plan that fails so:\n%s\n%s\n", least.Plan, least.Result.Trace)
			d.write(fmt.Sprintf("seed-%d-shrunk.txt", r.Seed), small)
			text += small
		}
		d.t.Errorf("%s", text)
	}
}

// again plays a failing seed -sim.reruns times more and returns how often it fails, whatever the failure.
func (d *driver) again(r *report) (failed int) {
	c := child{mode: "seeds", env: d.env, first: r.Seed, step: 0, seeds: *flagReruns, take: func(x report) bool {
		if x.Kind != "" {
			failed++
		}
		return true
	}}
	c.run()
	if c.why != "" {
		return *flagReruns // the process died again, at the first or at a later run
	}
	return failed
}

// shrink returns the smallest plan that fails as a seed did, nil if there is none.
func (d *driver) shrink(r *report) (least *report) {
	if *flagShrink == 0 {
		return nil
	}
	c := child{mode: "shrink", env: d.env, first: r.Seed, kind: r.Kind, take: func(x report) bool {
		least = &x
		return true
	}}
	c.run()
	return least
}

func (d *driver) write(name, text string) {
	if *flagOut == "" {
		return
	}
	err := os.MkdirAll(*flagOut, 0o755)
	if err == nil {
		err = os.WriteFile(filepath.Join(*flagOut, name), []byte(text), 0o644)
	}
	if err != nil {
		d.t.Error(err)
	}
}

// table lists counts, the largest first.
func table(counts map[string]int) string {
	names := make([]string, 0, len(counts))
	for name := range counts {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		if counts[a] != counts[b] {
			return counts[b] - counts[a]
		}
		return strings.Compare(a, b)
	})
	var b strings.Builder
	for _, name := range names {
		fmt.Fprintf(&b, "    %8d  %s\n", counts[name], name)
	}
	return b.String()
}
