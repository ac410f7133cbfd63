package vfs_test

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"switchyard/internal/vfs"
)

// opening are the ways of opening a file that may be there already.
var opening = map[string]func(name string) (io.Closer, error){
	"Open": func(name string) (io.Closer, error) { return vfs.Default.Open(name) },
	"OpenReadWrite": func(name string) (io.Closer, error) {
		return vfs.Default.OpenReadWrite(name, vfs.WriteCategoryUnspecified)
	},
	"ReuseForWrite": func(name string) (io.Closer, error) {
		return vfs.Default.ReuseForWrite(name, name+".new", vfs.WriteCategoryUnspecified)
	},
	"Lock": func(name string) (io.Closer, error) { return vfs.Default.Lock(name) },
}

// A link is never followed to a file: what it leads to is neither read, cut off, written nor made.
func TestNoLinkIsFollowed(t *testing.T) {
	for how, open := range opening {
		dir := t.TempDir()
		notes, link, dangling := filepath.Join(dir, "notes"), filepath.Join(dir, "link"), filepath.Join(dir, "dangling")
		mustWrite(t, notes, "notes")
		mustLink(t, notes, link)
		mustLink(t, filepath.Join(dir, "nothing"), dangling)
		for _, name := range []string{link, dangling} {
			f, err := open(name)
			if err == nil || !strings.Contains(err.Error(), name+": is a symbolic link, expected a regular file") {
				t.Errorf("%s %s: %v, %v", how, name, f, err)
			}
		}
		if text, err := os.ReadFile(notes); err != nil || string(text) != "notes" {
			t.Errorf("%s: what the link leads to is %q, %v", how, text, err)
		}
		if _, err := os.Lstat(filepath.Join(dir, "nothing")); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: what the dangling link leads to was made: %v", how, err)
		}
	}
}

// A FIFO is refused and not waited for.
func TestNoFIFOIsOpened(t *testing.T) {
	for how, open := range opening {
		name := filepath.Join(t.TempDir(), "fifo")
		if err := syscall.Mkfifo(name, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := open(name); err == nil || !strings.Contains(err.Error(), "is a FIFO, expected a regular file") {
			t.Errorf("%s: %v", how, err)
		}
	}
}

// Create takes the place of a link, and leaves what that leads to.
func TestCreateTakesTheLinksPlace(t *testing.T) {
	dir := t.TempDir()
	notes, link := filepath.Join(dir, "notes"), filepath.Join(dir, "link")
	mustWrite(t, notes, "notes")
	mustLink(t, notes, link)
	f, err := vfs.Default.Create(link, vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte("made")); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(notes); err != nil || string(text) != "notes" {
		t.Errorf("what the link led to is %q, %v", text, err)
	}
	if info, err := os.Lstat(link); err != nil || !info.Mode().IsRegular() {
		t.Errorf("it is %v, %v", info, err)
	}
}

// What is made is its user's alone where the umask would let everybody read and write it.
func TestFilesAreTheirUsersAlone(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0))
	making := map[string]func(name string) (io.Closer, error){
		"Create": func(name string) (io.Closer, error) {
			return vfs.Default.Create(name, vfs.WriteCategoryUnspecified)
		},
		"OpenReadWrite": opening["OpenReadWrite"],
		"Lock":          opening["Lock"],
	}
	for how, create := range making {
		name := filepath.Join(t.TempDir(), "made")
		f, err := create(name)
		if err != nil {
			t.Fatalf("%s: %v", how, err)
		}
		if info, err := os.Lstat(name); err != nil || info.Mode() != 0o600 {
			t.Errorf("%s: it is %v, %v", how, info.Mode(), err)
		}
		if err := f.Close(); err != nil {
			t.Errorf("%s: %v", how, err)
		}
	}
}

// A lock is had once, also within a process, until it is given back; taking it cuts nothing off.
func TestLock(t *testing.T) {
	name := filepath.Join(t.TempDir(), "LOCK")
	mustWrite(t, name, "no lock file")
	for range 2 {
		lock, err := vfs.Default.Lock(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := vfs.Default.Lock(name); err == nil || !strings.Contains(err.Error(), "has locked it already") {
			t.Errorf("a second time: %v", err)
		}
		if err := lock.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if text, err := os.ReadFile(name); err != nil || string(text) != "no lock file" {
		t.Errorf("the file is %q, %v", text, err)
	}
}

func mustWrite(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func mustLink(t *testing.T, to, name string) {
	t.Helper()
	if err := os.Symlink(to, name); err != nil {
		t.Fatal(err)
	}
}
