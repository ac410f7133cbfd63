package daemons_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"switchyard/internal/daemons"
)

func TestFreshFolderDeletesOnlyItsOwn(t *testing.T) {
	dir := t.TempDir()
	theirs := filepath.Join(dir, "letter.txt")
	if err := os.WriteFile(theirs, []byte("dear"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := daemons.FreshFolder(dir); !errors.Is(err, daemons.ErrNotOurs) {
		t.Errorf("error %v, want a refusal", err)
	}
	if _, err := os.Stat(theirs); err != nil {
		t.Fatal(err)
	}
	ours := filepath.Join(dir, "new", "run")
	for range 2 {
		if err := daemons.FreshFolder(ours); err != nil {
			t.Fatal(err)
		}
		left := filepath.Join(ours, "left-over")
		if _, err := os.Stat(left); err == nil {
			t.Error("what the run before left is still there")
		}
		if err := os.WriteFile(left, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
