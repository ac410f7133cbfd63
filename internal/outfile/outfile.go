// Package outfile writes files into folders in which others may have put something beforehand.
//
// It writes regular files only and by way of no symbolic link: nobody who may write in a folder has a file elsewhere
// cut off or written over. The folder itself may be a link. It is not for what a daemon keeps (package vfs), nor for a
// file that a person names, who may mean a link or a device: where that has to be a new one, Make is.
package outfile

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"

	"switchyard/internal/infile"
)

// Create opens a file to write it from its beginning, with the given mode where it is made. An earlier one is written
// over.
func Create(name string, mode os.FileMode) (*os.File, error) {
	// It is cut off once it is known what it is. O_NONBLOCK: opening a FIFO would wait for its other side.
	const flags = os.O_WRONLY | os.O_CREATE | syscall.O_NOFOLLOW | syscall.O_NONBLOCK
	file, err := os.OpenFile(name, flags, mode)
	if err != nil {
		if info, statErr := os.Lstat(name); statErr == nil {
			err = errors.Join(infile.Regular(name, info), err)
		}
		return nil, err
	}
	info, err := file.Stat()
	if err == nil {
		err = infile.Regular(name, info)
	}
	if err == nil {
		err = file.Truncate(0)
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

// Make makes a file of a text, synced and for its user alone. What has its name already is left as it is: the error is
// fs.ErrExist then, of a link too, wherever it leads. What could not be written whole is taken away again.
func Make(name string, text []byte) error {
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return errors.Join(err, os.Remove(name))
	}
	return nil
}

// Replace puts a file of a text, synced and for its user alone, in the place of what has its name. Who reads the name
// finds all of the text, or what was there before.
func Replace(name string, text []byte) (err error) {
	file, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".*.tmp")
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err == nil {
		err = os.Rename(file.Name(), name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	return nil
}
