package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"switchyard/internal/httpcall"
)

// socketFile is the listener of a socket file.
type socketFile struct {
	*net.UnixListener
	path string
	made os.FileInfo // what lies at path while it is ours

	closing sync.Once
}

// listenSocket serves a socket file, for the user of the switch alone. One that nobody listens at any more, since its
// switch was killed, gives way; a living switch's does not.
func listenSocket(path string) (*socketFile, error) {
	var s *socketFile
	err := locked(filepath.Dir(path), func() (err error) {
		if err := clear(path); err != nil {
			return err
		}
		l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
		if err != nil {
			return err
		}
		l.SetUnlinkOnClose(false)              // see Close
		const ownersAlone = fs.FileMode(0o600) // until here the umask has kept others away
		if err := os.Chmod(path, ownersAlone); err != nil {
			return errors.Join(err, l.Close())
		}
		made, err := os.Lstat(path)
		if err != nil {
			return errors.Join(err, l.Close())
		}
		s = &socketFile{UnixListener: l, path: path, made: made}
		return nil
	})
	return s, err
}

// clear removes a socket file that nobody listens at.
func clear(path string) error {
	there, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case there.Mode().Type() != fs.ModeSocket:
		return fmt.Errorf("%s is there and no socket file: expected none, or one that a switch has left", path)
	}
	c, err := net.Dial("unix", path)
	switch {
	case err == nil:
		return errors.Join(fmt.Errorf("%s: another process listens there", path), c.Close())
	case errors.Is(err, fs.ErrNotExist): // its switch has just removed it
		return nil
	case !errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("%s is there, and whether somebody listens cannot be told: %w", path, err)
	}
	return os.Remove(path)
}

// locked runs something while no other switch does in the same folder: none takes away a socket file that another has
// just made.
func locked(dir string, run func() error) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	if err := syscall.Flock(int(d.Fd()), syscall.LOCK_EX); err != nil {
		return errors.Join(&fs.PathError{Op: "lock", Path: dir, Err: err}, d.Close())
	}
	return errors.Join(run(), d.Close()) // the lock goes with it
}

// Close ends it and removes its file, unless another one lies there by now. The file goes first: nobody finds one that
// nobody listens at.
func (s *socketFile) Close() error {
	err := net.ErrClosed
	s.closing.Do(func() {
		err = locked(filepath.Dir(s.path), func() error {
			there, err := os.Lstat(s.path)
			if err != nil || !os.SameFile(there, s.made) {
				return nil
			}
			return os.Remove(s.path)
		})
		err = errors.Join(err, s.UnixListener.Close())
	})
	return err
}

// splitOperator tells what --operator names: the address of a port, or unix:PATH.
func splitOperator(text string) (listen, socket string) {
	if path, ok := strings.CutPrefix(text, httpcall.Socket); ok {
		return "", path
	}
	return text, ""
}
