package ipmtool

import (
	"cmp"
	"errors"
	"hash/maphash"
	"io"
	"slices"
	"sort"
	"strconv"

	"switchyard/switch/clearing"
)

// A File is one that is compared. It is read twice: as a stream, and again in places.
type File interface {
	io.Reader
	io.ReaderAt
}

// An entry is what is kept of a record: two hashes of what it is known by, one of what it holds, and where it stands.
type entry struct {
	key     [2]uint64
	content uint64
	offset  int64
	number  int32
	found   bool // the other file has it
}

// hasher hashes records alike for both files of a comparison.
type hasher struct {
	seeds   [3]maphash.Seed
	ignored ignored
	nth     map[string]int // of each kind of message without an acquirer reference
	hash    maphash.Hash
}

func newHasher(seeds [3]maphash.Seed, ignored ignored) *hasher {
	return &hasher{seeds: seeds, ignored: ignored, nth: map[string]int{}}
}

// entry makes the entry of a record. A message without an acquirer reference, such as a header, is known by its kind
// and by how many of it there were.
func (h *hasher) entry(r *clearing.Record) entry {
	k := r.Key()
	if k.ARN == "" {
		kind := k.MTI + k.FunctionCode
		h.nth[kind]++
		k.ARN = "#" + strconv.Itoa(h.nth[kind])
	}
	e := entry{offset: r.Offset, number: int32(r.Number)}
	for i := range e.key {
		h.hash.SetSeed(h.seeds[i])
		for _, part := range [...]string{k.ARN, k.MTI, k.FunctionCode, k.Reversal} {
			_, _ = h.hash.WriteString(part)
			_ = h.hash.WriteByte(0)
		}
		e.key[i] = h.hash.Sum64()
	}
	e.content = h.content(r)
	return e
}

// content hashes all of a record that is not ignored.
func (h *hasher) content(r *clearing.Record) uint64 {
	h.hash.SetSeed(h.seeds[2])
	_, _ = h.hash.WriteString(r.MTI)
	for de := range r.Elements() {
		if carriers[de] || h.ignored.de[de] {
			continue
		}
		_ = h.hash.WriteByte(byte(de))
		_, _ = h.hash.Write(r.Get(de))
		_ = h.hash.WriteByte(0)
	}
	for sub := range r.Subelements() {
		if !h.ignored.pds[sub.Tag] {
			_, _ = h.hash.WriteString(strconv.Itoa(sub.Tag))
			_, _ = h.hash.WriteString("=" + sub.Value)
			_ = h.hash.WriteByte(0)
		}
	}
	return h.hash.Sum64()
}

// carriers are the elements whose subelements are compared in their place.
var carriers = map[int]bool{48: true, 62: true, 123: true, 124: true, 125: true}

// index holds the entries of a file by their keys.
type index struct {
	entries []entry
	reader  *clearing.Reader
}

// each reads a file and hands each of its records on; what cannot be read goes to unreadable.
func each(f io.Reader, take func(*clearing.Record) error, unreadable func(*clearing.FormatError) error) (
	*clearing.Reader, error,
) {
	reader, err := clearing.NewReader(f)
	if err != nil {
		return nil, err
	}
	for {
		r, err := reader.Next()
		var format *clearing.FormatError
		switch {
		case errors.Is(err, io.EOF):
			return reader, nil
		case errors.As(err, &format):
			if err := unreadable(format); err != nil || format.Fatal {
				return reader, err
			}
		case err != nil:
			return reader, err
		default:
			if err := take(r); err != nil {
				return reader, err
			}
		}
	}
}

// sort puts the entries into the order in which they are looked up; those of one key stay in the file's.
func (x *index) sort() {
	slices.SortFunc(x.entries, func(a, b entry) int {
		return cmp.Or(cmp.Compare(a.key[0], b.key[0]), cmp.Compare(a.key[1], b.key[1]), cmp.Compare(a.number, b.number))
	})
}

// take finds the first record of a key that was not found before, nil where there is none.
func (x *index) take(key [2]uint64) *entry {
	at := sort.Search(len(x.entries), func(i int) bool {
		e := &x.entries[i]
		return e.key[0] > key[0] || e.key[0] == key[0] && e.key[1] >= key[1]
	})
	for ; at < len(x.entries) && x.entries[at].key == key; at++ {
		if !x.entries[at].found {
			x.entries[at].found = true
			return &x.entries[at]
		}
	}
	return nil
}
