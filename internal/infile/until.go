package infile

import (
	"context"
	"io"
	"io/fs"
	"os"
)

// A File is one that is read until a context ends: then reading it fails with the context's error, so that whoever
// makes something of it stops, and leaves nothing half done, as where it cannot be read.
type File struct {
	ctx  context.Context
	file *os.File
}

// OpenUntil opens a regular file to read it until ctx ends.
func OpenUntil(ctx context.Context, name string) (*File, error) {
	file, err := Open(name)
	if err != nil {
		return nil, err
	}
	return &File{ctx, file}, nil
}

// Read implements io.Reader.
func (f *File) Read(b []byte) (int, error) {
	if err := f.ctx.Err(); err != nil {
		return 0, err
	}
	return f.file.Read(b)
}

// ReadAt implements io.ReaderAt.
func (f *File) ReadAt(b []byte, offset int64) (int, error) {
	if err := f.ctx.Err(); err != nil {
		return 0, err
	}
	return f.file.ReadAt(b, offset)
}

// Seek implements io.Seeker.
func (f *File) Seek(offset int64, whence int) (int64, error) { return f.file.Seek(offset, whence) }

// Stat tells of the file.
func (f *File) Stat() (fs.FileInfo, error) { return f.file.Stat() }

// Close implements io.Closer.
func (f *File) Close() error { return f.file.Close() }

// Until reads r until ctx ends. A reading of r that waits is not ended by it.
func Until(ctx context.Context, r io.Reader) io.Reader { return &until{ctx, r} }

type until struct {
	ctx context.Context
	r   io.Reader
}

// Read implements io.Reader.
func (u *until) Read(b []byte) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err
	}
	return u.r.Read(b)
}
