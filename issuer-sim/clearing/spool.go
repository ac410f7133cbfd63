package clearing

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"switchyard/internal/vfs"
)

// A spool keeps a file while it is looked through, so that it can be read again: a small one in memory, a larger one in
// the folder for that. It is an io.Writer; what is longer than its bound is an error.
type spool struct {
	fs     vfs.FS
	dir    string
	name   string // of the file, once there is one
	file   vfs.File
	memory bytes.Buffer
	bytes  int64
	limit  int64
}

// What spools are called, and up to which length they stand in memory.
const (
	spoolPrefix = "incoming-"
	spoolMemory = 1 << 20
)

var errTooLong = errors.New("it is longer than is taken")

func (d *Desk) newSpool() *spool {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.spooled++
	s := &spool{fs: d.fs, dir: d.o.Spool, limit: d.o.MaxBytes}
	if s.dir != "" {
		s.name = s.fs.PathJoin(s.dir, fmt.Sprintf("%s%d%s", spoolPrefix, d.spooled, temporary))
	}
	return s
}

// Write implements io.Writer.
func (s *spool) Write(b []byte) (int, error) {
	if s.bytes += int64(len(b)); s.bytes > s.limit {
		return 0, errTooLong
	}
	if s.file == nil && (s.name == "" || s.memory.Len()+len(b) <= spoolMemory) {
		return s.memory.Write(b)
	}
	if s.file == nil {
		if err := s.fs.MkdirAll(s.dir, 0o700); err != nil {
			return 0, err
		}
		var err error
		if s.file, err = s.fs.Create(s.name, vfs.WriteCategoryUnspecified); err != nil {
			return 0, err
		}
		if _, err := s.file.Write(bytes.Clone(s.memory.Bytes())); err != nil { // who writes may change what it is given
			return 0, err
		}
		s.memory.Reset()
	}
	n := len(b)
	if _, err := s.file.Write(bytes.Clone(b)); err != nil {
		return 0, err
	}
	return n, nil
}

// again reads what was written, once it is whole.
func (s *spool) again() (io.ReadCloser, error) {
	if s.file == nil {
		return io.NopCloser(bytes.NewReader(s.memory.Bytes())), nil
	}
	return s.fs.Open(s.name)
}

// remove forgets the file.
func (s *spool) remove() error {
	if s.file == nil {
		return nil
	}
	return errors.Join(s.file.Close(), s.fs.Remove(s.name))
}

// sweepSpool removes what a crash has left.
func (d *Desk) sweepSpool() error {
	if d.o.Spool == "" {
		return nil
	}
	names, err := d.fs.List(d.o.Spool)
	if err != nil {
		return nil // there is none yet
	}
	for _, name := range names {
		if strings.HasPrefix(name, spoolPrefix) {
			if err := d.fs.Remove(d.fs.PathJoin(d.o.Spool, name)); err != nil {
				return err
			}
		}
	}
	return nil
}
