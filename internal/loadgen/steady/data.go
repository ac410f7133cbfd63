package steady

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// tableFile is how a file of the journal ends that is never written again.
const tableFile = ".sst"

// beginWith puts a switch's data where another will look for it. The journal's tables are linked and not copied: the
// switch may delete them, and writes into none.
func beginWith(data, dir string) error {
	return filepath.WalkDir(data, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(data, path)
		if err != nil {
			return err
		}
		to := filepath.Join(dir, name)
		switch {
		case entry.IsDir():
			return os.MkdirAll(to, 0o700)
		case filepath.Ext(path) == tableFile:
			return os.Link(path, to)
		}
		return copyFile(path, to)
	})
}

func copyFile(path, to string) error {
	from, err := os.Open(path)
	if err != nil {
		return err
	}
	defer from.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, from)
	return errors.Join(err, out.Close())
}
