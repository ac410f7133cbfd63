package framing

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// Frame is a frame in the bytes that it was cut from, which it shares.
type Frame struct {
	Head    []byte // the headers, as they came
	Message []byte
	Size    int // bytes of the whole frame
}

// Cut cuts the first frame off data, whose message may have limit bytes. Where data is only the beginning of a frame,
// need is how many bytes to come back with at the least. An error is an *Error.
func (f Format) Cut(data []byte, limit int) (frame Frame, need int, err error) {
	if f.l != nil {
		return f.l.cut(data, limit)
	}
	if len(data) < 2 {
		return frame, 2, nil
	}
	n := int(binary.BigEndian.Uint16(data))
	if n == 0 || n > limit {
		return frame, 0, outOfRange(n, limit, 2+n)
	}
	if len(data) < 2+n {
		return frame, 2 + n, nil
	}
	return Frame{Message: data[2 : 2+n], Size: 2 + n}, 0, nil
}

// outOfRange is the error of a message that is empty or too long.
func outOfRange(n, limit, size int) error {
	if n == 0 {
		return &Error{Reason: Empty, Size: size, Want: "a message"}
	}
	return &Error{Reason: TooLong, Size: size, Length: n, Want: fmt.Sprintf("at most %d bytes", limit)}
}

// Peek cuts the next frame off r, waiting for it. Its bytes are those of r's buffer: they are read by discarding
// Frame.Size of them, or Error.Size. Where r ends, or fails, first, the error is a *CutShort. r's buffer must take
// limit and MaxOverhead bytes.
func (f Format) Peek(r *bufio.Reader, limit int) (Frame, error) {
	need := f.least()
	for {
		data, err := r.Peek(need)
		if err != nil {
			return Frame{}, &CutShort{Got: len(data), Want: need, Err: err}
		}
		if have := r.Buffered(); have > need {
			data, _ = r.Peek(have) // of what is buffered: nothing is read
		}
		frame, more, err := f.Cut(data, limit)
		if err != nil || more == 0 {
			return frame, err
		}
		need = more
	}
}

// Buffered tells whether the next frame of r is there as a whole, so that Peek would not wait.
func (f Format) Buffered(r *bufio.Reader, limit int) bool {
	have := r.Buffered()
	if have < f.least() {
		return false
	}
	data, _ := r.Peek(have) // of what is buffered: nothing is read
	_, need, err := f.Cut(data, limit)
	return err == nil && need == 0
}

// least is how many bytes a frame has at the least.
func (f Format) least() int {
	if f.l == nil {
		return 2
	}
	return max(f.l.width, 1)
}

func (l *layout) cut(data []byte, limit int) (frame Frame, need int, err error) {
	if l.width == 0 {
		return l.cutEndless(data, limit)
	}
	if len(data) < l.width {
		return frame, l.width, nil
	}
	n, ok := l.length(data)
	if !ok {
		return frame, 0, &Error{Reason: BadLength, Want: l.lengthWanted()}
	}
	size := l.width + n
	if l.inclusive && n > 0 { // a length of 0 keeps a connection alive, whatever lengths count
		size = n
	}
	switch rest := size - l.width; {
	case rest < 0:
		return frame, 0, &Error{Reason: BadLength, Want: fmt.Sprintf("a length that counts its own %d bytes", l.width)}
	case size > MaxFrame:
		return frame, 0, &Error{Reason: BadLength, Want: fmt.Sprintf("a length of at most %d", MaxFrame)}
	case rest == 0:
		return frame, 0, outOfRange(0, limit, size)
	case rest > limit+MaxOverhead:
		return frame, 0, outOfRange(max(rest-len(l.head)-len(l.trailer), limit+1), limit, size)
	case len(data) < size:
		return frame, size, nil
	}
	body := data[l.width:size]
	at, err := l.skipHeads(body, size)
	if err != nil {
		return frame, 0, err
	}
	frame.Head = body[:at]
	if body = body[at:]; !bytes.HasSuffix(body, l.trailer) {
		return frame, 0, &Error{Reason: BadHeader, Size: size, Length: len(body), Want: l.trailerWanted()}
	}
	frame.Message, frame.Size = body[:len(body)-len(l.trailer)], size
	if n := len(frame.Message); n == 0 || n > limit {
		return frame, 0, outOfRange(n, limit, size)
	}
	return frame, 0, nil
}

// skipHeads returns the offset behind the headers. size is that of the frame; 0 if it is not known yet.
func (l *layout) skipHeads(body []byte, size int) (at int, err error) {
	for i := range l.heads {
		h := &l.heads[i]
		n := len(h.sent)
		if h.kind == headVisa && at < len(body) {
			n = int(body[at])
		}
		if !h.matches(body[min(at, len(body)):]) || len(body)-at < n {
			return 0, &Error{Reason: BadHeader, Size: size, Length: len(body), Want: h.wanted()}
		}
		at += n
	}
	return at, nil
}

