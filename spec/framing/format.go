package framing

import (
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Default is the text form of the zero Format.
const Default = "binary2"

// Format is how messages are framed. The zero value is Default. It is immutable, and any number of goroutines may use
// it.
type Format struct{ l *layout } // nil is Default, so that it costs nothing

// layout is a format that is not the default.
type layout struct {
	text      string
	width     int      // bytes of the length; 0: none
	encoding  encoding // of the length
	inclusive bool
	heads     []head
	head      []byte // what heads are in a frame of ours that is no answer
	visa      int    // where Visa's header begins in head; -1: there is none
	set       bool   // answers have head, too, and not the headers of their requests
	trailer   []byte
	ends      func(message []byte) (n int, err error)
}

// encoding is how a length is written.
type encoding uint8

const (
	binaryLength encoding = iota
	bcdLength
	asciiLength
)

// lengths are the lengths by their names.
var lengths = map[string]struct {
	width    int
	encoding encoding
}{
	"binary2": {2, binaryLength},
	"binary4": {4, binaryLength},
	"bcd2":    {2, bcdLength},
	"ascii4":  {4, asciiLength},
	"none":    {0, binaryLength},
}

// head is one of the headers.
type head struct {
	kind headKind
	sent []byte // as it is in frames of ours that are no answer
}

type headKind uint8

const (
	headBytes headKind = iota // any bytes
	headText                  // any characters where sent has none but letters
	headTPDU
	headVisa
)

// Bounds of a format.
const (
	// MaxHeaders is how many bytes all headers together may have in frames that we make, MaxTrailer how many a trailer.
	MaxHeaders = 64
	MaxTrailer = 8
	// MaxOverhead is how many bytes a frame has at most besides its message. Visa's header may be of 255 when it comes.
	MaxOverhead = 4 + MaxHeaders + 255 + MaxTrailer
	// MaxFrame is the longest frame that can be passed over: a length that says more is none.
	MaxFrame = 128 << 10
)

const (
	tpduBytes   = 5
	tpduID      = 0x60
	defaultTPDU = "6000000000"
	visaBytes   = 22
	// Offsets in Visa's header: its length, the length of all, and the stations that a message goes to and comes from.
	visaTotal = 3
	visaTo    = 5
	visaFrom  = 8
	// A Visa header of ours in BASE I format; zeros follow.
	defaultVisa = "160102"
)

// MustParse is Parse for texts that are known to be right.
func MustParse(text string) Format {
	f, err := Parse(text)
	if err != nil {
		panic(err)
	}
	return f
}

// Parse reads the text form of a format; the empty one is Default. An error names the part and what was expected.
func Parse(text string) (Format, error) {
	if text == "" || text == Default {
		return Format{}, nil
	}
	l := &layout{width: 2, visa: -1}
	names := strings.Split(text, "+")
	for i, name := range names {
		if err := l.add(i, name); err != nil {
			return Format{}, fmt.Errorf("framing %q: %w", text, err)
		}
	}
	if l.width == 2 && l.encoding == binaryLength && !l.inclusive && l.head == nil && l.trailer == nil {
		return Format{}, nil
	}
	l.text = l.canonical()
	return Format{l}, nil
}

const lengthNames = "binary2, binary4, bcd2, ascii4 or none"

// add takes the next part of a text form.
func (l *layout) add(i int, part string) error {
	wrong := func(format string, args ...any) error {
		return fmt.Errorf("%q: %w", part, fmt.Errorf(format, args...))
	}
	name, value, valued := strings.Cut(part, ":")
	length, isLength := lengths[name]
	switch name {
	case "tpdu", "visa":
	case "header", "text", "trailer":
		if value == "" {
			return wrong("want something behind a colon")
		}
	default:
		if valued {
			return wrong("want tpdu:, header:, text:, visa: or trailer: with a value")
		}
	}
	switch {
	case l.trailer != nil:
		return wrong("want nothing behind the trailer")
	case name == "set" && !valued:
		if l.heads == nil || l.set {
			return wrong("want it once, behind the headers")
		}
		l.set = true
		return nil
	case isLength && i > 0:
		return wrong("want the length first")
	case isLength:
		l.width, l.encoding = length.width, length.encoding
		return nil
	case name == "inclusive":
		switch {
		case l.width == 0:
			return wrong("want a length that counts itself, not none")
		case l.inclusive || l.heads != nil:
			return wrong("want it once, behind the length")
		}
		l.inclusive = true
		return nil
	case name == "trailer":
		b, err := hexBytes(value, MaxTrailer)
		if err != nil {
			return wrong("%w", err)
		}
		l.trailer = b
		return nil
	}
	h, err := parseHead(name, value, valued)
	if err != nil {
		return wrong("%w", err)
	}
	if l.set {
		return wrong("want headers in front of set")
	}
	for _, other := range l.heads {
		if h.kind >= headTPDU && h.kind == other.kind {
			return wrong("want one at most")
		}
	}
	if len(l.head)+len(h.sent) > MaxHeaders {
		return wrong("want headers of at most %d bytes in all", MaxHeaders)
	}
	if h.kind == headVisa {
		l.visa = len(l.head)
	}
	l.heads, l.head = append(l.heads, h), append(l.head, h.sent...)
	return nil
}

// parseHead reads a header.
func parseHead(name, value string, valued bool) (h head, err error) {
	switch name {
	case "tpdu":
		h.kind = headTPDU
		if !valued {
			value = defaultTPDU
		}
		if h.sent, err = hexBytes(value, tpduBytes); err != nil || len(h.sent) != tpduBytes || h.sent[0] != tpduID {
			return h, errors.New("want 60 and two addresses of four digits, as in tpdu:6000030000")
		}
		for _, b := range h.sent {
			if b>>4 > 9 || b&15 > 9 {
				return h, errors.New("want decimal digits, as in tpdu:6000030000")
			}
		}
	case "header":
		h.kind = headBytes
		h.sent, err = hexBytes(value, MaxHeaders)
	case "text":
		h.kind = headText
		for _, c := range []byte(value) {
			if c < ' ' || c > '~' {
				return h, errors.New("want printable ASCII")
			}
		}
		h.sent = []byte(value)
	case "visa":
		h.kind = headVisa
		if !valued {
			value = defaultVisa + strings.Repeat("0", 2*visaBytes-len(defaultVisa))
		}
		h.sent, err = hexBytes(value, visaBytes)
		if err == nil && (len(h.sent) != visaBytes || h.sent[0] != visaBytes) {
			err = fmt.Errorf("want %d bytes in hex, the first of them %02x", visaBytes, visaBytes)
		}
	default:
		err = fmt.Errorf(
			"want a length (%s), inclusive, tpdu, header:<hex>, text:<characters>, visa, set or trailer:<hex>", lengthNames,
		)
	}
	return h, err
}

// hexBytes reads bytes in hex.
func hexBytes(text string, atMost int) ([]byte, error) {
	b, err := hex.DecodeString(text)
	if err != nil || len(b) == 0 || len(b) > atMost {
		return nil, fmt.Errorf("want 1 to %d bytes in hex", atMost)
	}
	return b, nil
}

// canonical is the text form.
func (l *layout) canonical() string {
	var parts []string
	for name, length := range lengths {
		if length.width == l.width && length.encoding == l.encoding {
			parts = append(parts, name)
		}
	}
	if l.inclusive {
		parts = append(parts, "inclusive")
	}
	for _, h := range l.heads {
		value := hex.EncodeToString(h.sent)
		switch h.kind {
		case headBytes:
			parts = append(parts, "header:"+value)
		case headText:
			parts = append(parts, "text:"+string(h.sent))
		case headTPDU:
			parts = append(parts, "tpdu:"+value)
		case headVisa:
			parts = append(parts, "visa:"+value)
		}
	}
	if l.set {
		parts = append(parts, "set")
	}
	if l.trailer != nil {
		parts = append(parts, "trailer:"+hex.EncodeToString(l.trailer))
	}
	return strings.Join(parts, "+")
}

// String is the text form, with every part written out.
func (f Format) String() string {
	if f.l == nil {
		return Default
	}
	return f.l.text
}

// A Dialect is what messages are in, as spec.Codec is one.
type Dialect interface {
	Name() string
	Binary() (de int, ok bool) // a field that may have any bytes
	FieldName(de int) string
}

// Carries refuses a dialect of which a message may not get through: where only a trailer says where it ends it must not
// have that.
func (f Format) Carries(d Dialect) error {
	if f.l == nil || f.l.width > 0 || f.l.visa >= 0 || f.l.trailer == nil {
		return nil
	}
	if de, binary := d.Binary(); binary {
		return fmt.Errorf("framing %s: only the trailer says where a message ends, and in %s it may stand in DE %d (%s), "+
			"which is binary; expected a framing with a length", f, d.Name(), de, d.FieldName(de))
	}
	if !slices.ContainsFunc(f.l.trailer, inNoText) {
		return fmt.Errorf("framing %s: only the trailer says where a message ends, and its characters may stand in one; "+
			"expected a control character in it, such as 03", f)
	}
	return nil
}

// inNoText tells whether a byte is no letter, digit, sign or blank, be it of ASCII or of EBCDIC.
func inNoText(b byte) bool { return b < ' ' || b == 0xFF }

// IsDefault tells whether the format is Default.
func (f Format) IsDefault() bool { return f.l == nil }

// Delimited tells whether a frame says where it ends. One that does not, `none` without a trailer or Visa's header, is
// taken to end where the bytes at hand do, but see Ending.
func (f Format) Delimited() bool {
	return f.l == nil || f.l.width > 0 || f.l.visa >= 0 || f.l.trailer != nil
}

// Ending returns a format that is not Delimited with a function that says where a message ends, as its dialect's codec
// can: how many bytes the message has that data begins with, ErrShort if it goes on behind data, or what is wrong.
// Other formats are returned as they are.
func (f Format) Ending(ends func(data []byte) (n int, err error)) Format {
	if f.Delimited() {
		return f
	}
	l := *f.l
	l.ends = ends
	return Format{&l}
}

// Measuring returns a format that is not Delimited in which a message ends where its own bitmaps and lengths say:
// measure is the Measure of its dialect's codec. Behind a message that it cannot measure nothing can be cut. Other
// formats are returned as they are.
func (f Format) Measuring(measure func(data []byte) (n int, err error)) Format {
	return f.Ending(func(data []byte) (int, error) {
		n, err := measure(data)
		if err == nil && n > len(data) {
			err = ErrShort
		}
		return n, err
	})
}

// ErrShort is what the function of Ending returns for data that is only a message's beginning.
var ErrShort = errors.New("the message goes on")
