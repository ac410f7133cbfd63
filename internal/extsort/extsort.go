// Package extsort sorts rows of one width, be they more than memory holds: what does not fit is sorted in pieces,
// which go to a file and are merged. Its memory is what it is given, and while pieces are merged a buffer for each.
//
// It is no store: rows are added, then gone through, in the order of their bytes, once or again. A Sorter is for one
// goroutine.
package extsort

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
)

// A File is where pieces stand until they are merged. It is written to from its beginning, then read.
type File interface {
	io.Writer
	io.ReaderAt
	io.Closer
}

// ErrFull says that there are as many rows as memory holds, and no file for more.
var ErrFull = errors.New("extsort: no room for another row")

const (
	// pieceBuffer is what of each piece is read at once while they are merged, in bytes.
	pieceBuffer = 128 << 10
	// blockRows is how many rows stand in one piece of memory: a slice of all would be copied as it grows.
	blockRows = 1 << 12
)

// A Sorter takes rows.
type Sorter struct {
	width  int
	most   int      // rows in memory
	blocks [][]byte // the rows, in the order in which they came; blockRows in each but the last
	count  int      // of the rows in memory
	common int      // how many bytes at the beginning all of them share
	order  []place
	spill  func() (File, error)
	file   File
	pieces []piece
	end    int64 // of the file
}

// A place is a row in memory and the first bytes by which it may differ from another: most comparisons need no more,
// and they stand side by side while rows are all over the memory.
type place struct {
	key uint64
	row uint32
}

const (
	keyBytes   = 8
	placeBytes = 16
)

// A piece is some rows of the file, in their order.
type piece struct{ offset, bytes int64 }

// New makes a sorter of rows of so many bytes, with so much memory for them. The file that spill makes is asked for
// when the first row is too many, and closed by Close; with nil such a row is refused with ErrFull.
func New(width, memoryBytes int, spill func() (File, error)) *Sorter {
	return &Sorter{width: width, most: max(1, memoryBytes/(width+placeBytes)), spill: spill}
}

// Add takes a row of the sorter's width.
func (s *Sorter) Add(row []byte) error {
	if len(row) != s.width {
		return fmt.Errorf("extsort: a row of %d bytes, expected %d", len(row), s.width)
	}
	if s.count == s.most {
		if s.spill == nil {
			return ErrFull
		}
		if err := s.put(); err != nil {
			return err
		}
	}
	if s.count == 0 {
		s.common = s.width
	} else if first := s.row(0); !bytes.Equal(row[:s.common], first[:s.common]) {
		s.common = 0
		for row[s.common] == first[s.common] {
			s.common++
		}
	}
	if s.count == len(s.blocks)*blockRows {
		s.blocks = append(s.blocks, make([]byte, min(blockRows, s.most-s.count)*s.width))
	}
	s.count++
	copy(s.row(uint32(s.count-1)), row)
	return nil
}

func (s *Sorter) row(n uint32) []byte {
	return s.blocks[n/blockRows][int(n%blockRows)*s.width:][:s.width]
}

// sort brings the rows in memory into their order, equal ones in that in which they came.
func (s *Sorter) sort() {
	s.order = slices.Grow(s.order[:0], s.count)
	for n := range uint32(s.count) {
		s.order = append(s.order, place{keyOf(s.row(n)[s.common:]), n})
	}
	behind := min(s.common+keyBytes, s.width)
	slices.SortFunc(s.order, func(a, b place) int {
		if a.key != b.key {
			return cmp.Compare(a.key, b.key)
		}
		return cmp.Or(bytes.Compare(s.row(a.row)[behind:], s.row(b.row)[behind:]), cmp.Compare(a.row, b.row))
	})
}

// keyOf is the beginning of a row as a number in the same order, filled with zeros where it is shorter.
func keyOf(row []byte) uint64 {
	if len(row) >= keyBytes {
		return binary.BigEndian.Uint64(row)
	}
	var key [keyBytes]byte
	copy(key[:], row)
	return binary.BigEndian.Uint64(key[:])
}

// put writes what is in memory as a piece.
func (s *Sorter) put() error {
	if s.file == nil {
		file, err := s.spill()
		if err != nil {
			return err
		}
		s.file = file
	}
	s.sort()
	out := bufio.NewWriterSize(s.file, pieceBuffer)
	for _, p := range s.order {
		if _, err := out.Write(s.row(p.row)); err != nil {
			return err
		}
	}
	if err := out.Flush(); err != nil {
		return err
	}
	p := piece{s.end, int64(s.count) * int64(s.width)}
	s.pieces, s.end, s.count = append(s.pieces, p), p.offset+p.bytes, 0
	return nil
}

// Each hands every row to visit, in the order of their bytes. The bytes are visit's until it returns. Nothing is added
// afterwards. An error of visit ends it and is returned.
func (s *Sorter) Each(visit func(row []byte) error) error {
	if len(s.pieces) == 0 {
		s.sort()
		for _, p := range s.order {
			if err := visit(s.row(p.row)); err != nil {
				return err
			}
		}
		return nil
	}
	if s.count > 0 {
		if err := s.put(); err != nil {
			return err
		}
	}
	s.blocks, s.order, s.count = nil, nil, 0 // the buffers of the merge stand in their place
	return s.merge(visit)
}

func (s *Sorter) merge(visit func(row []byte) error) error {
	var m merging
	for n, p := range s.pieces {
		section := io.NewSectionReader(s.file, p.offset, p.bytes)
		h := &head{in: bufio.NewReaderSize(section, max(pieceBuffer, s.width)), piece: n, width: s.width, left: p.bytes}
		if _, err := h.next(); err != nil {
			return err
		}
		m = append(m, h)
	}
	for i := len(m)/2 - 1; i >= 0; i-- {
		m.sink(i)
	}
	for len(m) > 0 {
		if err := visit(m[0].row); err != nil {
			return err
		}
		more, err := m[0].next()
		if err != nil {
			return err
		}
		if !more {
			m[0], m = m[len(m)-1], m[:len(m)-1]
		}
		m.sink(0)
	}
	return nil
}

// Close closes the file, if there is one.
func (s *Sorter) Close() error {
	if s.file == nil {
		return nil
	}
	file := s.file
	s.file = nil
	return file.Close()
}

// A head is the next row of a piece.
type head struct {
	in    *bufio.Reader
	piece int
	width int
	left  int64  // bytes behind row
	row   []byte // in the buffer of in
}

// next reads the next row; false where there is none.
func (h *head) next() (more bool, err error) {
	if h.left == 0 {
		return false, nil
	}
	_, _ = h.in.Discard(len(h.row)) // it is in the buffer
	h.row, err = h.in.Peek(h.width)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return false, fmt.Errorf("extsort: read a piece: %w", err)
	}
	h.left -= int64(h.width)
	return true, nil
}

// before tells whether a head's row comes first; of equal ones that does which was added first.
func (h *head) before(other *head) bool {
	order := bytes.Compare(h.row, other.row)
	return order < 0 || order == 0 && h.piece < other.piece
}

// merging is a heap of heads, the least on top. It is its own, since one behind interfaces takes longer for a row than
// all else.
type merging []*head

// sink puts the i-th head into its place, where those below it are in theirs.
func (m merging) sink(i int) {
	for {
		least := i
		for child := 2*i + 1; child < len(m) && child <= 2*i+2; child++ {
			if m[child].before(m[least]) {
				least = child
			}
		}
		if least == i {
			return
		}
		m[i], m[least] = m[least], m[i]
		i = least
	}
}
