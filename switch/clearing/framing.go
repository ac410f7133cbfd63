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

	lengthSize = 4 // of what stands before a record: its length, or its descriptor word
)

// A frameWriter writes records with their lengths, or descriptor words, and cuts the stream into blocks if the file is
// blocked.
type frameWriter struct {
	w       *bufio.Writer
	framing Framing
	column  int              // bytes in the current block, 0 to blockData − 1
	word    [lengthSize]byte // before the record at hand
}

// record writes a record, of at most maxRecord bytes, behind the word that says how long it is.
func (f *frameWriter) record(record []byte) error {
	word := f.word[:]
	if f.framing.RDW { // counts itself; 00 00 says that the record is not in pieces
		binary.BigEndian.PutUint16(word, uint16(lengthSize+len(record)))
	} else {
		binary.BigEndian.PutUint32(word, uint32(len(record)))
	}
	if err := f.data(word); err != nil {
		return err
	}
	return f.data(record)
}

func (f *frameWriter) data(b []byte) error {
	if !f.framing.Blocked {
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

// end writes the zero length, which no descriptor word ends a file with, fills the last block and hands everything to
// the writer below.
func (f *frameWriter) end() error {
	if !f.framing.RDW {
		if err := f.data(make([]byte, lengthSize)); err != nil {
			return err
		}
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

func newFrameWriter(w io.Writer, framing Framing) *frameWriter {
	return &frameWriter{w: bufio.NewWriterSize(w, 64<<10), framing: framing}
}
