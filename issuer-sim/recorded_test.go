package issuersim_test

import (
	"os"
	"path/filepath"
	"testing"

	"switchyard/internal/vfs"
	issuersim "switchyard/issuer-sim"
)

// A data folder that was written in November 2026 is read back to the books that it was left with: the numbers of
// classes, kinds and card states, and the shape of every record, keep their meaning.
func TestRecordedLog(t *testing.T) {
	const recorded = "testdata/recorded"
	fs := vfs.NewMem()
	if err := fs.MkdirAll("data", 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"key", "log-000001"} {
		b, err := os.ReadFile(filepath.Join(recorded, name))
		if err != nil {
			t.Fatal(err)
		}
		writeAll(t, fs, "data/"+name, b)
	}
	want, err := os.ReadFile(filepath.Join(recorded, "books.txt"))
	if err != nil {
		t.Fatal(err)
	}
	s := start(t, issuersim.Options{FS: fs, DataDir: "data", Seed: 7})
	got := ""
	for _, path := range []string{"/v1/authorizations", "/v1/cards", "/v1/ledger?audit=1"} {
		_, body := s.http("GET", path, "")
		got += body
	}
	if got != string(want) {
		t.Errorf("read back:\n%s\nwritten with:\n%s", got, want)
	}
	// What it was sent before is a repeat still, and the file is taken.
	m, err := message("0421 stan=16 rrn=R15 amount=90 cur=392 orig=0200:15")
	if err != nil {
		t.Fatal(err)
	}
	if answer := s.exchange(m); answer.String(39) != "00" {
		t.Errorf("a repeat: %s", show(answer))
	}
	if status, body := s.http("POST", "/v1/clearing", present(t, 1)); status != 409 {
		t.Errorf("the file again: %d %s", status, body)
	}
}
