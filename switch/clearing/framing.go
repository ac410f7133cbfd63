package clearing

import (
	"bufio"
	"encoding/binary"
	"io"
)

// 1014 blocking: 1012 bytes of data, then two filler bytes; the last block's data is filled up with the same byte.
const (
	blockData    = 1012
	blockTrailer = 2
	blockSize    = blockData + blockTrailer
	blockFiller  = 0x40

	lengthSize = 4 // of a record's length, big endian, itself not counted
)

// A frameWriter writes records with their lengths and cuts the stream into blocks if the file is blocked.
type frameWriter struct {
	w       *bufio.Writer
	blocked bool
	column  int // bytes in the current block, 0 to blockData − 1
}

func (f *frameWriter) record(record []byte) error {
	if err := f.length(len(record)); err != nil {
		return err
	}
	return f.data(record)
}

func (f *frameWriter) length(n int) error {
	var length [lengthSize]byte
	binary.BigEndian.PutUint32(length[:], uint32(n))
	return f.data(length[:])
}

func (f *frameWriter) data(b []byte) error {
	if !f.blocked {
		_, err := f.w.Write(b)
		return err
	}
	for len(b) > 0 {
		n := min(blockData-f.column, len(b))
		if _, err := f.w.Write(b[:n]); err != nil {
			return err
		}
		b = b[n:]
		if f.column += n; f.column == blockData {
			f.column = 0
			if err := f.fill(blockTrailer); err != nil {
				return err
			}
		}
	}
	return nil
}

// end writes the zero length, fills the last block and hands everything to the writer below.
func (f *frameWriter) end() error {
	if err := f.length(0); err != nil {
		return err
	}
	if f.column > 0 { // else the data ended exactly with a block, which is complete
		if err := f.fill(blockSize - f.column); err != nil {
			return err
		}
	}
	return f.w.Flush()
}

func (f *frameWriter) fill(n int) error {
	for range n {
		if err := f.w.WriteByte(blockFiller); err != nil {
			return err
		}
	}
	return nil
}

func newFrameWriter(w io.Writer, blocked bool) *frameWriter {
	return &frameWriter{w: bufio.NewWriterSize(w, 64<<10), blocked: blocked}
}
