package cutover

import (
	"bufio"
	"errors"
	"io"
	"io/fs"

	"switchyard/internal/mutant"
	"switchyard/internal/vfs"
	"switchyard/switch/clearing"
)

// outlet takes the files that are made of a date.
type outlet interface {
	// create begins the file of a name.
	create(name string) (target, error)
	// path is where it stands in the end.
	path(name string) string
}

// target takes one file.
type target interface {
	io.Writer
	// finish takes its end; made tells what was written.
	finish(made clearing.ManifestFile) error
	// abandon ends what is not finished.
	abandon()
}

// output is a file that is being made.
type output struct {
	name   string
	target target // nil once it is finished
	buffer *bufio.Writer
	digest *clearing.Digest
}

// outputs are the files that an attempt has made.
type outputs []*output

// abandon closes those that an attempt that failed left open. The next attempt writes over them.
func (all outputs) abandon() {
	for _, o := range all {
		if o.target != nil {
			o.target.abandon()
		}
	}
}

func (all *outputs) create(to outlet, name string) (*output, error) {
	t, err := to.create(name)
	if err != nil {
		return nil, err
	}
	const bufferBytes = 256 << 10
	o := &output{name: name, target: t, buffer: bufio.NewWriterSize(t, bufferBytes)}
	o.digest = clearing.NewDigest(o.buffer)
	*all = append(*all, o)
	return o, nil
}

// finish hands over what is left and tells what the file is.
func (o *output) finish() (made clearing.ManifestFile, err error) {
	made = o.digest.File(o.name)
	if err := o.buffer.Flush(); err != nil {
		return made, err
	}
	t := o.target
	if err := t.finish(made); err != nil {
		return made, err
	}
	o.target, o.buffer = nil, nil
	return made, nil
}

// folder is an outlet that writes files: under temporary names until each is whole, and over no other.
type folder struct {
	fs  vfs.FS
	dir string
}

const temporary = ".tmp"

func (d *folder) path(name string) string { return d.fs.PathJoin(d.dir, name) }

func (d *folder) create(name string) (target, error) {
	f := &newFile{fs: d.fs, path: d.path(name)}
	var err error
	f.file, err = d.fs.Create(f.path+temporary, vfs.WriteCategoryUnspecified)
	return f, err
}

// newFile is a file under a temporary name.
type newFile struct {
	fs   vfs.FS
	path string   // the final one
	file vfs.File // nil once it is closed
}

// Write implements io.Writer.
func (f *newFile) Write(b []byte) (int, error) { return f.file.Write(b) }

func (f *newFile) abandon() {
	if f.file != nil {
		_ = f.file.Close() // what it holds is not used
	}
}

// finish syncs the file and gives it its final name, unless another one has it.
func (f *newFile) finish(made clearing.ManifestFile) error {
	if !mutant.On(mutant.FilesNotSynced) {
		if err := f.file.Sync(); err != nil {
			return err
		}
	}
	file := f.file
	f.file = nil
	if err := file.Close(); err != nil {
		return err
	}
	if mutant.On(mutant.FileOverwritten) {
		return f.fs.Rename(f.path+temporary, f.path)
	}
	there, err := sumOf(f.fs, f.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return f.fs.Rename(f.path+temporary, f.path)
	case err != nil:
		return err
	case there != made.SHA256:
		return &OccupiedError{Name: made.Name}
	}
	return f.fs.Remove(f.path + temporary)
}
