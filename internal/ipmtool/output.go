package ipmtool

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// An output is a file under way: it stands under a temporary name that only its owner can read, until it is whole.
type output struct {
	name  string // "-" is standard output
	force bool
	file  *os.File
	io.Writer
}

// create begins a file. One that is there is refused unless force is set; one of those that it is made from always is.
func create(name string, force bool, stdout io.Writer, from ...stater) (*output, error) {
	if name == "-" {
		return &output{name: name, Writer: stdout}, nil
	}
	if info, err := os.Lstat(name); err == nil {
		switch target, statErr := os.Stat(name); {
		case statErr == nil && isOneOf(target, from):
			return nil, fmt.Errorf("%s: is what is read: expected another file to write", name)
		case info.IsDir():
			return nil, fmt.Errorf("%s: is a directory, expected a file to write", name)
		case !info.Mode().IsRegular() && info.Mode()&fs.ModeSymlink == 0:
			return nil, fmt.Errorf("%s: is no regular file", name)
		case !force:
			return nil, fmt.Errorf("%s: is there already; --force writes over it", name)
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var random [6]byte
	_, _ = rand.Read(random[:]) // never fails
	temporary := filepath.Join(filepath.Dir(name), "."+filepath.Base(name)+"."+hex.EncodeToString(random[:])+".tmp")
	file, err := os.OpenFile(temporary, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	return &output{name: name, force: force, file: file, Writer: file}, nil
}

// stater is an open file, which says what it is.
type stater interface{ Stat() (fs.FileInfo, error) }

func isOneOf(info fs.FileInfo, files []stater) bool {
	for _, f := range files {
		if other, err := f.Stat(); err == nil && os.SameFile(info, other) {
			return true
		}
	}
	return false
}

// commit makes the file stand under its name, synced. With card numbers in the clear only its owner can read it.
func (o *output) commit(clear bool) error {
	if o.file == nil {
		return nil
	}
	var err error
	if !clear {
		err = o.file.Chmod(0o644)
	}
	err = errors.Join(err, o.file.Sync(), o.file.Close())
	if err == nil && o.force {
		err = os.Rename(o.file.Name(), o.name)
	} else if err == nil { // a link does not replace what came there meanwhile
		err = errors.Join(os.Link(o.file.Name(), o.name), os.Remove(o.file.Name()))
	}
	if err != nil {
		_ = os.Remove(o.file.Name())
		return err
	}
	folder, err := os.Open(filepath.Dir(o.name))
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// discard leaves nothing behind.
func (o *output) discard() {
	if o.file != nil {
		_ = o.file.Close()
		_ = os.Remove(o.file.Name())
	}
}
