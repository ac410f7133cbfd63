package main

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Ctrl-C ends a replay whose host says nothing, with the report of what there is until then, and 130; started again it
// goes on.
func TestReplayIsInterrupted(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	name := testClearingFile(t, asWritten)
	dir := filepath.Dir(name)
	cmd := exec.CommandContext(t.Context(), "switchctl", "clearing", "replay", name, "--connect", silent.Addr().String(),
		"--wait", "1h", "--report", filepath.Join(dir, "report.csv"))
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	conn, err := silent.Accept()
	if err == nil {
		defer conn.Close()
		_, err = conn.Read(make([]byte, 1)) // the first message
	}
	if err == nil {
		err = cmd.Process.Signal(os.Interrupt)
	}
	if err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // its exit code is looked at
	if code := cmd.ProcessState.ExitCode(); code != 130 ||
		!strings.Contains(said.String(), "goes on where it is started again: ") ||
		!strings.HasSuffix(said.String(), "interrupted\n") {
		t.Errorf("exit code %d, %s", code, &said)
	}
	report, err := os.ReadFile(filepath.Join(dir, "report.csv"))
	if err != nil || !strings.Contains(string(report), ",unanswered,") {
		t.Errorf("the report is %s, %v", report, err)
	}
	for _, temporary := range []string{"*.tmp", ".*.tmp"} {
		if left, err := filepath.Glob(filepath.Join(dir, temporary)); err != nil || len(left) > 0 {
			t.Errorf("%q is left, %v", left, err)
		}
	}
}
