package main

import (
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
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

	data, keyFile := stoppedData(t, s, key)
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

// stoppedData stops a switch and returns what it leaves: its data folder, on the disk, and its key file.
func stoppedData(t *testing.T, s *switchtest.System, key string) (data, keyFile string) {
	t.Helper()
	s.StopSwitch()
	data, keyFile = filepath.Join(t.TempDir(), "data"), filepath.Join(t.TempDir(), "key")
	_, err := vfs.Clone(s.FS, vfs.Default, s.Config.Data, data)
	if err = errors.Join(err, os.WriteFile(keyFile, []byte(key), 0o600)); err != nil {
		t.Fatal(err)
	}
	return data, keyFile
}

// Another card in a file of a stopped switch, with the same first six and last four digits, and sums that fit it: the
// audit finds it where it has the key, and says that it does not look where it has none.
func TestAuditOfAStoppedSwitchMakesFilesAgain(t *testing.T) {
	key := mustKey(t)
	s := switchtest.Start(t, switchtest.Options{KeyText: key})
	s.Do(switchtest.On(api.OpCapture, "c", s.Do(switchtest.Authorize("a", 1000)).Payment, 1000))
	s.AwaitDrained()
	var closed struct {
		Files []struct{ IPM, Manifest string }
	}
	s.Operator("POST", "/v1/cutover", &closed)
	data, keyFile := stoppedData(t, s, key)
	run := func(args ...string) (out, said string, err error) {
		return execute(t, newAuditCmd(), append([]string{"--data", data, "--issuer", s.ControlAddr}, args...)...)
	}
	if out, said, err := run("--key-file", keyFile); err != nil || said != "" {
		t.Errorf("%s, %q, %v", out, said, err)
	}

	inData := func(name string) string { return filepath.Join(data, strings.TrimPrefix(name, s.Config.Data)) }
	ipm, manifest := inData(closed.Files[0].IPM), inData(closed.Files[0].Manifest)
	const one, two = "\xf1", "\xf2" // in cp500
	card := "\xf4" + strings.Repeat(one, 15)
	was, is := change(t, ipm, card, card[:6]+strings.Repeat(two, 6)+card[12:])
	change(t, manifest, was, is)
	if out, said, err := run(); err != nil || !strings.HasPrefix(said, "no key: ") {
		t.Errorf("without the key: %s, %q, %v", out, said, err)
	}
	for _, args := range [][]string{{"--key-file", keyFile}, {}} {
		out, said, err := run(args...)
		if !errors.Is(err, errNo) || said != "" || !strings.Contains(out, "differences: 2\n") ||
			!strings.Contains(out, filepath.Base(ipm)+": made again from the journal it has") {
			t.Errorf("%q: another card: %s, %q, %v", args, out, said, err)
		}
		if err := os.WriteFile(filepath.Join(data, "switchd.key"), []byte(key), 0o600); err != nil { // its own place
			t.Fatal(err)
		}
	}
	if out, _, err := run("--rebuild=false"); err != nil {
		t.Errorf("not made again: %s, %v", out, err)
	}
	for _, args := range [][]string{{"--key-file", ipm}, {"--key-file", filepath.Join(data, "none")}} {
		if _, _, err := run(args...); err == nil || errors.Is(err, errNo) || !strings.Contains(err.Error(), "key: ") {
			t.Errorf("%q: %v", args, err)
		}
	}
}

// change puts to in the place of from in a file, which has it once, and returns the file's SHA-256 before and after.
func change(t *testing.T, name, from, to string) (was, is string) {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil || strings.Count(string(text), from) != 1 {
		t.Fatalf("%s: %v, has %d times %q", name, err, strings.Count(string(text), from), from)
	}
	changed := []byte(strings.Replace(string(text), from, to, 1))
	if err := os.WriteFile(name, changed, 0o600); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%x", sha256.Sum256(text)), fmt.Sprintf("%x", sha256.Sum256(changed))
}

func mustKey(t *testing.T) string {
	t.Helper()
	text, err := pan.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
