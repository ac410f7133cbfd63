package outfile_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"switchyard/internal/outfile"
)

// A link that lies under the name leads nowhere: what it names is as it was, and is not made where it was not there.
func TestCreateFollowsNoLink(t *testing.T) {
	dir := t.TempDir()
	notes, report := filepath.Join(dir, "notes"), filepath.Join(dir, "report")
	for _, there := range []bool{false, true} {
		if there {
			mustWrite(t, notes, "notes")
		}
		if err := os.Symlink(notes, report); err != nil {
			t.Fatal(err)
		}
		_, err := outfile.Create(report, 0o600)
		if err == nil || !strings.Contains(err.Error(), report+": is a symbolic link, expected a regular file") {
			t.Errorf("a link: %v", err)
		}
		text, err := os.ReadFile(notes)
		if there && string(text) != "notes" || !there && !os.IsNotExist(err) {
			t.Errorf("there before: %v; what it leads to is %q, %v", there, text, err)
		}
		if err := os.Remove(report); err != nil {
			t.Fatal(err)
		}
	}
}

// What is made is whole and its user's alone, and is never put in the place of anything.
func TestMake(t *testing.T) {
	dir := t.TempDir()
	name, link := filepath.Join(dir, "secret"), filepath.Join(dir, "link")
	if err := outfile.Make(name, []byte("first")); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("made: %v, %v; want mode 0600", info, err)
	}
	if err := os.Symlink(filepath.Join(dir, "elsewhere"), link); err != nil {
		t.Fatal(err)
	}
	for _, there := range []string{name, link} {
		if err := outfile.Make(there, []byte("second")); !errors.Is(err, fs.ErrExist) {
			t.Errorf("%s is there: %v", there, err)
		}
	}
	if text, err := os.ReadFile(name); err != nil || string(text) != "first" {
		t.Errorf("it says %q, %v", text, err)
	}
	if _, err := os.Lstat(filepath.Join(dir, "elsewhere")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what the link leads to: %v", err)
	}
}

// A FIFO is not waited for.
func TestCreateIntoFIFO(t *testing.T) {
	name := filepath.Join(t.TempDir(), "report")
	if err := syscall.Mkfifo(name, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := outfile.Create(name, 0o600); err == nil || !strings.Contains(err.Error(), "is a FIFO") {
		t.Errorf("a FIFO: %v", err)
	}
}

func TestCreateWritesOver(t *testing.T) {
	name := filepath.Join(t.TempDir(), "report")
	for _, text := range []string{"a long one", "short"} {
		file, err := outfile.Create(name, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := file.WriteString(text); err != nil {
			t.Fatal(err)
		}
		if err := file.Close(); err != nil {
			t.Fatal(err)
		}
		if is, err := os.ReadFile(name); err != nil || string(is) != text {
			t.Errorf("it is %q, %v; want %q", is, err, text)
		}
	}
}

// Replace takes the place of a link, and leaves what that leads to and nothing beside it.
func TestReplace(t *testing.T) {
	elsewhere, dir := filepath.Join(t.TempDir(), "notes"), t.TempDir()
	mustWrite(t, elsewhere, "notes")
	name := filepath.Join(dir, "ready")
	if err := os.Symlink(elsewhere, name); err != nil {
		t.Fatal(err)
	}
	if err := outfile.Replace(name, []byte("ports")); err != nil {
		t.Fatal(err)
	}
	info, err := os.Lstat(name)
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("it is %v, %v; want a file of mode 0600", info.Mode(), err)
	}
	for name, want := range map[string]string{name: "ports", elsewhere: "notes"} {
		if text, err := os.ReadFile(name); err != nil || string(text) != want {
			t.Errorf("%s: %q, %v; want %q", name, text, err, want)
		}
	}
	if all, err := os.ReadDir(dir); err != nil || len(all) != 1 {
		t.Errorf("beside it: %v, %v", all, err)
	}
}

func mustWrite(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
