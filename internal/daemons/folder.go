package daemons

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// folderMark is the file by which a folder that a run made is known again, so that nothing else is ever deleted.
const (
	folderMark = ".switchyard-run"
	folderText = "Made by switchctl; deleted and made anew by its next run.\n"
)

// ErrNotOurs keeps a folder with other people's files from being emptied.
var ErrNotOurs = errors.New("holds files that no earlier run made: name another folder, or delete it yourself")

// FreshFolder makes an empty folder, in place of the one that an earlier run made.
func FreshFolder(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if len(entries) > 0 {
		if _, err := os.Stat(filepath.Join(dir, folderMark)); err != nil {
			return fmt.Errorf("%s: %w", dir, ErrNotOurs)
		}
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, folderMark), []byte(folderText), 0o600)
}
