package incoming

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"switchyard/internal/vfs"
)

// watch takes what comes into the folder until the desk is closed: files whose names end in .ipm and do not begin with
// a dot. Who puts one there writes it under another name and renames it when it is whole.
func (d *Desk) watch() {
	ticker := time.NewTicker(d.o.Poll)
	defer ticker.Stop()
	for {
		d.look()
		select {
		case <-ticker.C:
		case <-d.running.Done():
			return
		}
	}
}

func (d *Desk) look() {
	names, err := d.o.FS.List(d.o.Dir)
	if err != nil {
		return // there is none yet
	}
	slices.Sort(names)
	for _, name := range names {
		if d.running.Err() != nil {
			return
		}
		// What was begun is gone on with first: its names sort before others.
		if strings.HasSuffix(name, ending) && (!strings.HasPrefix(name, ".") || strings.HasPrefix(name, takingPrefix)) {
			d.takeNamed(name)
		}
	}
}

// takeNamed takes a file of the folder and puts it where it belongs. One that is refused goes aside, with why beside
// it; one that could not be taken for another reason stays and is tried again.
func (d *Desk) takeNamed(name string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	path := d.o.FS.PathJoin(d.o.Dir, name)
	switch info, err := d.o.FS.Stat(path); {
	case err == nil && info.Mode().IsRegular():
	case d.isLink(path): // wherever it leads, if anywhere, it is refused
	case err != nil:
		return // it is taken by now
	default:
		d.tell(name, errors.New("it is no file"))
		return
	}
	own, name := name, strings.TrimPrefix(name, takingPrefix)
	if own == name { // under another name, so that nobody puts another file in its place meanwhile
		own = takingPrefix + name
		path = d.o.FS.PathJoin(d.o.Dir, own)
		if _, err := d.o.FS.Stat(path); err == nil {
			return // one of that name is being taken
		}
		if err := d.rename(d.o.FS.PathJoin(d.o.Dir, name), d.o.Dir, own); err != nil {
			d.tell(name, err)
			return
		}
	}
	f, _, err := d.admit(d.running, path, name)
	if err == nil {
		err = d.apply(d.running, &f, path)
	}
	var refused *RefusedError
	switch {
	case errors.As(err, &refused):
		if err = d.putAside(own, name, refused); err == nil { // else it is refused once more
			d.metrics.files.WithLabelValues("refused").Inc()
			d.o.Logger.Error("incoming clearing file refused", zap.String("name", shownName(name)), zap.Error(refused))
		}
	case err == nil:
		err = d.putAway(own, takenDir, name)
	}
	if err != nil {
		d.tell(name, err)
		return
	}
	delete(d.told, name)
}

// isLink tells whether a symbolic link stands under a name; nothing that it leads to is opened.
func (d *Desk) isLink(path string) bool {
	f, err := d.o.FS.Open(path)
	if err == nil {
		_ = f.Close() // it was not even read
		return false
	}
	irregular := (*vfs.NotRegularError)(nil)
	return errors.As(err, &irregular) && irregular.Mode&fs.ModeSymlink != 0
}

// tell logs why a file is not taken, once for each reason.
func (d *Desk) tell(name string, err error) {
	if d.running.Err() == nil && d.told[name] != err.Error() {
		d.told[name] = err.Error()
		d.o.Logger.Error("incoming clearing file not taken; it is tried again", zap.String("name", shownName(name)),
			zap.Error(err))
	}
}

// putAside moves a refused file away, with why it was refused beside it.
func (d *Desk) putAside(own, name string, why error) error {
	dir := d.o.FS.PathJoin(d.o.Dir, refusedDir)
	if err := d.o.FS.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	text, err := d.o.FS.Create(d.o.FS.PathJoin(dir, d.free(dir, name)+".error"), vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	_, err = text.Write([]byte(why.Error() + "\n"))
	if err == nil {
		err = text.Sync()
	}
	if err = errors.Join(err, text.Close()); err != nil {
		return err
	}
	return d.putAway(own, refusedDir, name)
}

// putAway moves a file of the folder into one below it, under a name.
func (d *Desk) putAway(own, below, name string) error {
	dir := d.o.FS.PathJoin(d.o.Dir, below)
	if err := d.o.FS.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if err := d.rename(d.o.FS.PathJoin(d.o.Dir, own), dir, d.free(dir, name)); err != nil {
		return err
	}
	return d.syncDir(d.o.Dir)
}

// free is a name that nothing has in a folder: the given one, or one with a number before its ending, so that it can be
// put back and taken again.
func (d *Desk) free(dir, name string) string {
	for n, as := 1, name; ; n++ {
		if _, err := d.o.FS.Stat(d.o.FS.PathJoin(dir, as)); err != nil {
			return as
		}
		as = fmt.Sprintf("%s.%d%s", strings.TrimSuffix(name, ending), n, ending)
	}
}

func (d *Desk) rename(path, dir, name string) error {
	if err := d.o.FS.Rename(path, d.o.FS.PathJoin(dir, name)); err != nil {
		return err
	}
	return d.syncDir(dir)
}

func (d *Desk) syncDir(path string) error {
	dir, err := d.o.FS.OpenDir(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
