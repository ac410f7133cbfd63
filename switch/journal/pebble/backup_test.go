package pebble

import (
	"errors"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"switchyard/switch/journal"
)

// A backup holds against its manifest; whatever is missing, cut, changed or added is named.
func TestBackup(t *testing.T) {
	fs := vfs.NewMem()
	j := marked(t, fs)
	for n := range uint64(40) {
		commit(t, j, &journal.Transition{Payment: fresh(n + 1), Opens: []int{0}})
	}
	if err := fs.MkdirAll("safe", 0o700); err != nil {
		t.Fatal(err)
	}
	if position, err := j.Backup("safe/whole"); err != nil || position != 40 {
		t.Fatalf("a backup that ends with commit %d, %v", position, err)
	}
	made, err := CheckBackup(fs, "safe/whole")
	if err != nil {
		t.Fatal(err)
	}
	if made.Position != 40 || made.Batch == 0 || len(made.Files) < 3 {
		t.Errorf("manifest %+v", made)
	}
	log := strings.TrimPrefix(newestLog(t, fs, "safe/whole"), "safe/whole/")
	for name, damage := range map[string]func(dir string){
		"no manifest": func(dir string) { remove(t, fs, dir+"/"+BackupManifestName) },
		"no log":      func(dir string) { remove(t, fs, dir+"/"+log) },
		"log cut to half": func(dir string) {
			text := file(t, fs, dir+"/"+log)
			write(t, fs, dir+"/"+log, text[:len(text)/2])
		},
		"one bit of the log": func(dir string) {
			text := file(t, fs, dir+"/"+log)
			text[len(text)-20] ^= 1
			write(t, fs, dir+"/"+log, text)
		},
		"a file too many": func(dir string) { write(t, fs, dir+"/000099.log", []byte("log")) },
		"half a manifest": func(dir string) {
			text := file(t, fs, dir+"/"+BackupManifestName)
			write(t, fs, dir+"/"+BackupManifestName, text[:len(text)/2])
		},
		"another manifest": func(dir string) { write(t, fs, dir+"/"+BackupManifestName, []byte(`{"format":2}`)) },
	} {
		t.Run(name, func(t *testing.T) {
			copyFolder(t, fs, "safe/whole", "safe/damaged")
			defer func() { _ = fs.RemoveAll("safe/damaged") }()
			damage("safe/damaged")
			_, err := CheckBackup(fs, "safe/damaged")
			if err == nil {
				t.Fatal("it passes")
			}
			if (name == "no manifest") != errors.Is(err, ErrNoManifest) {
				t.Errorf("it says: %v", err)
			}
		})
	}
}

func remove(t testing.TB, fs vfs.FS, path string) {
	t.Helper()
	if err := fs.Remove(path); err != nil {
		t.Fatal(err)
	}
}
