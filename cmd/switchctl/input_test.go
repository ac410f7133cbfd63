package main

import (
	"bytes"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// noFiles makes what may stand under a name and is no file that can be read: by its name, what is said of it.
func noFiles(t *testing.T, dir string) map[string]string {
	t.Helper()
	folder, fifo := filepath.Join(dir, "folder"), filepath.Join(dir, "fifo")
	if err := errors.Join(os.Mkdir(folder, 0o700), syscall.Mkfifo(fifo, 0o600)); err != nil {
		t.Fatal(err)
	}
	return map[string]string{
		folder: "is a directory, expected a file", fifo: "is a FIFO", "/dev/zero": "is a device",
		filepath.Join(dir, "none"): "no such file",
	}
}

// Each command that reads a file refuses a directory, a device and a FIFO that nobody writes to, by its name, and waits
// for nobody.
func TestWhatIsNoFile(t *testing.T) {
	dir := t.TempDir()
	good, out := testClearingFile(t, asWritten), filepath.Join(dir, "out.ipm")
	plan := filepath.Join("..", "..", "configs", "settlement.yaml")
	statement := []string{"settlement", "statement", "--clearing", dir, "--from", "2026-11-21", "--to", "2026-11-21"}
	wrong := noFiles(t, dir)
	for _, command := range [][]string{ // @ is the file
		{"clearing", "show", "@"},
		{"clearing", "verify", "@"},
		{"clearing", "verify", "@", good},
		{"clearing", "verify", "--manifest", "@", good},
		{"clearing", "diff", "@", good},
		{"clearing", "diff", good, "@"},
		{"clearing", "diff", "--detail", good, "@"},
		{"clearing", "stats", "@"},
		{"clearing", "convert", "@", out},
		{"clearing", "convert", "--like", "@", good, out},
		{"clearing", "new", "@", out},
		{"clearing", "anonymize", "@", out},
		{"clearing", "anonymize", "--key-file", "@", good, out},
		{"clearing", "replay", "@", "--dry-run", "--to-folder", dir},
		{"clearing", "replay", good, "--dry-run", "--to-folder", dir, "--state", "@"},
		{"clearing", "receive", "@"},
		{"clearing", "rebuild", "--date", "2026-11-21", "--check", "--data", dir, "--key-file", "@"},
		append(slices.Clone(statement), "--plan", "@"),
		append(slices.Clone(statement), "--plan", plan, "--opening", "@"),
		{"iso", "@"},
		{"iso", "decode", "@"},
		{"iso", "build", "--file", "@"},
		{"iso", "--dialect", "@", plan},
		{"load", "check", "@"},
		{"load", "report", "@"},
		{"load", "--replay", "@", "--connect", "127.0.0.1:1"},
		{"days", "--token-file", "@"},
		{"days", "--ca", "@"},
		{"send", "ping", "--name", "g", "--secret-file", "@"},
		{"send", "ping", "--tls-ca", "@"},
	} {
		for name, want := range wrong {
			args := slices.Clone(command)
			at := slices.Index(args, "@")
			args[at] = name
			// A state that is not there is a new one, and the name of no file is one of a dialect.
			if strings.HasSuffix(name, "none") && slices.Contains([]string{"--state", "--dialect"}, args[at-1]) {
				continue
			}
			if said := ran(t, args...); !strings.Contains(said, want) || !strings.Contains(said, name) {
				t.Errorf("%s: said %q, want %q", strings.Join(args, " "), said, want)
			}
		}
	}
	if _, err := os.Stat(out); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("refused, and OUT is there: %v", err)
	}
}

// ran runs a command that must fail and returns all that it said.
func ran(t *testing.T, args ...string) string {
	t.Helper()
	cmd := newRootCmd()
	var said bytes.Buffer
	cmd.SetOut(&said)
	cmd.SetErr(&said)
	cmd.SetIn(bytes.NewReader(nil))
	cmd.SetArgs(args)
	err := cmd.ExecuteContext(t.Context())
	if err == nil {
		t.Errorf("%s: done, where an error is expected", strings.Join(args, " "))
		return said.String()
	}
	return said.String() + err.Error()
}

// Each command that takes a clearing file says of one that cannot be read where it is wrong, and writes nothing.
func TestClearingFilesThatCannotBeRead(t *testing.T) {
	dir := t.TempDir()
	good, err := os.ReadFile(testClearingFile(t, asWritten))
	if err != nil {
		t.Fatal(err)
	}
	words, err := hex.DecodeString("f1f6f4f4") // 1644 in cp500
	if err != nil {
		t.Fatal(err)
	}
	const header = 4 + 74 // its length and its record
	at := func(place int, put ...byte) []byte {
		changed := bytes.Clone(good)
		copy(changed[place:], put)
		return changed
	}
	for name, file := range map[string]struct {
		text []byte
		want string
	}{
		"empty": {nil, "is empty"},
		"2^31 as a length": {
			at(header, 0x80, 0, 0, 0), "record 2 at byte 78: its length stands as 80 00 00 00, 20 to 6000 expected",
		},
		"2^31-1 as a length": {at(header, 0x7f, 0xff, 0xff, 0xff), "record 2 at byte 78: its length stands as 7f ff ff ff"},
		"2^31 as the first":  {at(0, 0x80, 0, 0, 0), "record 1 at byte 0: its length stands as 80 00 00 00"},
		"mixed code pages": {
			at(header+4, words...), "record 2 at byte 82: the message type is not four digits in ascii, but in cp500 it is",
		},
		"cut in a record": {good[:header+50], "record 2 at byte 78: the file ends within the record"},
		"zeros":           {make([]byte, 4096), "file at byte 4056: the last block has 40 bytes, 1014 expected"},
	} {
		in := filepath.Join(dir, "in.ipm")
		if err := os.WriteFile(in, file.text, 0o600); err != nil {
			t.Fatal(err)
		}
		whole, out := filepath.Join(dir, "whole.ipm"), filepath.Join(dir, "out.ipm")
		if err := os.WriteFile(whole, good, 0o600); err != nil {
			t.Fatal(err)
		}
		for _, args := range [][]string{
			{"show", in}, {"verify", in}, {"diff", in, whole}, {"diff", whole, in}, {"stats", in},
			{"convert", "--blocking", "rdw", in, out}, {"anonymize", in, out},
			{"replay", in, "--dry-run", "--connect", "127.0.0.1:1"},
		} {
			said := ran(t, append([]string{"clearing"}, args...)...)
			if !strings.Contains(said, file.want) {
				t.Errorf("%s: %s: said %q, want %q", name, strings.Join(args, " "), said, file.want)
			}
		}
		left, err := filepath.Glob(filepath.Join(dir, "*out.ipm*"))
		if err != nil || len(left) > 0 {
			t.Errorf("%s: refused, and %q is left, %v", name, left, err)
		}
	}
}
