package book

import "math/bits"

// index finds numbers by keys that are words: a card's digits, or a hash of what is longer, where who looks it up
// compares. It is a table of words with open addresses: a look-up touches one line of memory, and the garbage collector
// does not look inside. Numbers are not 0. The zero value is empty.
type index struct {
	slots []indexSlot // a power of two, or none
	used  int
}

type indexSlot struct{ key, number uint64 } // number 0: free

const (
	indexLeast = 64
	// indexPart of indexWhole slots are used at the most: beyond it the table doubles.
	indexPart, indexWhole = 3, 4
)

// home is the slot at which a key is looked for first: the upper bits of a product, so that keys in a row are spread.
func (x *index) home(key uint64) int {
	const golden = 0x9E3779B97F4A7C15
	return int(key * golden >> (64 - bits.TrailingZeros(uint(len(x.slots)))))
}

// get returns the number of a key, 0 if there is none.
func (x *index) get(key uint64) uint64 {
	if len(x.slots) == 0 {
		return 0
	}
	for i := x.home(key); ; i = (i + 1) & (len(x.slots) - 1) {
		if s := &x.slots[i]; s.number == 0 || s.key == key {
			return s.number
		}
	}
}

// peek reads the slot at which a key is looked for first, whatever stands there. It decides nothing.
func (x *index) peek(key uint64) uint64 {
	if len(x.slots) == 0 {
		return 0
	}
	return x.slots[x.home(key)].number
}

// put sets the number of a key.
func (x *index) put(key, number uint64) {
	if (x.used+1)*indexWhole > len(x.slots)*indexPart {
		x.grow()
	}
	i := x.home(key)
	for x.slots[i].number != 0 && x.slots[i].key != key {
		i = (i + 1) & (len(x.slots) - 1)
	}
	if x.slots[i].number == 0 {
		x.used++
	}
	x.slots[i] = indexSlot{key, number}
}

func (x *index) grow() {
	old := x.slots
	x.slots = make([]indexSlot, max(indexLeast, 2*len(old)))
	for _, s := range old {
		if s.number == 0 {
			continue
		}
		i := x.home(s.key)
		for x.slots[i].number != 0 {
			i = (i + 1) & (len(x.slots) - 1)
		}
		x.slots[i] = s
	}
}

// remove takes a key out, if it stands for number. What stands behind it moves up, so that none is looked for in vain.
func (x *index) remove(key, number uint64) {
	if x.get(key) != number || number == 0 {
		return
	}
	mask := len(x.slots) - 1
	hole := x.home(key)
	for x.slots[hole].key != key || x.slots[hole].number == 0 {
		hole = (hole + 1) & mask
	}
	for i := (hole + 1) & mask; x.slots[i].number != 0; i = (i + 1) & mask {
		// It may move into the hole unless its home lies behind that, up to where it stands.
		if home := x.home(x.slots[i].key); (i-home)&mask >= (i-hole)&mask {
			x.slots[hole] = x.slots[i]
			hole = i
		}
	}
	x.slots[hole] = indexSlot{}
	x.used--
}

// numbers yields each number, in no order.
func (x *index) numbers(yield func(number uint64) bool) {
	for i := range x.slots {
		if n := x.slots[i].number; n != 0 && !yield(n) {
			return
		}
	}
}
