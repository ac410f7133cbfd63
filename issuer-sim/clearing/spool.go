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
// the folder for that. It is an io.Writer; what is longer than its bound is an error, and so is, without a folder, what
// the memory for all of them has no room for.
type spool struct {
	desk   *Desk
	name   string // of the file; empty: there is no folder for it
	file   vfs.File
	memory [][]byte // chunks of spoolChunk bytes, the last one as far as it is filled
	bytes  int64
}

// What spools are called, up to which length they stand in memory, and in which chunks.
const (
	spoolPrefix = "incoming-"
	spoolMemory = 1 << 20
	spoolChunk  = 64 << 10
)

// maxAtOnce is how many files that come by HTTP are looked through at once.
const maxAtOnce = 16

var (
	errTooLong = errors.New("it is longer than is taken")
	errBusy    = fmt.Errorf("%d clearing files are being looked through, as many as may be at once", maxAtOnce)
	errNoRoom  = errors.New("the memory for clearing files is full of others that are being looked through")
)

func (d *Desk) newSpool() *spool {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.spooled++
	s := &spool{desk: d}
	if d.o.Spool != "" {
		s.name = d.fs.PathJoin(d.o.Spool, fmt.Sprintf("%s%d%s", spoolPrefix, d.spooled, temporary))
	}
	return s
}

// Write implements io.Writer.
func (s *spool) Write(b []byte) (int, error) {
	if s.bytes += int64(len(b)); s.bytes > s.desk.o.MaxBytes {
		return 0, errTooLong
	}
	if s.file == nil && (s.name == "" || s.bytes <= spoolMemory) {
		return s.keep(b)
	}
	if s.file == nil {
		if err := s.leaveMemory(); err != nil {
			return 0, err
		}
	}
	n := len(b)
	if _, err := s.file.Write(bytes.Clone(b)); err != nil { // who writes may change what it is given
		return 0, err
	}
	return n, nil
}

// keep keeps bytes in memory. Without a folder all files together have room there for as many chunks as one that is as
// long as may be, and for a chunk each.
func (s *spool) keep(b []byte) (int, error) {
	n := 0
	for n < len(b) {
		last := len(s.memory) - 1
		if last < 0 || len(s.memory[last]) == spoolChunk {
			if s.desk.chunks.Add(1) > s.desk.o.MaxBytes/spoolChunk+maxAtOnce && s.name == "" {
				s.desk.chunks.Add(-1)
				return n, errNoRoom
			}
			s.memory = append(s.memory, make([]byte, 0, spoolChunk))
			last++
		}
		more := min(len(b)-n, spoolChunk-len(s.memory[last]))
		s.memory[last] = append(s.memory[last], b[n:n+more]...)
		n += more
	}
	return n, nil
}

// leaveMemory goes on in the folder.
func (s *spool) leaveMemory() (err error) {
	if err := s.desk.fs.MkdirAll(s.desk.o.Spool, 0o700); err != nil {
		return err
	}
	if s.file, err = s.desk.fs.Create(s.name, vfs.WriteCategoryUnspecified); err != nil {
		return err
	}
	for _, chunk := range s.memory {
		if _, err := s.file.Write(chunk); err != nil {
			return err
		}
	}
	s.forget()
	return nil
}

// forget gives the memory back.
func (s *spool) forget() {
	s.desk.chunks.Add(-int64(len(s.memory)))
	s.memory = nil
}

// again reads what was written, once it is whole.
func (s *spool) again() (io.ReadCloser, error) {
	if s.file != nil {
		return s.desk.fs.Open(s.name)
	}
	chunks := make([]io.Reader, len(s.memory))
	for i, chunk := range s.memory {
		chunks[i] = bytes.NewReader(chunk)
	}
	return io.NopCloser(io.MultiReader(chunks...)), nil
}

// remove forgets the file.
func (s *spool) remove() error {
	s.forget()
	if s.file == nil {
		return nil
	}
	return errors.Join(s.file.Close(), s.desk.fs.Remove(s.name))
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
