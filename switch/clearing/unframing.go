package clearing

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"strconv"
)

// A Framing is how a file is cut into records.
type Framing struct {
	Blocked bool `json:"blocked"` // 1014 blocking
	RDW     bool `json:"rdw"`     // mainframe record descriptor words: length n2 counting its own 4 bytes, then 00 00
}

// String is for people: "1014 blocks", "no blocks, RDW".
func (f Framing) String() string {
	s := "no blocks"
	if f.Blocked {
		s = "1014 blocks"
	}
	if f.RDW {
		s += ", RDW"
	}
	return s
}

// detectWindow is how much of a file's beginning decides how it is read.
const detectWindow = 64 << 10

// A guess is what one framing made of the window.
type guess struct {
	framing  Framing
	page     CodePage
	clean    bool // nothing contradicted it
	records  int  // whole records found before something did
	ended    bool // the length zero that ends a file was found
	trailers bool // most places where a block would end look like it
}

func (g guess) better(than guess) bool {
	if g.clean != than.clean {
		return g.clean
	}
	if g.records != than.records {
		return g.records > than.records
	}
	// Before trailers: the length that ends an unblocked file of 1014 bytes lies where a block's 00 00 would.
	if g.ended != than.ended {
		return g.ended
	}
	return g.trailers && !than.trailers
}

// detect tries every framing on the beginning of a file; whole says that it is all of it. The window is walked record
// by record, because single bytes prove nothing: 40 40 stands in any blank-padded element, also at byte 1012.
func detect(window []byte, whole bool) guess {
	var best guess
	for i, framing := range []Framing{{}, {Blocked: true}, {RDW: true}, {Blocked: true, RDW: true}} {
		if g := try(window, whole, framing); i == 0 || g.better(best) {
			best = g
		}
	}
	return best
}

func try(window []byte, whole bool, framing Framing) guess {
	g := guess{framing: framing}
	data, endsWhole := window, true
	if framing.Blocked {
		var good, bad int
		data = make([]byte, 0, len(window))
		for rest := window; len(rest) > 0; rest = rest[min(blockSize, len(rest)):] {
			data = append(data, rest[:min(blockData, len(rest))]...)
			switch {
			case len(rest) < blockSize:
				endsWhole = !whole
			case isFiller(rest[blockData:blockSize]):
				good++
			default:
				bad++
			}
		}
		g.trailers = good > bad
		endsWhole = endsWhole && bad == 0
	}
	if len(data) > lengthSize && data[lengthSize] < 0x80 {
		g.page = ASCII
	}
	g.records, g.clean, g.ended = walk(data, whole, framing, g.page)
	g.clean = g.clean && endsWhole
	return g
}

// walk counts the records that begin like one, and reports whether the data ends as a file or a window may, and whether
// with the length zero.
func walk(data []byte, whole bool, framing Framing, page CodePage) (records int, clean, ended bool) {
	for pos := 0; ; {
		rest := data[pos:]
		if len(rest) < lengthSize {
			return records, !whole || len(rest) == 0 || framing.Blocked && isFiller(rest), false
		}
		length, ok := recordLength(rest, framing.RDW)
		switch {
		case ok && length == 0:
			tail := rest[lengthSize:]
			return records, len(tail) == 0 || framing.Blocked && isFiller(tail), true
		case !ok || length < minRecord || length > maxRecord:
			return records, framing.Blocked && isFiller(rest), false
		case len(rest) < lengthSize+length:
			return records, !whole && startsLikeRecord(rest[lengthSize:], page), false
		case !startsLikeRecord(rest[lengthSize:], page):
			return records, false, false
		}
		records++
		pos += lengthSize + length
	}
}

// recordLength reads what stands before a record. Zero is the end of the file.
func recordLength(b []byte, rdw bool) (length int, ok bool) {
	if !rdw {
		n := binary.BigEndian.Uint32(b)
		return int(n), n <= maxRecord
	}
	n := int(binary.BigEndian.Uint16(b))
	if b[2] != 0 || b[3] != 0 {
		return 0, false
	}
	if n == 0 {
		return 0, true
	}
	return n - lengthSize, n > lengthSize
}

