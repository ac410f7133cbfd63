package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"switchyard/internal/loadgen/record"
	"switchyard/switch/switchtest"
)

// Ctrl-C ends a load with the report of what there is until then, kept, too, and with the exit code of what is not
// valid.
func TestLoadIsInterrupted(t *testing.T) {
	s := switchtest.Start(t, switchtest.Options{})
	out := filepath.Join(t.TempDir(), "out")
	cmd := exec.CommandContext(t.Context(), "switchctl", "load", "--connect", s.GatewayAddr, "--rate", "50",
		"--warmup", "0s", "--duration", "1h", "--json", "--out", out)
	var printed bytes.Buffer
	cmd.Stdout = &printed
	said, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	interrupted := false
	for lines := bufio.NewScanner(said); lines.Scan(); {
		t.Log(lines.Text())
		if !interrupted && strings.Contains(lines.Text(), "p99") { // a line of the view
			interrupted = true
			if err := cmd.Process.Signal(os.Interrupt); err != nil {
				t.Fatal(err)
			}
		}
	}
	_ = cmd.Wait() // its exit code is looked at
	if code := cmd.ProcessState.ExitCode(); code != 3 || !interrupted {
		t.Errorf("exit code %d, interrupted %v; want 3", code, interrupted)
	}
	var summary record.Summary
	if err := json.Unmarshal(printed.Bytes(), &summary); err != nil || summary.Approved == 0 || summary.Valid {
		t.Errorf("%v: it prints %s", err, &printed)
	}
	run, err := record.ReadFile(filepath.Join(out, "run.json"))
	if err != nil {
		t.Fatal(err)
	}
	if all := run.Total(); run.Ended != "called off" || all.Count(record.Approved) == 0 {
		t.Errorf("ended %q, %v", run.Ended, all.Outcomes)
	}
}
