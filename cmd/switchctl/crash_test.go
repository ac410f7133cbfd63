package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestCrashOverTheBinaries kills the real processes in two small rounds.
func TestCrashOverTheBinaries(t *testing.T) {
	switchctl, work := binaries(t), t.TempDir()
	cmd := exec.Command(switchctl, "crash", "--rounds", "2", "--payments", "300", "--seed", "3")
	cmd.Dir = work
	out, err := cmd.CombinedOutput()
	if err != nil || !bytes.HasSuffix(out, []byte("\ncrash: OK\n")) {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, seed := range []string{"seed 3: ", "seed 4: "} {
		if !bytes.Contains(out, []byte(seed)) {
			t.Errorf("no round with %s in\n%s", seed, out)
		}
	}
	if left, err := os.ReadDir(filepath.Join(work, "crash-out")); err != nil || len(left) != 1 { // the folder's mark
		t.Errorf("rounds without a fault left %v, %v", left, err)
	}
}

func TestCrashSaysWhatIsWrong(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "out")
	out, _, err := runSwitchctl("crash", "--rounds", "1", "--seed", "7", "--out", dir)
	if !errors.Is(err, errNo) { // exit 1
		t.Errorf("error %v, want that of a no", err)
	}
	for _, want := range []string{
		"wrong: issuer-sim is not beside ", "switchctl crash --rounds 1 --seed 7 ", "crash: FAILED in 1 of 1 rounds",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "round-7")); err != nil {
		t.Errorf("the folder of a round that failed is not kept: %v", err)
	}
}

func TestCrashRefusesWrongUsage(t *testing.T) {
	for _, args := range [][]string{{"--rounds", "0"}, {"--payments", "10"}} {
		out, _, err := runSwitchctl(append([]string{"crash", "--out", filepath.Join(t.TempDir(), "out")}, args...)...)
		if err == nil || errors.Is(err, errNo) || out != "" {
			t.Errorf("%v: error %v, printed %q", args, err, out)
		}
	}
}
