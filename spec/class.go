package spec

import (
	"encoding/binary"
	"regexp"
	"strings"
)

// A library spec says how a DE is encoded but not what may stand in it: to the library a fixed String of 6 ASCII
// characters is a fine STAN, whatever they are. So a description may end with the DE's ISO 8583 format in brackets, as
// in "Systems Trace Audit Number [n6]", and the codec holds the values to it. The library takes it for plain text.

// class is a set of properties of a byte.
type class uint8

const (
	classASCII class = 1 << iota
	classDigit
	classPrintable // ASCII from space to tilde: a, an, ans, ns
	classHex       // hex digits of either case: b, as text
	classTrack     // the code set of tracks 2 and 3, with D for the separator, as some hosts write it: z
)

// classes says for each byte which classes it is in.
var classes = func() (t [256]class) {
	for c := range t {
		b := byte(c)
		digit := b >= '0' && b <= '9'
		letter := b >= 'a' && b <= 'f' || b >= 'A' && b <= 'F'
		for in, yes := range map[class]bool{
			classASCII:     b < 128,
			classDigit:     digit,
			classPrintable: b >= ' ' && b <= '~',
			classHex:       digit || letter,
			classTrack:     b >= '0' && b <= '?' || b == 'D',
		} {
			if yes {
				t[c] |= in
			}
		}
	}
	return t
}()

// shape is what a value must be as a whole.
type shape uint8

const (
	shapeAny  shape = iota
	shapeEven       // whole bytes of hex text
	shapeSign       // x+n: C or D, then digits
)

var formatAtEnd = regexp.MustCompile(`\[(a|n|an|ans|as|ns|z|b|x\+n)\.*[0-9]+\]$`)

// classOf reads the format at the end of a description; 0 and shapeAny if there is none.
func classOf(description string) (class, shape) {
	found := formatAtEnd.FindStringSubmatch(description)
	if found == nil {
		return 0, shapeAny
	}
	switch found[1] {
	case "n":
		return classDigit, shapeAny
	case "z":
		return classTrack, shapeAny
	case "b":
		return classHex, shapeEven
	case "x+n":
		return 0, shapeSign
	}
	return classPrintable, shapeAny
}

// plainName is a description without the format at its end.
func plainName(description string) string {
	return strings.TrimSpace(formatAtEnd.ReplaceAllString(description, ""))
}

// check holds a canonical value to what the layout asks of it. It returns the index of the first byte that is wrong, or
// -1 if all is well.
func (l *layout) check(value []byte) int {
	switch {
	case l.need == 0:
	case l.need == classDigit && allDigits(value):
	case l.need == classPrintable && allPrintable(value):
	default:
		for i, b := range value {
			if classes[b]&l.need != l.need {
				return i
			}
		}
	}
	if l.shape == shapeAny {
		return -1
	}
	return l.checkShape(value)
}

// quick reports whether a value of digits or printable text is right. If not, check says what is wrong, if anything is.
func (l *layout) quick(value []byte) bool {
	if l.need == classDigit {
		return allDigits(value)
	}
	return l.need == classPrintable && allPrintable(value)
}

func (l *layout) checkShape(value []byte) int {
	switch l.shape {
	case shapeEven:
		if len(value)%2 != 0 {
			return len(value) - 1
		}
	case shapeSign:
		if len(value) == 0 || value[0] != 'C' && value[0] != 'D' {
			return 0
		}
		for i, b := range value[1:] {
			if classes[b]&classDigit == 0 {
				return i + 1
			}
		}
	}
	return -1
}

// allDigits and allPrintable look at eight bytes at a time, or at four. A byte is right if its top bit is clear both by
// itself and after an addition that carries anything above the range into it; that a wrong byte's sum may carry on into
// the next one does no harm. The last step looks at some bytes a second time instead of at fewer.

func allDigits(value []byte) bool {
	const top, zeros, above9 = 0x8080808080808080, 0x3030303030303030, 0x7676767676767676
	switch n := len(value); {
	case n >= 8:
		bad := uint64(0)
		for i := 0; i+8 < n; i += 8 {
			x := binary.LittleEndian.Uint64(value[i:]) ^ zeros
			bad |= x | (x + above9)
		}
		x := binary.LittleEndian.Uint64(value[n-8:]) ^ zeros
		return (bad|x|(x+above9))&top == 0
	case n >= 4:
		x := (uint64(binary.LittleEndian.Uint32(value))<<32 | uint64(binary.LittleEndian.Uint32(value[n-4:]))) ^ zeros
		return (x|(x+above9))&top == 0
	}
	for _, c := range value {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

func allPrintable(value []byte) bool {
	const top, toSpace, aboveTilde = 0x8080808080808080, 0x6060606060606060, 0x0101010101010101
	switch n := len(value); {
	case n >= 8:
		bad := uint64(0)
		for i := 0; i+8 < n; i += 8 {
			x := binary.LittleEndian.Uint64(value[i:])
			bad |= x | (x + aboveTilde) | ^(x + toSpace)
		}
		x := binary.LittleEndian.Uint64(value[n-8:])
		return (bad|x|(x+aboveTilde)|^(x+toSpace))&top == 0
	case n >= 4:
		x := uint64(binary.LittleEndian.Uint32(value))<<32 | uint64(binary.LittleEndian.Uint32(value[n-4:]))
		return (x|(x+aboveTilde)|^(x+toSpace))&top == 0
	}
	for _, c := range value {
		if c < ' ' || c > '~' {
			return false
		}
	}
	return true
}

// content is what check asks for, in words.
func (l *layout) content() string {
	switch {
	case l.shape == shapeSign:
		return "C or D and then digits"
	case l.shape == shapeEven:
		return "an even number of hex digits"
	case l.need&classDigit != 0:
		return "digits"
	case l.need&classTrack != 0:
		return "track data: digits and separators"
	case l.need&classPrintable != 0:
		return "printable ASCII"
	}
	return "ASCII"
}
