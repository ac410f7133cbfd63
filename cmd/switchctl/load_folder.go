package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// folderMark is the file by which a folder that a run made is known again, so that nothing else is ever deleted.
const folderMark = ".switchyard-run"

// errNotOurs keeps a folder with other people's files from being emptied.
var errNotOurs = errors.New("holds files that no earlier run made: name another folder, or delete it yourself")

// freshFolder makes an empty folder, in place of the one that an earlier run made.
func freshFolder(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if len(entries) > 0 {
		if _, err := os.Stat(filepath.Join(dir, folderMark)); err != nil {
			return fmt.Errorf("%s: %w", dir, errNotOurs)
		}
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, folderMark), []byte("Made by switchctl; deleted and made anew by its next run.\n"), 0o600)
}
