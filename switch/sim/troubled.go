package sim

import (
	"errors"
	"os"
	"syscall"
	"time"

	"switchyard/internal/vfs"
)

// troubledDisk is a disk whose clearing folder has its troubles. The journal, on the same disk, has none of them.
type troubledDisk struct {
	vfs.FS
	// fails is the error of what is about to be done to a file or folder; nil: it is done.
	fails func(does diskDoes, name string) error
}

// diskDoes is what is done to a disk.
type diskDoes uint8

const (
	diskReads   diskDoes = iota
	diskChanges          // names, and what is durable
	diskGrows            // takes room
)

var errFolder = errors.New("input/output error in the clearing folder, as the plan says")

// fails implements troubledDisk.fails by the troubles of a plan.
func (c *clearingPart) fails(does diskDoes, name string) error {
	c.mu.Lock()
	calmed := c.calmed
	c.mu.Unlock()
	if calmed {
		return nil
	}
	at := time.Since(c.w.begin)
	for _, x := range c.Troubles {
		if at < x.At || at >= x.At+x.For || !x.about(name) {
			continue
		}
		switch {
		case x.What == readsFail && does == diskReads, x.What == writesFail && does != diskReads:
			c.w.faults.add("clearing folder: "+string(x.What), 1)
			return errFolder
		case x.What == folderFull && does == diskGrows:
			c.w.faults.add("clearing folder: "+string(x.What), 1)
			return syscall.ENOSPC
		}
	}
	return nil
}

// Unwrap implements vfs.FS.
func (d *troubledDisk) Unwrap() vfs.FS { return d.FS }

// Create implements vfs.FS.
func (d *troubledDisk) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	if err := d.fails(diskChanges, name); err != nil {
		return nil, err
	}
	return d.wrap(name)(d.FS.Create(name, category))
}

// Open implements vfs.FS.
func (d *troubledDisk) Open(name string, opts ...vfs.OpenOption) (vfs.File, error) {
	if err := d.fails(diskReads, name); err != nil {
		return nil, err
	}
	return d.FS.Open(name, opts...)
}

// OpenDir implements vfs.FS.
func (d *troubledDisk) OpenDir(name string) (vfs.File, error) {
	return d.wrap(name)(d.FS.OpenDir(name))
}

// List implements vfs.FS.
func (d *troubledDisk) List(dir string) ([]string, error) {
	if err := d.fails(diskReads, dir); err != nil {
		return nil, err
	}
	return d.FS.List(dir)
}

// MkdirAll implements vfs.FS.
func (d *troubledDisk) MkdirAll(dir string, perm os.FileMode) error {
	if err := d.fails(diskChanges, dir); err != nil {
		return err
	}
	return d.FS.MkdirAll(dir, perm)
}

// Remove implements vfs.FS.
func (d *troubledDisk) Remove(name string) error {
	if err := d.fails(diskChanges, name); err != nil {
		return err
	}
	return d.FS.Remove(name)
}

// Rename implements vfs.FS.
func (d *troubledDisk) Rename(oldname, newname string) error {
	if err := d.fails(diskChanges, newname); err != nil {
		return err
	}
	return d.FS.Rename(oldname, newname)
}

func (d *troubledDisk) wrap(name string) func(vfs.File, error) (vfs.File, error) {
	return func(f vfs.File, err error) (vfs.File, error) {
		if err != nil || !inClearing(name) {
			return f, err
		}
		return &troubledFile{f, d, name}, nil
	}
}

// troubledFile is a file or folder of the clearing folder.
type troubledFile struct {
	vfs.File
	d    *troubledDisk
	name string
}

// Write implements vfs.File.
func (f *troubledFile) Write(b []byte) (int, error) {
	if err := f.d.fails(diskGrows, f.name); err != nil {
		return 0, err
	}
	return f.File.Write(b)
}

// Sync implements vfs.File.
func (f *troubledFile) Sync() error {
	if err := f.d.fails(diskChanges, f.name); err != nil {
		return err
	}
	return f.File.Sync()
}
