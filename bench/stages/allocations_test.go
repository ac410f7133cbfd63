package stages

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
)

// recorded is the file of what each stage allocated when it was recorded.
const recorded = "../allocations.txt"

var recordFlag = flag.Bool("stages.record", false, "write what the stages allocate into "+recorded)

// runs is how often a stage is done to count what it allocates once.
const runs = 500

// TestAllocations counts what each stage allocates. More than is recorded fails: a count does not drift, so what raised
// it is in the change. Less is welcome, and should be recorded so that it stays.
func TestAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates, too")
	}
	got := map[string]int{}
	for _, s := range stages {
		t.Run(s.name, func(t *testing.T) { got[s.name] = count(t, s) })
	}
	if t.Failed() {
		return
	}
	if *recordFlag {
		write(t, got)
		return
	}
	want := read(t)
	for _, s := range stages {
		most, known := want[s.name]
		if s.apart {
			most++
		}
		switch {
		case !known:
			t.Errorf("stage %s is not in %s; record it: %s", s.name, recorded, howToRecord)
		case got[s.name] > most:
			t.Errorf("stage %s allocates %d times, at most %d are recorded in bench/allocations.txt. "+
				"If that is meant: %s", s.name, got[s.name], most, howToRecord)
		}
	}
	for name := range want {
		if _, known := got[name]; !known {
			t.Errorf("%s has a stage %s that there is not; %s", recorded, name, howToRecord)
		}
	}
}

const howToRecord = "go test ./bench/stages -run TestAllocations -stages.record, and say in the commit why"

// count is how often a stage allocates, with the garbage collector off: it empties the pools.
func count(t *testing.T, s stage) int {
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	do := s.start(t)
	once := func() {
		if err := do(); err != nil {
			t.Fatal(err)
		}
	}
	for range runs { // pools and buffers are as they will be
		once()
	}
	return int(testing.AllocsPerRun(runs, once))
}

func write(t *testing.T, got map[string]int) {
	var text strings.Builder
	text.WriteString("# What each stage of an authorization allocates on the heap (bench/stages/doc.go).\n" +
		"# TestAllocations holds it.\n")
	for _, s := range stages {
		fmt.Fprintf(&text, "%-8s %d\n", s.name, got[s.name])
	}
	if err := os.WriteFile(recorded, []byte(text.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T) map[string]int {
	f, err := os.Open(recorded)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	want := map[string]int{}
	in := bufio.NewScanner(f)
	for n := 1; in.Scan(); n++ {
		if strings.HasPrefix(in.Text(), "#") {
			continue
		}
		fields := strings.Fields(in.Text())
		if len(fields) != 2 {
			t.Fatalf("%s:%d: expected a stage and a number", recorded, n)
		}
		if want[fields[0]], err = strconv.Atoi(fields[1]); err != nil {
			t.Fatalf("%s:%d: %v", recorded, n, err)
		}
	}
	if err := in.Err(); err != nil {
		t.Fatal(err)
	}
	return want
}
