package book

import "sync"

// fileNames are the clearing files by their ids: numbered as they come, taken when they are done.
type fileNames struct {
	mu    sync.Mutex
	names []string
	index map[string]uint32
	taken map[uint32]bool
}

// MaxClearingFiles bounds them: two a day for over a hundred years.
const MaxClearingFiles = 100_000

// name returns the id of a file number; empty for 0.
func (f *fileNames) name(number uint32) string {
	if number == 0 {
		return ""
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.names[number-1]
}

// number returns the number of a file id, given if it is new, and whether the file was taken before; 0 if there is no
// room.
func (f *fileNames) number(name string) (number uint32, taken bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if n, ok := f.index[name]; ok {
		return n, f.taken[n]
	}
	if len(f.names) == MaxClearingFiles {
		return 0, false
	}
	if f.index == nil {
		f.index, f.taken = map[string]uint32{}, map[uint32]bool{}
	}
	f.names = append(f.names, name)
	n := uint32(len(f.names))
	f.index[name] = n
	return n, false
}

func (f *fileNames) take(number uint32) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.taken != nil {
		f.taken[number] = true
	}
}

// FileNumber returns the number of a clearing file by its id, given if it is new, and whether it was taken before; 0 if
// there is no room.
func (b *Book) FileNumber(name string) (number uint32, taken bool) { return b.files.number(name) }

// FileBegins logs that the presentments that follow are of a clearing file.
func (b *Book) FileBegins(name string) {
	if b.log != nil {
		b.log.FileBegins(name)
	}
}

// FilesTaken is how many clearing files were taken.
func (b *Book) FilesTaken() int {
	b.files.mu.Lock()
	defer b.files.mu.Unlock()
	return len(b.files.taken)
}
