package sim

import (
	"errors"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"time"

	"switchyard/internal/vfs"
)

// disk is what one life of the switch sees of its disk: the syncs of the journal's log take time, so that a crash can
// fall into one, and may fail.
type disk struct {
	vfs.FS
	chance chance
	most   time.Duration // a sync takes up to this
	syncs  atomic.Uint64
	// onSync is called as a sync begins, n from 1; an error fails it, and what it would have made durable is not.
	onSync func(n uint64) error
	// onFile is called as a step of writing a clearing file begins.
	onFile func()
	// full tells whether no more than the reserve is free.
	full func() bool
}

// GetDiskUsage implements vfs.FS.
func (d *disk) GetDiskUsage(string) (vfs.DiskUsage, error) {
	u := vfs.DiskUsage{TotalBytes: 1 << 40, AvailBytes: 1 << 40}
	if d.full() {
		u.AvailBytes = 1 << 20
	}
	u.UsedBytes = u.TotalBytes - u.AvailBytes
	return u, nil
}

// leastSync is the least time that a sync takes.
const leastSync = 20 * time.Microsecond

var errDisk = errors.New("input/output error, as the plan says")

// Create implements vfs.FS.
func (d *disk) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	if isClearing(name) {
		d.onFile()
	}
	f, err := d.FS.Create(name, category)
	return d.wrap(name, f), err
}

// Rename implements vfs.FS.
func (d *disk) Rename(oldname, newname string) error {
	if isClearing(newname) {
		d.onFile()
	}
	return d.FS.Rename(oldname, newname)
}

func isClearing(name string) bool { return strings.HasPrefix(name, clearingFolder) }

const clearingFolder = "switch/clearing/"

// ReuseForWrite implements vfs.FS.
func (d *disk) ReuseForWrite(oldname, newname string, category vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := d.FS.ReuseForWrite(oldname, newname, category)
	return d.wrap(newname, f), err
}

// Unwrap implements vfs.FS.
func (d *disk) Unwrap() vfs.FS { return d.FS }

func (d *disk) wrap(name string, f vfs.File) vfs.File {
	switch {
	case f == nil:
		return nil
	case strings.HasSuffix(name, ".log"):
		return &logFile{f, d}
	case isClearing(name):
		return &clearingFile{f, d}
	}
	return f
}

// clearingFile is a clearing file that is being written.
type clearingFile struct {
	vfs.File
	d *disk
}

// Sync implements vfs.File.
func (f *clearingFile) Sync() error {
	f.d.onFile()
	return f.File.Sync()
}

// logFile is a file of the journal's log.
type logFile struct {
	vfs.File
	d *disk
}

func (f *logFile) wait() error {
	n := f.d.syncs.Add(1)
	if f.d.onSync != nil {
		if err := f.d.onSync(n); err != nil {
			return err
		}
	}
	time.Sleep(f.d.chance.delay(leastSync, f.d.most, "sync", n))
	return nil
}

// Sync implements vfs.File.
func (f *logFile) Sync() error {
	if err := f.wait(); err != nil {
		return err
	}
	return f.File.Sync()
}

// SyncData implements vfs.File.
func (f *logFile) SyncData() error {
	if err := f.wait(); err != nil {
		return err
	}
	return f.File.SyncData()
}

// SyncTo implements vfs.File.
func (f *logFile) SyncTo(length int64) (bool, error) {
	if err := f.wait(); err != nil {
		return false, err
	}
	return f.File.SyncTo(length)
}

// crashed is what a crash leaves of a disk: all that was synced, and of the rest each block by chance.
func crashed(fs *vfs.MemFS, unsyncedPercent int, c chance, about uint64) *vfs.MemFS {
	return fs.CrashClone(vfs.CrashCloneCfg{
		UnsyncedDataPercent: unsyncedPercent, RNG: rand.New(rand.NewPCG(uint64(c), about)),
	})
}
