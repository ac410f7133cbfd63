package main

import (
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"switchyard/internal/pan"
	"switchyard/internal/vfs"
	"switchyard/switch/api"
	"switchyard/switch/switchtest"
)

// A running switch makes a date's files again, and the journal of a stopped one does: the same as were delivered.
func TestClearingRebuild(t *testing.T) {
	key, err := pan.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s := switchtest.Start(t, switchtest.Options{KeyText: key})
	p := s.Do(switchtest.Authorize("a", 1000))
	s.Do(switchtest.On(api.OpCapture, "c", p.Payment, 1000))
	s.AwaitDrained()
	var closed struct {
		BusinessDate string `json:"business_date"`
		Files        []struct {
			IPM string `json:"ipm"`
		} `json:"files"`
	}
	s.Operator("POST", "/v1/cutover", &closed)
	date, again := closed.BusinessDate, filepath.Join(t.TempDir(), "again")
	run := func(args ...string) (out, said string, err error) {
		return execute(t, newClearingRebuildCmd(), append([]string{"--date", date}, args...)...)
	}
	at := []string{"--operator", s.OperatorAddr}
	if out, said, err := run(append(at, "--check", "--out", again)...); err != nil ||
		out != date+": 4 files written to "+again+"\n"+date+": 4 files, the same to the byte\n" {
		t.Errorf("%q, %q, %v", out, said, err)
	}
	if out, said, err := run(append(at, "--out", again)...); !errors.Is(err, errNo) ||
		!strings.Contains(said, "expected a new folder") {
		t.Errorf("to a folder that is there: %q, %q, %v", out, said, err)
	}
	stats, err := s.API().Stats(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for date, want := range map[string]string{stats.OpenDay: "it has no files yet", "2001-01-01": "2001-01-01"} {
		_, said, err := execute(t, newClearingRebuildCmd(), append(at, "--check", "--date", date)...)
		if !errors.Is(err, errNo) || !strings.Contains(said, want) {
			t.Errorf("%s: %q, %v", date, said, err)
		}
	}
	for _, args := range [][]string{{}, {"--check", "--date", "26-11-2026"}, {"--check", "--key-file", "k"}} {
		if _, _, err := run(append(at, args...)...); err == nil || errors.Is(err, errNo) {
			t.Errorf("%q: %v", args, err)
		}
	}

	s.StopSwitch()
	data := filepath.Join(t.TempDir(), "data")
	if _, err := vfs.Clone(s.FS, vfs.Default, s.Config.Data, data); err != nil {
		t.Fatal(err)
	}
	keyFile := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(keyFile, []byte(key), 0o600); err != nil {
		t.Fatal(err)
	}
	stopped := []string{"--data", data, "--key-file", keyFile}
	if out, said, err := run(append(stopped, "--check")...); err != nil ||
		out != date+": 4 files, the same to the byte\n" {
		t.Errorf("of a stopped switch: %q, %q, %v", out, said, err)
	}
	name := filepath.Join(data, "clearing", date, filepath.Base(closed.Files[0].IPM))
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	amount := strings.Repeat("\xf0", 14) + "\xf1\xf0\xf0" // DE3 and DE4, 000000001000, but for its last digit
	changed := strings.Replace(string(text), amount+"\xf0", amount+"\xf1", 1)
	if err := os.WriteFile(name, []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
	out, said, err := run(append(stopped, "--check")...)
	want := `record 2, DE4: rebuilt "000000001000  10.00 EUR", delivered "000000001001  10.01 EUR"`
	if !errors.Is(err, errNo) || !strings.Contains(out, want) {
		t.Errorf("a changed amount: %q, %q, %v; want %s", out, said, err, want)
	}
	if out, _, err := run(append(stopped, "--check", "--json")...); !errors.Is(err, errNo) ||
		!strings.Contains(out, `"field": "DE4"`) {
		t.Errorf("as JSON: %q, %v", out, err)
	}
	if err := os.WriteFile(keyFile, []byte(mustKey(t)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := run(append(stopped, "--check")...); err == nil || errors.Is(err, errNo) {
		t.Errorf("with another key: %v", err)
	}
	if err := os.Remove(keyFile); err != nil {
		t.Fatal(err)
	}
	if _, _, err := run(append(stopped, "--check")...); err == nil || !strings.Contains(err.Error(), "--key-file") {
		t.Errorf("without a key: %v", err)
	}
}

func mustKey(t *testing.T) string {
	t.Helper()
	text, err := pan.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
