package vfs

import "context"

// Until is a file system of which files are listed, opened and read until ctx ends: from then on that fails with the
// context's error. What is written is not its affair.
func Until(ctx context.Context, fs FS) FS { return &readUntil{fs, ctx} }

type readUntil struct {
	FS
	ctx context.Context
}

// List implements FS.
func (u *readUntil) List(dir string) ([]string, error) {
	if err := u.ctx.Err(); err != nil {
		return nil, err
	}
	return u.FS.List(dir)
}

// Open implements FS.
func (u *readUntil) Open(name string, opts ...OpenOption) (File, error) {
	if err := u.ctx.Err(); err != nil {
		return nil, err
	}
	file, err := u.FS.Open(name, opts...)
	if err != nil {
		return nil, err
	}
	return &fileUntil{file, u.ctx}, nil
}

type fileUntil struct {
	File
	ctx context.Context
}

// Read implements io.Reader.
func (f *fileUntil) Read(b []byte) (int, error) {
	if err := f.ctx.Err(); err != nil {
		return 0, err
	}
	return f.File.Read(b)
}

// ReadAt implements io.ReaderAt.
func (f *fileUntil) ReadAt(b []byte, offset int64) (int, error) {
	if err := f.ctx.Err(); err != nil {
		return 0, err
	}
	return f.File.ReadAt(b, offset)
}
