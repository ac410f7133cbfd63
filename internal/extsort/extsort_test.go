package extsort_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"

	"pgregory.net/rapid"

	"switchyard/internal/extsort"
)

// A memoryFile is a file that can be cut.
type memoryFile struct {
	bytes  []byte
	closed bool
	full   int // bytes that fit; 0: all
}

func (f *memoryFile) Write(b []byte) (int, error) {
	if f.full > 0 && len(f.bytes)+len(b) > f.full {
		return 0, errFull
	}
	f.bytes = append(f.bytes, b...)
	return len(b), nil
}

func (f *memoryFile) ReadAt(b []byte, at int64) (int, error) {
	return bytes.NewReader(f.bytes).ReadAt(b, at)
}

func (f *memoryFile) Close() error {
	f.closed = true
	return nil
}

var errFull = errors.New("no space left on device")

// Whatever comes, in whatever memory, comes out in its order and as often as it came in.
func TestEveryRowInOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const width = 3
		in := rapid.SliceOf(rapid.SliceOfN(rapid.ByteRange(0, 3), width, width)).Draw(t, "rows")
		file := &memoryFile{}
		s := extsort.New(width, rapid.IntRange(0, 200).Draw(t, "memory"), func() (extsort.File, error) { return file, nil })
		for _, row := range in {
			if err := s.Add(row); err != nil {
				t.Fatal(err)
			}
		}
		want := slices.Clone(in)
		slices.SortFunc(want, bytes.Compare)
		var got [][]byte
		err := s.Each(func(row []byte) error {
			got = append(got, bytes.Clone(row))
			return nil
		})
		if err != nil || !slices.EqualFunc(got, want, bytes.Equal) {
			t.Fatalf("%v: got %v, want %v", err, got, want)
		}
		if err := s.Close(); err != nil || len(file.bytes) > 0 && !file.closed {
			t.Fatalf("not closed: %v", err)
		}
	})
}

func TestNoRoom(t *testing.T) {
	s := extsort.New(4, 3*20, nil) // a row and its place
	for n := range 3 {
		if err := s.Add(binary.BigEndian.AppendUint32(nil, uint32(9-n))); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Add([]byte("more")); !errors.Is(err, extsort.ErrFull) {
		t.Errorf("a fourth row: %v", err)
	}
	if err := s.Add([]byte("long row")); err == nil {
		t.Error("a row of another width was taken")
	}
	var got []byte
	err := s.Each(func(row []byte) error {
		got = append(got, row[3])
		return nil
	})
	if err != nil || !bytes.Equal(got, []byte{7, 8, 9}) {
		t.Errorf("%v, %v", got, err)
	}
}

// What goes wrong with the file is told, and so is what the caller says.
func TestErrorsAreTold(t *testing.T) {
	file := &memoryFile{}
	var made error
	fill := func() (*extsort.Sorter, error) {
		s := extsort.New(2, 12, func() (extsort.File, error) { return file, made })
		for n := range 9 {
			if err := s.Add([]byte{0, byte(n)}); err != nil {
				return s, err
			}
		}
		return s, nil
	}
	stop := errors.New("enough")
	s, err := fill()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Each(func([]byte) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("visit's error: %v", err)
	}
	file = &memoryFile{}
	s, err = fill()
	if err != nil {
		t.Fatal(err)
	}
	file.bytes = file.bytes[:len(file.bytes)-1]
	if err := s.Each(func([]byte) error { return nil }); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a file that lost a byte: %v", err)
	}
	file = &memoryFile{full: 5}
	if _, err := fill(); !errors.Is(err, errFull) {
		t.Errorf("a full disk: %v", err)
	}
	made = errors.New("no folder")
	if _, err := fill(); !errors.Is(err, made) {
		t.Errorf("no file: %v", err)
	}
}

// BenchmarkSort sorts rows as the keys of clearing records are, a million and a half of them: in the order in which
// references are given out, nearly so, and in none; in memory, and in pieces.
func BenchmarkSort(b *testing.B) {
	const width, rows = 57, 1_500_000
	for _, order := range []string{"rising", "nearly", "random"} {
		for _, memory := range []int{256 << 20, 16 << 20} {
			b.Run(order+"/"+strconv.Itoa(memory>>20)+"MiB", func(b *testing.B) {
				b.ReportAllocs()
				random := rand.New(rand.NewPCG(1, 2))
				row := make([]byte, width)
				for b.Loop() {
					s := extsort.New(width, memory, func() (extsort.File, error) { return &memoryFile{}, nil })
					for n := range rows {
						switch order {
						case "nearly":
							n += random.IntN(1000)
						case "random":
							n = random.IntN(rows)
						}
						copy(row, strconv.AppendInt([]byte("12345676325"), 100_000_000_000+int64(n), 10))
						if err := s.Add(row); err != nil {
							b.Fatal(err)
						}
					}
					if err := s.Each(func([]byte) error { return nil }); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/rows, "ns/row")
			})
		}
	}
}
