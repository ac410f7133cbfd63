package infile

import (
	"context"
	"io"
	"io/fs"
	"os"
	"path/filepath"
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

// DirUntil is a folder, to list it and to read the regular files in it until ctx ends.
func DirUntil(ctx context.Context, dir string) fs.FS { return &folder{ctx, dir} }

type folder struct {
	ctx context.Context
	dir string
}

// path is where something of the folder stands.
func (f *folder) path(op, name string) (string, error) {
	if err := f.ctx.Err(); err != nil {
		return "", err
	}
	if !fs.ValidPath(name) {
		return "", &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
	}
	return filepath.Join(f.dir, filepath.FromSlash(name)), nil
}

// Open implements fs.FS.
func (f *folder) Open(name string) (fs.File, error) {
	path, err := f.path("open", name)
	if err != nil {
		return nil, err
	}
	file, err := OpenUntil(f.ctx, path)
	if err != nil {
		return nil, err
	}
	return file, nil
}

// ReadDir implements fs.ReadDirFS.
func (f *folder) ReadDir(name string) ([]fs.DirEntry, error) {
	path, err := f.path("readdir", name)
	if err != nil {
		return nil, err
	}
	return os.ReadDir(path)
}

// Stat implements fs.StatFS.
func (f *folder) Stat(name string) (fs.FileInfo, error) {
	path, err := f.path("stat", name)
	if err != nil {
		return nil, err
	}
	return os.Stat(path)
}

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

// Input reads r, which may wait for a person or another process, until ctx ends: a reading that waits then returns at
// once, with the context's error. What r brings after that is lost. One reads at a time.
func Input(ctx context.Context, r io.Reader) io.Reader { return &input{ctx: ctx, r: r} }

type input struct {
	ctx context.Context
	r   io.Reader
	own []byte // what r reads into: nobody may write into a caller's bytes once it has them back
}

// Read implements io.Reader.
func (in *input) Read(b []byte) (int, error) {
	if err := in.ctx.Err(); err != nil {
		return 0, err
	}
	if len(in.own) < len(b) {
		in.own = make([]byte, len(b))
	}
	type came struct {
		n   int
		err error
	}
	own, done := in.own[:len(b)], make(chan came, 1)
	go func() {
		n, err := in.r.Read(own)
		done <- came{n, err}
	}()
	select {
	case c := <-done:
		return copy(b, own[:c.n]), c.err
	case <-in.ctx.Done():
		return 0, in.ctx.Err()
	}
}
