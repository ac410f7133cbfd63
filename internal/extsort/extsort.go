// Package extsort sorts rows of one width, be they more than memory holds: what does not fit is sorted in pieces,
// which go to a file and are merged. Its memory is what it is given, and while pieces are merged a buffer for each.
//
// It is no store: rows are added, then gone through once, in the order of their bytes. A Sorter is for one goroutine.
package extsort

import (
	"bufio"
	"bytes"
	"cmp"
	"container/heap"
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

// pieceBuffer is what of each piece is read at once while they are merged, in bytes.
const pieceBuffer = 128 << 10

// A Sorter takes rows.
type Sorter struct {
	width  int
	most   int    // rows in memory
	rows   []byte // in the order in which they came
	order  []uint32
	spill  func() (File, error)
	file   File
	pieces []piece
	end    int64 // of the file
}

// A piece is some rows of the file, in their order.
type piece struct{ offset, bytes int64 }

// New makes a sorter of rows of so many bytes, with so much memory for them. The file that spill makes is asked for
// when the first row is too many, and closed by Close; with nil such a row is refused with ErrFull.
func New(width, memoryBytes int, spill func() (File, error)) *Sorter {
	const placeBytes = 4 // of a row in order
	return &Sorter{width: width, most: max(1, memoryBytes/(width+placeBytes)), spill: spill}
}

// Add takes a row of the sorter's width.
func (s *Sorter) Add(row []byte) error {
	if len(row) != s.width {
		return fmt.Errorf("extsort: a row of %d bytes, expected %d", len(row), s.width)
	}
	if len(s.rows) == s.most*s.width {
		if s.spill == nil {
			return ErrFull
		}
		if err := s.put(); err != nil {
			return err
		}
	}
	s.rows = append(s.rows, row...)
	return nil
}

func (s *Sorter) row(n uint32) []byte { return s.rows[int(n)*s.width:][:s.width] }

// sort brings the rows in memory into their order, equal ones in that in which they came.
func (s *Sorter) sort() {
	s.order = s.order[:0]
	for n := range uint32(len(s.rows) / s.width) {
		s.order = append(s.order, n)
	}
	slices.SortFunc(s.order, func(a, b uint32) int {
		return cmp.Or(bytes.Compare(s.row(a), s.row(b)), cmp.Compare(a, b))
	})
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
	for _, n := range s.order {
		if _, err := out.Write(s.row(n)); err != nil {
			return err
		}
	}
	if err := out.Flush(); err != nil {
		return err
	}
	p := piece{s.end, int64(len(s.rows))}
	s.pieces, s.end, s.rows = append(s.pieces, p), p.offset+p.bytes, s.rows[:0]
	return nil
}

// Each hands every row to visit, in the order of their bytes. The bytes are visit's until it returns. Nothing is added
// afterwards. An error of visit ends it and is returned.
func (s *Sorter) Each(visit func(row []byte) error) error {
	if len(s.pieces) == 0 {
		s.sort()
		for _, n := range s.order {
			if err := visit(s.row(n)); err != nil {
				return err
			}
		}
		return nil
	}
	if len(s.rows) > 0 {
		if err := s.put(); err != nil {
			return err
		}
	}
	s.rows, s.order = nil, nil // the buffers of the merge stand in their place
	return s.merge(visit)
}

func (s *Sorter) merge(visit func(row []byte) error) error {
	var m merging
	for n, p := range s.pieces {
		h := &head{
			in: bufio.NewReaderSize(io.NewSectionReader(s.file, p.offset, p.bytes), pieceBuffer), piece: n,
			row: make([]byte, s.width),
		}
		if _, err := h.next(); err != nil {
			return err
		}
		m = append(m, h)
	}
	heap.Init(&m)
	for len(m) > 0 {
		if err := visit(m[0].row); err != nil {
			return err
		}
		more, err := m[0].next()
		switch {
		case err != nil:
			return err
		case more:
			heap.Fix(&m, 0)
		default:
			heap.Pop(&m)
		}
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
	row   []byte
}

// next reads the next row; false where there is none.
func (h *head) next() (bool, error) {
	_, err := io.ReadFull(h.in, h.row)
	if errors.Is(err, io.EOF) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("extsort: read a piece: %w", err)
	}
	return true, nil
}

// merging is a heap of heads, the least on top.
type merging []*head

// Len implements heap.Interface.
func (m merging) Len() int { return len(m) }

// Less implements heap.Interface.
func (m merging) Less(i, j int) bool {
	return cmp.Or(bytes.Compare(m[i].row, m[j].row), cmp.Compare(m[i].piece, m[j].piece)) < 0
}

// Swap implements heap.Interface.
func (m merging) Swap(i, j int) { m[i], m[j] = m[j], m[i] }

// Push implements heap.Interface.
func (m *merging) Push(x any) { *m = append(*m, x.(*head)) }

// Pop implements heap.Interface.
func (m *merging) Pop() any {
	last := (*m)[len(*m)-1]
	*m = (*m)[:len(*m)-1]
	return last
}
