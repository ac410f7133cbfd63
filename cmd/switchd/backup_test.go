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

// A backup that somebody else has handed over leads nowhere: no link in it is followed, whether a file's or its
// folder's, and nothing that one leads to is cut off, written or copied. The backup itself may be named by a link.
func TestRestoreFollowsNoLink(t *testing.T) {
	dir := t.TempDir()
	data, backup := filepath.Join(dir, "data"), filepath.Join(dir, "backup")
	j := openJournal(t, data)
	if err := j.PutMeta(t.Context(), "name", []byte("value")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(backup, 0o700); err != nil {
		t.Fatal(err)
	}
	journalOfBackup := filepath.Join(backup, journalFolder)
	if _, err := j.Backup(journalOfBackup); err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	logs, err := filepath.Glob(filepath.Join(journalOfBackup, "*.log"))
	if err != nil || len(logs) == 0 {
		t.Fatalf("logs of the backup: %v, %v", logs, err)
	}
	elsewhere := filepath.Join(dir, "elsewhere")
	restored := filepath.Join(dir, "restored")
	refusedAsLink := func(what, link string, err error) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), link+": is a symbolic link, expected a ") {
			t.Errorf("%s: %v", what, err)
		}
		if _, err := os.Lstat(filepath.Join(restored, journalFolder)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: a refused restore left a journal: %v", what, err)
		}
	}
	for _, link := range []string{
		filepath.Join(journalOfBackup, "LOCK"), filepath.Join(journalOfBackup, pebble.BackupManifestName), logs[0],
	} {
		if err := os.WriteFile(elsewhere, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Lstat(link); err == nil { // what is led to is as good as what stood there
			mustRename(t, link, elsewhere)
		}
		before, err := os.ReadFile(elsewhere)
		if err != nil {
			t.Fatal(err)
		}
		if len(before) == 0 {
			before = []byte("notes")
			if err := os.WriteFile(elsewhere, before, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Symlink(elsewhere, link); err != nil {
			t.Fatal(err)
		}
		for _, unchecked := range []bool{false, true} {
			var out strings.Builder
			refusedAsLink("verify", link, verify(backup, unchecked, &out))
			refusedAsLink("restore", link, restore(t.Context(), backup, restored, unchecked, &out))
		}
		if text, err := os.ReadFile(elsewhere); err != nil || string(text) != string(before) {
			t.Errorf("%s: what it leads to has %d bytes, %v; had %d", link, len(text), err, len(before))
		}
		if err := os.Remove(link); err != nil {
			t.Fatal(err)
		}
		if string(before) != "notes" {
			mustRename(t, elsewhere, link)
		}
	}
	hidden := filepath.Join(dir, "hidden")
	mustRename(t, journalOfBackup, hidden)
	if err := os.Symlink(hidden, journalOfBackup); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	refusedAsLink("restore of a folder elsewhere", journalOfBackup,
		restore(t.Context(), backup, restored, false, &out))
	if err := restore(t.Context(), backup, filepath.Join(dir, "own"), true, &out); err != nil {
		t.Errorf("of a folder of our own whose journal lies on another disk: %v", err)
	}
	if err := os.Remove(journalOfBackup); err != nil {
		t.Fatal(err)
	}
	mustRename(t, hidden, journalOfBackup)
	named := filepath.Join(dir, "named")
	if err := os.Symlink(backup, named); err != nil {
		t.Fatal(err)
	}
	if err := restore(t.Context(), named, restored, false, &out); err != nil {
		t.Errorf("a backup that is named by a link: %v", err)
	}
}
