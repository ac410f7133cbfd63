package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
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

// A key that others may read and a data folder in which they may write are refused at the start, with the command that
// mends it. A folder that they may look into is taken, and so is a key of its user alone.
func TestSecretsOfOthers(t *testing.T) {
	stopped, stop := context.WithCancel(t.Context())
	stop()
	dir := t.TempDir()
	data, key := filepath.Join(dir, "data"), filepath.Join(dir, "switchd.key")
	text, err := pan.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(dir, "switchd.yaml")
	for name, text := range map[string]string{key: text, config: "key: {file: switchd.key}\n"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(data, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		key, folder os.FileMode
		want        string // "" where it starts
	}{
		{0o600, 0o700, ""},
		{0o400, 0o755, ""},
		{0o666, 0o700, "key: " + key + ": its mode is 0666, so that others may read or write it; expected 0600: chmod 600 " +
			key},
		{0o600, 0o777, "data: " + data + ": its mode is 0777, so that others may write there; expected 0700: chmod 700 " +
			data},
	} {
		if err := errors.Join(os.Chmod(key, c.key), os.Chmod(data, c.folder)); err != nil {
			t.Fatal(err)
		}
		err := serve(stopped, &serveFlags{
			config: config, data: data, listen: "127.0.0.1:0", operator: "127.0.0.1:0", logLevel: "error",
			logFormat: "json",
		})
		if c.want == "" && err != nil || c.want != "" && (err == nil || err.Error() != c.want) {
			t.Errorf("key %04o, folder %04o: %v, want %q", c.key, c.folder, err, c.want)
		}
	}
}

// A first start makes the data folder and its key before the operator API's socket is put there.
func TestFirstStartWithItsSocketInTheDataFolder(t *testing.T) {
	stopped, stop := context.WithCancel(t.Context())
	stop()
	data := filepath.Join(t.TempDir(), "data")
	for range 2 { // and the second one finds what the first one left
		err := serve(stopped, &serveFlags{
			data: data, listen: "127.0.0.1:0", operator: "unix:" + filepath.Join(data, "op.sock"), logLevel: "error",
			logFormat: "json",
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
