package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// asDaemon makes the test's binary switchd.
const asDaemon = "SWITCHD_TEST_DAEMON"

func TestMain(m *testing.M) {
	if os.Getenv(asDaemon) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// patience is how long a test waits for what must come, before it fails.
const patience = 5 * time.Minute

// daemon is a running switch.
type daemon struct {
	Gateway  string `json:"gateway"`
	Operator string `json:"operator"`
	PID      int    `json:"pid"`
}

// startDaemon runs serve with a configuration on free ports and returns once it is ready.
func startDaemon(t *testing.T, config string) *daemon {
	t.Helper()
	return startDaemonIn(t, t.TempDir(), config)
}

// startDaemonIn is startDaemon with the configuration in a folder, beside the files that it names.
func startDaemonIn(t *testing.T, dir, config string) *daemon {
	t.Helper()
	path, ready := filepath.Join(dir, "switchd.yaml"), filepath.Join(dir, "ready.json")
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, "serve", "--config", path, "--data", filepath.Join(dir, "data"),
		"--listen", "127.0.0.1:0", "--operator", "127.0.0.1:0", "--issuer", "127.0.0.1:1", "--ready-file", ready)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), asDaemon+"=1", "GOTRACEBACK=crash")
	var said strings.Builder
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-ended
	})
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		if text, err := os.ReadFile(ready); err == nil {
			d := &daemon{}
			if err := json.Unmarshal(text, d); err != nil {
				t.Fatal(err)
			}
			return d
		}
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("it ended: %v\n%s", err, said.String())
		default:
		}
		if time.Now().After(deadline) {
			t.Fatal("not ready")
		}
	}
}