// matches tells whether bytes may be a header, or its beginning.
func (h *head) matches(b []byte) bool {
	switch {
	case len(b) == 0:
		return true
	case h.kind == headTPDU:
		return b[0] == h.sent[0]
	case h.kind == headVisa:
		return b[0] >= visaBytes
	case h.kind == headText:
		for i, c := range h.sent[:min(len(b), len(h.sent))] {
			if letter := c|0x20 >= 'a' && c|0x20 <= 'z'; letter && b[i] != c {
				return false
			}
			if b[i] < ' ' || b[i] > '~' {
				return false
			}
		}
	}
	return true
}

// cutEndless cuts a frame that has no length in front.
func (l *layout) cutEndless(data []byte, limit int) (frame Frame, need int, err error) {
	total := -1 // bytes of the frame, as Visa's header says
	at := 0
	for i := range l.heads {
		h := &l.heads[i]
		rest := data[at:]
		if !h.matches(rest) {
			return frame, 0, &Error{Reason: BadHeader, Want: h.wanted()}
		}
		n := len(h.sent)
		if h.kind == headVisa && len(rest) > visaTotal+1 {
			total = at + int(binary.BigEndian.Uint16(rest[visaTotal:]))
		}
		if h.kind == headVisa && len(rest) > 0 {
			n = int(rest[0])
		}
		if at += n; len(data) < at {
			return frame, at, nil
		}
	}
	frame.Head = data[:at]
	switch {
	case total >= 0:
		return l.cutVisa(frame, data, total, limit)
	case l.trailer != nil:
		return l.cutTrailer(frame, data, limit)
	}
	body := data[at:]
	if len(body) == 0 {
		return frame, at + 1, nil
	}
	n := len(body)
	if l.ends != nil {
		n, err = l.ends(body)
		switch {
		case errors.Is(err, ErrShort) && len(body) < limit:
			return frame, len(data) + 1, nil
		case errors.Is(err, ErrShort):
			return frame, 0, outOfRange(len(body)+1, limit, 0)
		case err != nil:
			return frame, 0, &Error{Reason: BadMessage, Length: len(body), Want: "a message: " + err.Error()}
		}
	}
	if n <= 0 || n > limit {
		return frame, 0, outOfRange(max(n, 0), limit, at+max(n, 0))
	}
	frame.Message, frame.Size = body[:n], at+n
	return frame, 0, nil
}

// cutVisa cuts a frame whose size Visa's header says.
func (l *layout) cutVisa(frame Frame, data []byte, total, limit int) (Frame, int, error) {
	at, size := len(frame.Head), total+len(l.trailer)
	n := total - at
	switch {
	case n < 0:
		return frame, 0, &Error{Reason: BadLength, Want: "a Visa header whose length counts itself and the message"}
	case n == 0 || n > limit:
		return frame, 0, outOfRange(n, limit, size)
	case len(data) < size:
		return frame, size, nil
	case !bytes.Equal(data[total:size], l.trailer):
		return frame, 0, &Error{Reason: BadHeader, Size: size, Length: n, Want: l.trailerWanted()}
	}
	frame.Message, frame.Size = data[at:total], size
	return frame, 0, nil
}

// cutTrailer cuts a frame that ends with its trailer.
func (l *layout) cutTrailer(frame Frame, data []byte, limit int) (Frame, int, error) {
	at := len(frame.Head)
	n := bytes.Index(data[at:], l.trailer)
	switch {
	case n < 0 && len(data)-at > limit+len(l.trailer):
		return frame, 0, outOfRange(len(data)-at, limit, 0)
	case n < 0:
		return frame, len(data) + 1, nil
	case n == 0 || n > limit:
		return frame, 0, outOfRange(n, limit, at+n+len(l.trailer))
	}
	frame.Message, frame.Size = data[at:at+n], at+n+len(l.trailer)
	return frame, 0, nil
}

// length reads the length that data begins with.
func (l *layout) length(data []byte) (n int, ok bool) {
	for _, b := range data[:l.width] {
		switch l.encoding {
		case bcdLength:
			if b>>4 > 9 || b&15 > 9 {
				return 0, false
			}
			n = n*100 + int(b>>4)*10 + int(b&15)
		case asciiLength:
			if b < '0' || b > '9' {
				return 0, false
			}
			n = n*10 + int(b-'0')
		default:
			n = n<<8 | int(b)
		}
	}
	return n, true
}

func (l *layout) lengthWanted() string {
	if l.encoding == bcdLength {
		return "a length of four BCD digits"
	}
	return "a length of four ASCII digits"
}

func (l *layout) trailerWanted() string { return fmt.Sprintf("the trailer %x", l.trailer) }

// wanted says what was expected of a header.
func (h *head) wanted() string {
	switch h.kind {
	case headTPDU:
		return fmt.Sprintf("a TPDU of %d bytes that begins with %02x", tpduBytes, tpduID)
	case headVisa:
		return fmt.Sprintf("a Visa header of at least %d bytes that says how many it has", visaBytes)
	case headText:
		return fmt.Sprintf("a header like %q", h.sent)
	default:
		return fmt.Sprintf("a header of %d bytes", len(h.sent))
	}
}