func startsLikeRecord(b []byte, page CodePage) bool {
	for i := range min(mtiLength, len(b)) {
		c := b[i]
		if page == CP500 {
			c = latin1FromCP500[c]
		}
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// isFiller reports whether b is all 40 or all 00.
func isFiller(b []byte) bool {
	return isAll(b, blockFiller) || isAll(b, 0)
}

func isAll(b []byte, c byte) bool { return bytes.Count(b, []byte{c}) == len(b) }

// An input hands out a file's bytes without its blocks and knows where in the file they stood. What it notices on the
// way goes to fault and warn; it ends only where the file does.
type input struct {
	r       *bufio.Reader
	blocked bool
	block   [blockSize]byte
	next    int   // in block, of the byte to hand out
	have    int   // bytes of data in block
	base    int64 // file offset of block; without blocks, of the byte to hand out
	fault   func(offset int64, message string)
	warn    func(offset int64, message string)
}

// offset is where in the file the next byte stands.
func (in *input) offset() int64 {
	if in.blocked && in.next == blockData {
		return in.base + blockSize
	}
	return in.base + int64(in.next)
}

// read fills p. It returns io.EOF if there was nothing left, io.ErrUnexpectedEOF if there was less.
func (in *input) read(p []byte) (int, error) {
	if !in.blocked {
		n, err := io.ReadFull(in.r, p)
		in.base += int64(n)
		return n, err
	}
	n := 0
	for n < len(p) {
		if in.next == in.have {
			if err := in.load(); err != nil {
				if n > 0 && errors.Is(err, io.EOF) {
					err = io.ErrUnexpectedEOF
				}
				return n, err
			}
		}
		copied := copy(p[n:], in.block[in.next:in.have])
		in.next += copied
		n += copied
	}
	return n, nil
}

// load reads the next block.
func (in *input) load() error {
	n, err := io.ReadFull(in.r, in.block[:])
	if n == 0 {
		return err
	}
	if in.have > 0 {
		in.base += blockSize
	}
	in.next, in.have = 0, min(n, blockData)
	switch trailer := in.block[blockData:]; {
	case errors.Is(err, io.ErrUnexpectedEOF):
		in.fault(in.base, "the last block has "+strconv.Itoa(n)+" bytes, 1014 expected")
	case err != nil:
		return err
	case isAll(trailer, 0):
		in.warn(in.base+blockData, "blocks end with 00 00, 40 40 expected")
	case !isFiller(trailer):
		in.fault(in.base+blockData, "block ends with neither 40 40 nor 00 00")
	}
	return nil
}

// maxEmptyBlocks is how many blocks without a record are read behind the last that has one: a device may give them
// without an end.
const maxEmptyBlocks = 1024

// rest checks what follows the end of the records: the filling of the last block and nothing else.
func (in *input) rest() error {
	if !in.blocked {
		if _, err := in.r.ReadByte(); err == nil {
			in.fault(in.base, "there are bytes after the end")
		} else if !errors.Is(err, io.EOF) {
			return err
		}
		return nil
	}
	for blocks := 0; ; blocks++ {
		switch tail := in.block[in.next:in.have]; {
		case isAll(tail, blockFiller):
		case isAll(tail, 0):
			in.warn(in.offset(), "the last block is filled with 00, 40 expected")
		default:
			in.fault(in.offset(), "there are bytes after the end")
			return nil
		}
		in.next = in.have
		if err := in.load(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if in.warn(in.base, "there is an empty block after the last one"); blocks == maxEmptyBlocks {
			in.fault(in.base, "there are more than "+strconv.Itoa(maxEmptyBlocks)+" empty blocks after the last one")
			return nil
		}
	}
}
