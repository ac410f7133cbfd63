package lines

import (
	"bytes"
	"errors"
	"io"
)

// errLineTooLong is a line without an LF within the bound.
var errLineTooLong = errors.New("line too long")

// lines cuts what a connection sends into lines, in one buffer that grows with what arrives.
type lines struct {
	from    io.Reader
	maxLine int
	buf     []byte
	// buf[start:end] is unread; buf[start:searched] holds no LF.
	start, searched, end int
	filled               bool // the last read left no room: a larger buffer saves system calls
}

// next returns the next line that has arrived whole, without its LF. It is valid until read is called.
func (l *lines) next() (line []byte, ok bool) {
	i := bytes.IndexByte(l.buf[l.searched:l.end], '\n')
	if i < 0 {
		l.searched = l.end
		return nil, false
	}
	line = l.buf[l.start : l.searched+i]
	l.start = l.searched + i + 1
	l.searched = l.start
	return line, true
}

// half tells whether the beginning of a line has arrived.
func (l *lines) half() bool { return l.start < l.end }

// grown tells whether the buffer is larger than a quiet connection's.
func (l *lines) grown() bool { return len(l.buf) > firstBuffer }

// read waits for more bytes, at least one unless there is an error.
func (l *lines) read() error {
	if err := l.makeRoom(); err != nil {
		return err
	}
	n, err := l.from.Read(l.buf[l.end:])
	l.end += n
	l.filled = l.end == len(l.buf)
	if n > 0 {
		return nil // an error with it comes again
	}
	return err
}

func (l *lines) makeRoom() error {
	kept := l.end - l.start
	if kept > l.maxLine {
		return errLineTooLong
	}
	if len(l.buf) == 0 {
		l.buf = make([]byte, min(firstBuffer, l.maxLine+1))
	}
	if size := len(l.buf); l.filled && size < l.maxLine+1 {
		l.resize(min(4*size, l.maxLine+1))
	} else if l.start > 0 {
		read := l.buf[:l.end]
		l.moveTo(l.buf)
		clear(read[l.end:])
	}
	return nil
}

// shrink gives a grown buffer back where the unread bytes fit a small one.
func (l *lines) shrink() {
	if l.grown() && l.end-l.start < firstBuffer {
		l.resize(firstBuffer)
	}
}

func (l *lines) resize(size int) {
	old := l.buf[:l.end]
	l.moveTo(make([]byte, size))
	clear(old)
}

// wipe overwrites what is there: lines hold card data, which the memory would keep. What next has returned is wiped by
// the next read.
func (l *lines) wipe() { clear(l.buf[:l.end]) }

// moveTo moves the unread bytes to the beginning of a buffer, which may be the present one.
func (l *lines) moveTo(buf []byte) {
	n := copy(buf, l.buf[l.start:l.end])
	l.searched -= l.start
	l.buf, l.start, l.end, l.filled = buf, 0, n, false
}
