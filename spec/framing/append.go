package framing

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
)

// Append appends a message as a frame to dst: a request, or anything that answers nothing. On an error, an *Error, it
// returns dst as it was.
func (f Format) Append(dst, message []byte) ([]byte, error) {
	start := len(dst)
	return f.End(append(f.Begin(dst, nil), message...), start)
}

// Answer appends a message as a frame that answers one with the given headers (Frame.Head): addresses of a TPDU and
// stations of Visa's are swapped, and what else there is is echoed. In a format with set its headers are the format's.
func (f Format) Answer(dst, message, head []byte) ([]byte, error) {
	start := len(dst)
	return f.End(append(f.Begin(dst, head), message...), start)
}

// Begin appends what stands before a message, with the headers of an answer where it answers one with the given headers
// (not nil, and of this format). The message is to be appended next, and End to be called with the length that dst had.
func (f Format) Begin(dst, head []byte) []byte {
	if f.l == nil {
		return append(dst, 0, 0)
	}
	return f.l.begin(dst, head)
}

// End ends the frame that Begin began at dst[start]. On an error it returns dst as it was before Begin.
func (f Format) End(dst []byte, start int) ([]byte, error) {
	if f.l != nil {
		return f.l.end(dst, start)
	}
	n := len(dst) - start - 2
	if n < 1 || n > math.MaxUint16 {
		return dst[:start], outOfRange(n, math.MaxUint16, 0)
	}
	binary.BigEndian.PutUint16(dst[start:], uint16(n))
	return dst, nil
}

// MaxMessage is the longest message that a frame can take, in bytes.
func (f Format) MaxMessage() int {
	if f.l == nil {
		return math.MaxUint16
	}
	return f.l.maxMessage(len(f.l.head))
}

// maxMessage is MaxMessage with headers of so many bytes.
func (l *layout) maxMessage(heads int) int {
	most := MaxFrame - l.width
	switch {
	case l.width == 0:
	case l.encoding != binaryLength:
		most = 9999
	case l.width == 2:
		most = math.MaxUint16
	}
	if l.inclusive {
		most -= l.width
	}
	most -= heads + len(l.trailer)
	if l.visa >= 0 {
		most = min(most, math.MaxUint16-heads)
	}
	return min(most, math.MaxUint16)
}

func (l *layout) begin(dst, head []byte) []byte {
	for range l.width {
		dst = append(dst, 0)
	}
	if head == nil || l.set {
		return append(dst, l.head...)
	}
	from, at := len(dst), 0
	for i := range l.heads {
		h := &l.heads[i]
		n := len(h.sent)
		if h.kind == headVisa && at < len(head) {
			n = int(head[at])
		}
		if len(head)-at < n {
			return append(dst[:from], l.head...) // of another format: as if it answered nothing
		}
		start := len(dst)
		dst = append(dst, head[at:at+n]...)
		at += n
		switch own := dst[start:]; h.kind {
		case headTPDU:
			own[1], own[2], own[3], own[4] = own[3], own[4], own[1], own[2]
		case headVisa:
			for j := visaTo; j < visaFrom; j++ {
				k := j + visaFrom - visaTo
				own[j], own[k] = own[k], own[j]
			}
		case headBytes, headText: // as they came
		}
	}
	return dst
}

func (l *layout) end(dst []byte, start int) ([]byte, error) {
	at := start + l.width
	visa := -1
	for i := range l.heads {
		h := &l.heads[i]
		n := len(h.sent)
		if h.kind == headVisa {
			visa, n = at, int(dst[at])
		}
		at += n
	}
	n, most := len(dst)-at, l.maxMessage(at-start-l.width)
	if n < 1 || n > most {
		return dst[:start], outOfRange(n, most, 0)
	}
	if l.width == 0 && visa < 0 && l.trailer != nil && bytes.Contains(dst[at:], l.trailer) {
		return dst[:start], &Error{
			Reason: BadHeader, Length: n, Want: fmt.Sprintf("a message without the trailer %x in it", l.trailer),
		}
	}
	if visa >= 0 {
		binary.BigEndian.PutUint16(dst[visa+visaTotal:], uint16(len(dst)-visa))
	}
	dst = append(dst, l.trailer...)
	length := len(dst) - start
	if !l.inclusive {
		length -= l.width
	}
	l.putLength(dst[start:start+l.width], length)
	return dst, nil
}

// putLength writes a length.
func (l *layout) putLength(b []byte, n int) {
	for i := len(b) - 1; i >= 0; i-- {
		switch l.encoding {
		case bcdLength:
			b[i] = byte(n/10%10<<4 | n%10)
			n /= 100
		case asciiLength:
			b[i] = '0' + byte(n%10)
			n /= 10
		default:
			b[i] = byte(n)
			n >>= 8
		}
	}
}
