package vfs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
	"syscall"

	"github.com/cockroachdb/pebble/v2/vfs"
	"golang.org/x/sys/unix"

	"switchyard/internal/infile"
)

// ownerAlone is the mode of the files that are made: card numbers stand in them, or next to them.
const ownerAlone = 0o600

// machine is the file system of the machine. It opens regular files only and follows no symbolic link to one, since
// whoever hands over a folder, such as a backup, may have put into it what leads elsewhere, or where reading never
// ends. A folder above a file may be a link. What it makes is its user's alone, whatever the umask.
type machine struct{ vfs.FS }

// Create implements FS. What stands under the name is removed, not followed.
func (m machine) Create(name string, category DiskWriteCategory) (File, error) {
	file, err := m.FS.Create(name, category)
	if err != nil {
		return nil, err
	}
	if err := unix.Fchmod(int(file.Fd()), ownerAlone); err != nil {
		return nil, errors.Join(&fs.PathError{Op: "chmod", Path: name, Err: err}, file.Close())
	}
	return file, nil
}

// Open implements FS. It opens a folder, too: Clone asks what it has opened whether it is one.
func (m machine) Open(name string, opts ...OpenOption) (File, error) {
	there, err := regular(name)
	if err != nil && (there == nil || !there.IsDir()) {
		return nil, err
	}
	file, err := m.FS.Open(name, opts...)
	return stillThat(there, name, file, err)
}

// OpenReadWrite implements FS.
func (m machine) OpenReadWrite(name string, category DiskWriteCategory, opts ...OpenOption) (File, error) {
	there, err := regular(name)
	if errors.Is(err, fs.ErrNotExist) {
		if err = makeEmpty(name); err == nil {
			there, err = regular(name)
		}
	}
	if err != nil {
		return nil, err
	}
	file, err := m.FS.OpenReadWrite(name, category, opts...)
	return stillThat(there, name, file, err)
}

// ReuseForWrite implements FS.
func (m machine) ReuseForWrite(oldname, newname string, category DiskWriteCategory) (File, error) {
	there, err := regular(oldname)
	if err != nil {
		return nil, err
	}
	file, err := m.FS.ReuseForWrite(oldname, newname, category)
	return stillThat(there, newname, file, err)
}

// regular says what stands under a name, and refuses it where that is no regular file.
func regular(name string) (fs.FileInfo, error) {
	info, err := os.Lstat(name)
	if err != nil {
		return nil, err
	}
	return info, infile.Regular(name, info)
}

// stillThat refuses a file that was opened and is another one than the one looked at before: the name was given to
// something else meanwhile.
func stillThat(there fs.FileInfo, name string, file File, err error) (File, error) {
	if err != nil {
		return nil, err
	}
	is, err := file.Stat()
	if err == nil && !sameFile(there, is) {
		err = fmt.Errorf("%s: another file took its place while it was opened", name)
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

// sameFile is os.SameFile, which knows what package os tells alone.
func sameFile(a, b fs.FileInfo) bool {
	one, ok := a.Sys().(*syscall.Stat_t)
	other, okToo := b.Sys().(*syscall.Stat_t)
	return ok && okToo && one.Dev == other.Dev && one.Ino == other.Ino
}

// makeEmpty makes a file where there is none.
func makeEmpty(name string) error {
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, ownerAlone)
	if err != nil {
		return err
	}
	return file.Close()
}

// locked are the names of the files that this process has locked. A process gets a lock that it has already, and loses
// it when it closes the file anywhere: so none is opened twice.
var locked = struct {
	sync.Mutex
	names map[string]bool
}{names: map[string]bool{}}

// Lock implements FS. Unlike Pebble's it cuts nothing off: a lock file is empty, and what is not is none.
func (machine) Lock(name string) (io.Closer, error) {
	locked.Lock()
	defer locked.Unlock()
	if locked.names[name] {
		return nil, fmt.Errorf("%s: this process has locked it already", name)
	}
	// O_NONBLOCK: opening a FIFO would wait for its other side.
	file, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, ownerAlone)
	if errors.Is(err, syscall.ELOOP) {
		if _, refused := regular(name); refused != nil {
			err = refused
		}
	}
	if err != nil {
		return nil, err
	}
	if err := lock(name, file); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	locked.names[name] = true
	return &lockFile{name: name, file: file}, nil
}

// lock takes the lock of a file, which is Pebble's own: a record lock (fcntl) over all of it.
func lock(name string, file *os.File) error {
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if err := infile.Regular(name, info); err != nil {
		return err
	}
	whole := unix.Flock_t{Type: unix.F_WRLCK, Whence: io.SeekStart}
	if err := unix.FcntlFlock(file.Fd(), unix.F_SETLK, &whole); err != nil {
		return &fs.PathError{Op: "lock", Path: name, Err: err}
	}
	return nil
}

// lockFile is a lock that this process has.
type lockFile struct {
	name string
	file *os.File
}

// Close implements io.Closer: it gives the lock back.
func (l *lockFile) Close() error {
	locked.Lock()
	defer locked.Unlock()
	delete(locked.names, l.name)
	return l.file.Close()
}
