package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// Where the configuration says so the process is not dumped.
func TestDumpsAreRefused(t *testing.T) {
	config := filepath.Join(t.TempDir(), "issuer-sim.yaml")
	if err := os.WriteFile(config, []byte("core_dumps: refuse\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	limits, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", startDaemon(t, "--config", config).PID))
	if err != nil {
		t.Fatal(err)
	}
	line := regexp.MustCompile(`(?m)^Max core file size .*`).FindString(string(limits))
	if !regexp.MustCompile(`size +0 +0 `).MatchString(line) {
		t.Error(line)
	}
}
