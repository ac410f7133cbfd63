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
	s := startRecorded(t, "testdata/recorded", "/v1/authorizations", "/v1/cards", "/v1/ledger?audit=1")
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

// And so is one with chargebacks by order and by a rule, of parts, and of what was presented again.
func TestRecordedDisputes(t *testing.T) {
	s := startRecorded(t, "testdata/recorded-disputes", "/v1/authorizations", "/v1/clearing", "/v1/ledger?audit=1")
	s.order("chargebacks", `{"arn":"`+testARN(t, 1)+`","reason":"4853"}`, 200, `"reference":"0000000006"`)
	s.order("chargebacks", `{"arn":"`+testARN(t, 1)+`","reason":"4853","second":true}`, 409, "before")
}

// startRecorded starts a server with a data folder that was recorded, whose books must be as they are told there, in
// the order of the paths.
func startRecorded(t *testing.T, recorded string, paths ...string) *sim {
	t.Helper()
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
	for _, path := range paths {
		_, body := s.http("GET", path, "")
		got += body
	}
	if got != string(want) {
		t.Errorf("read back:\n%s\nwritten with:\n%s", got, want)
	}
	return s
}
