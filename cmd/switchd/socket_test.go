package main

import (
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func mustListen(t *testing.T, path string) *socketFile {
	t.Helper()
	s, err := listenSocket(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// answers tells whether somebody listens at a socket file.
func answers(path string) bool {
	c, err := net.Dial("unix", path)
	if err != nil {
		return false
	}
	_ = c.Close()
	return true
}

// A socket file is its user's alone, and gone with its switch.
func TestSocketFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "operator")
	s := mustListen(t, path)
	there, err := os.Stat(path)
	if err != nil || there.Mode().Perm() != 0o600 || there.Mode().Type() != fs.ModeSocket {
		t.Errorf("it is %v, %v", there, err)
	}
	if !answers(path) {
		t.Error("nobody listens")
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("it is left: %v", err)
	}
}

// What a switch that was killed has left gives way. What a living one listens at does not, and nor does a file of
// another kind.
func TestSocketFileThatIsThere(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "operator")
	killed := mustListen(t, path)
	if err := killed.UnixListener.Close(); err != nil || answers(path) {
		t.Fatalf("it still listens: %v", err)
	}
	living := mustListen(t, path)
	if _, err := listenSocket(path); err == nil || !strings.Contains(err.Error(), "another process listens there") {
		t.Errorf("a second one: %v", err)
	}
	if !answers(path) {
		t.Error("the living one's file was taken away")
	}
	if err := living.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("notes"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := listenSocket(path); err == nil || !strings.Contains(err.Error(), "no socket file") {
		t.Errorf("where a file lies: %v", err)
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != "notes" {
		t.Errorf("the file is %q, %v", text, err)
	}
}

// A switch that ends takes no other one's file away.
func TestSocketFileOfAnother(t *testing.T) {
	path := filepath.Join(t.TempDir(), "operator")
	old := mustListen(t, path)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	mustListen(t, path)
	for range 2 {
		_ = old.Close() // the second time it is closed already
	}
	if !answers(path) {
		t.Error("it is gone")
	}
}
