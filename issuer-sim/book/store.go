package book

// ring keeps the newest values of a shard under rising numbers from 1. It grows by chunks up to its limit; from then on
// each new value takes the oldest one's place. No value holds a pointer, so the garbage collector does not look inside.
type ring[T any] struct {
	chunks []*[ringChunk]T
	limit  uint64 // a multiple of ringChunk
	first  uint64 // the oldest number that is still there
	next   uint64 // the number that the next value gets
}

const ringChunk = 256

// newRing makes a ring for at least limit values.
func newRing[T any](limit int) ring[T] {
	chunks := max(1, (limit+ringChunk-1)/ringChunk)
	return ring[T]{limit: uint64(chunks) * ringChunk, first: 1, next: 1}
}

// full tells that the next add overwrites at(first): evict that one before.
func (r *ring[T]) full() bool { return r.next-r.first == r.limit }

// add makes room for a value and returns its number and its place, which the caller overwrites as a whole.
func (r *ring[T]) add() (uint64, *T) {
	if r.full() {
		r.first++
	}
	number := r.next
	r.next++
	chunk := int(number % r.limit / ringChunk)
	for chunk >= len(r.chunks) {
		r.chunks = append(r.chunks, nil)
	}
	if r.chunks[chunk] == nil {
		r.chunks[chunk] = new([ringChunk]T)
	}
	return number, &r.chunks[chunk][number%ringChunk]
}

// at returns a value, nil if it is no longer there or number is 0.
func (r *ring[T]) at(number uint64) *T {
	if number < r.first || number >= r.next {
		return nil
	}
	return &r.chunks[number%r.limit/ringChunk][number%ringChunk]
}

// len is how many values there are.
func (r *ring[T]) len() int { return int(r.next - r.first) }

// slab keeps values under numbers from 1 that are given again once freed. No value may hold a pointer.
type slab[T any] struct {
	chunks []*[slabChunk]T
	used   uint32 // numbers ever given
	free   []uint32
}

const slabChunk = 256

// add returns a number and its place, which the caller overwrites as a whole.
func (s *slab[T]) add() (uint32, *T) {
	if n := len(s.free); n > 0 {
		number := s.free[n-1]
		s.free = s.free[:n-1]
		return number, s.at(number)
	}
	s.used++
	if int((s.used-1)/slabChunk) == len(s.chunks) {
		s.chunks = append(s.chunks, new([slabChunk]T))
	}
	return s.used, s.at(s.used)
}

// at returns the value of a number that add gave and remove did not take back.
func (s *slab[T]) at(number uint32) *T {
	return &s.chunks[(number-1)/slabChunk][(number-1)%slabChunk]
}

func (s *slab[T]) remove(number uint32) { s.free = append(s.free, number) }
