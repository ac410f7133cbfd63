package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"switchyard/internal/vfs"
	"switchyard/switch/journal/pebble"
)

func openJournal(t *testing.T, data string) *pebble.Journal {
	t.Helper()
	j, err := pebble.Open(pebble.Options{
		FS: vfs.Default, Dir: filepath.Join(data, journalFolder), Mark: data + ".mark",
		Fatal: func(msg string, err error) { t.Errorf("%s: %v", msg, err) },
	})
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// verify and restore take a whole backup, and refuse one that has no manifest or lacks its end; a stopped switch's
// folder is held against its mark instead. A restored journal is held.
func TestBackupVerifyRestore(t *testing.T) {
	dir := t.TempDir()
	data, backup := filepath.Join(dir, "data"), filepath.Join(dir, "backup")
	j := openJournal(t, data)
	for range 100 {
		if err := j.PutMeta(t.Context(), "name", []byte("value")); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(backup, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := j.Backup(filepath.Join(backup, journalFolder)); err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for _, folder := range []string{data, backup} {
		if err := verify(folder, false, &out); err != nil {
			t.Errorf("verify %s: %v", folder, err)
		}
	}
	if !strings.Contains(out.String(), "as its manifest says") {
		t.Errorf("verify says %q", out.String())
	}
	manifest := filepath.Join(backup, journalFolder, pebble.BackupManifestName)
	hidden := filepath.Join(dir, "hidden.json")
	mustRename(t, manifest, hidden)
	restored := filepath.Join(dir, "restored")
	refused := map[string]error{
		"verify without a manifest":  verify(backup, false, &out),
		"restore without a manifest": restore(context.Background(), backup, restored, false, &out),
		"verify of an empty folder":  verify(dir, false, &out),
	}
	if err := verify(backup, true, &out); err != nil {
		t.Errorf("verify --%s: %v", withoutManifest, err)
	}
	mustRename(t, hidden, manifest)
	logs, err := filepath.Glob(filepath.Join(backup, journalFolder, "*.log"))
	if err != nil || len(logs) == 0 {
		t.Fatalf("logs of the backup: %v, %v", logs, err)
	}
	newest := logs[len(logs)-1]
	mustRename(t, newest, hidden)
	refused["verify without its log"] = verify(backup, false, &out)
	refused["restore without its log"] = restore(context.Background(), backup, restored, false, &out)
	mustRename(t, hidden, newest)
	for what, err := range refused {
		if err == nil {
			t.Errorf("%s: it passes", what)
		}
	}
	if _, err := os.Stat(filepath.Join(restored, journalFolder)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a refused restore left a journal: %v", err)
	}
	if err := restore(context.Background(), backup, restored, false, &out); err != nil {
		t.Fatal(err)
	}
	j = openJournal(t, restored)
	if h := j.Hold(); h == nil || !strings.Contains(h.Reasons[0], "restored from a backup") {
		t.Errorf("held: %+v", h)
	}
	if v, err := j.Meta(t.Context(), "name"); err != nil || string(v) != "value" {
		t.Errorf("the restored value: %q, %v", v, err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
}

func mustRename(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}
