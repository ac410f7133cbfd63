package book

import "sync"

// fileNames are the clearing files by their ids: numbered as they come, of a mode once they are begun, taken when they
// are done.
type fileNames struct {
	mu    sync.Mutex
	names []string
	modes map[uint32]string // PDS0122
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

// addressee is who is told of what is in a file.
func (f *fileNames) addressee(number uint32) (to Addressee) {
	to.Member = MemberOf(f.name(number))
	f.mu.Lock()
	defer f.mu.Unlock()
	to.Mode = f.modes[number]
	return to
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
		f.index, f.taken, f.modes = map[string]uint32{}, map[uint32]bool{}, map[uint32]string{}
	}
	f.names = append(f.names, name)
	n := uint32(len(f.names))
	f.index[name] = n
	return n, false
}

// begin says the mode of a file that has a number.
func (f *fileNames) begin(number uint32, mode string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.modes[number] = mode
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

// FileBegins logs that the presentments that follow are of a clearing file, of a mode, which has a number.
func (b *Book) FileBegins(name, mode string) {
	number, _ := b.files.number(name)
	b.files.begin(number, mode)
	if b.log != nil {
		b.log.FileBegins(name, mode)
	}
}

// FilesTaken is how many clearing files were taken.
func (b *Book) FilesTaken() int {
	b.files.mu.Lock()
	defer b.files.mu.Unlock()
	return len(b.files.taken)
}
