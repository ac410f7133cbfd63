package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"switchyard/internal/pan"
)

// A key is one line, on standard output and in a file, so that a rotation by appending leaves a file of a key a line.
func TestKeygenWritesOneLine(t *testing.T) {
	keygen := func(to string) string {
		t.Helper()
		var out bytes.Buffer
		cmd := newKeygenCmd()
		cmd.SetArgs([]string{to})
		cmd.SetOut(&out)
		if err := cmd.Execute(); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	path := filepath.Join(t.TempDir(), "switchd.key")
	if out := keygen(path); out != "" {
		t.Errorf("keygen FILE prints %d bytes", len(out))
	}
	inFile, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for where, text := range map[string]string{"standard output": keygen("-"), "the file": string(inFile)} {
		if strings.Count(text, "\n") != 1 || !strings.HasSuffix(text, "\n") {
			t.Errorf("%s: %d lines, want one, ended by LF", where, strings.Count(text, "\n"))
		}
		if _, err := pan.ParseKeyring(text); err != nil {
			t.Errorf("%s: %v", where, err)
		}
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v; want 0600", info.Mode(), err)
	}
}
