package clearing

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"switchyard/issuer-sim/book"
)

// A watch looks at the folder of incoming files again and again. Nothing in it is moved or changed, so it may be
// somebody's own: what was answered stands in the log, by path, length and time.
type watch struct {
	desk    *Desk
	pending map[string]pending // files that are not whole yet, or may not be
	odd     map[string]bool    // what was told of
}

// pending is a file as it was at the last look.
type pending struct {
	seen  book.Seen
	since time.Time // that it is so
	cut   bool      // it was read, and ends too early
}

// Watch takes what comes into the folder of incoming files until quit is closed.
func (d *Desk) Watch(quit <-chan struct{}) {
	if d.o.Incoming == "" {
		return
	}
	w := watch{desk: d, pending: map[string]pending{}, odd: map[string]bool{}}
	ticker := time.NewTicker(d.o.Poll)
	defer ticker.Stop()
	for {
		w.look(quit)
		select {
		case <-ticker.C:
		case <-quit:
			return
		}
	}
}

// look takes the files that are whole.
func (w *watch) look(quit <-chan struct{}) {
	found, names := w.list()
	for path := range w.pending {
		if _, there := found[path]; !there {
			delete(w.pending, path)
		}
	}
	for _, path := range names {
		select {
		case <-quit:
			return
		default:
			w.file(path, found[path], found)
		}
	}
}

// list finds the files with the right ending, in the order of their paths, and those that stand beside.
func (w *watch) list() (found map[string]book.Seen, names []string) {
	fs := w.desk.fs
	found = map[string]book.Seen{}
	var walk func(folder string, depth int)
	walk = func(folder string, depth int) {
		entries, err := fs.List(folder)
		if err != nil {
			w.tell(folder, err)
			return
		}
		for _, name := range entries {
			path := fs.PathJoin(folder, name)
			if strings.HasPrefix(name, ".") || len(names) == maxWatched {
				continue
			}
			info, err := fs.Stat(path)
			switch {
			case err != nil: // it has gone
			case info.IsDir() && !strings.HasSuffix(name, ending):
				if depth < maxWatchedDepth {
					walk(path, depth+1)
				}
			case strings.HasSuffix(name, manifestEnding) && info.Mode().IsRegular():
				found[path] = book.Seen{}
			case !strings.HasSuffix(name, ending):
			case !info.Mode().IsRegular() || len(path) > maxPath:
				w.tell(path, errors.New("it is no file, or its path is too long"))
			default:
				found[path] = book.Seen{Bytes: info.Size(), UnixNanos: info.ModTime().UnixNano()}
				names = append(names, path)
			}
		}
	}
	walk(w.desk.o.Incoming, 0)
	slices.Sort(names)
	return found, names
}

// maxPath is the longest path of a file that is taken.
const maxPath = 4096

// tell logs, once, what is odd under a path.
func (w *watch) tell(path string, err error) {
	if !w.odd[path] && len(w.odd) < maxWatched {
		w.odd[path] = true
		w.desk.logger.Warn("clearing: not taken", zap.String("path", path), zap.Error(err))
	}
}

// file takes one that is whole: a manifest stands beside it, or it is as it was at the last look and has an end. One
// without an end is refused once it has been so for long enough.
func (w *watch) file(path string, is book.Seen, found map[string]book.Seen) {
	switch answered, room := w.desk.books.SeenAt(path); {
	case answered == is:
		return
	case !room:
		w.tell(path, errManyFiles)
		return
	}
	now := time.Now()
	was, known := w.pending[path]
	if !known || was.seen != is {
		was = pending{seen: is, since: now}
		w.pending[path] = was
		if _, whole := found[strings.TrimSuffix(path, ending)+manifestEnding]; !whole {
			return
		}
	}
	patient := now.Sub(was.since) < w.desk.o.Patience
	if was.cut && patient {
		return
	}
	_, err := w.desk.open(path, source{path: path, seen: is, patient: patient})
	var refused *RefusedError
	switch {
	case errors.As(err, &refused) && refused.cut && patient:
		was.cut = true
		w.pending[path] = was
	case err == nil, errors.As(err, &refused):
		delete(w.pending, path)
	default:
		w.desk.logger.Error("clearing: a file is tried again", zap.String("path", path), zap.Error(err))
	}
}

// errManyFiles ends a folder's files.
var errManyFiles = fmt.Errorf("more than %d files came from the folder: begin a new data folder", maxWatched)

// errChanged is a file that is not as it was a moment ago.
var errChanged = errors.New("it changes while it is read")

func (d *Desk) open(path string, from source) (Result, error) {
	f, err := d.fs.Open(path)
	if err != nil {
		return Result{}, err
	}
	info, err := f.Stat()
	if err == nil && (!info.Mode().IsRegular() || info.Size() != from.seen.Bytes ||
		info.ModTime().UnixNano() != from.seen.UnixNanos) {
		err = errChanged
	}
	if err != nil {
		return Result{}, errors.Join(err, f.Close())
	}
	result, err := d.take(io.LimitReader(f, from.seen.Bytes), from)
	return result, errors.Join(err, f.Close())
}
