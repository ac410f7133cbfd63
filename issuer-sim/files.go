package issuersim

import "sync"

// fileNames numbers the clearing files that were taken, by their ids.
type fileNames struct {
	mu    sync.Mutex
	names []string
	index map[string]uint32
}

// name returns the id of a file number; empty for 0.
func (f *fileNames) name(number uint32) string {
	if number == 0 {
		return ""
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.names[number-1]
}

// number returns the number of a file id, given if it is new.
func (f *fileNames) number(name string) uint32 {
	f.mu.Lock()
	defer f.mu.Unlock()
	if n, ok := f.index[name]; ok {
		return n
	}
	if f.index == nil {
		f.index = map[string]uint32{}
	}
	f.names = append(f.names, name)
	f.index[name] = uint32(len(f.names))
	return uint32(len(f.names))
}
