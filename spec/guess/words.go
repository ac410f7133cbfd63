package guess

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"switchyard/spec"
)

// maxRivals is how many others that read everything, too, are named.
const maxRivals = 3

// reasons say what speaks for the i-th reading, and what speaks against it.
func reasons(i int, readings []reading, o *Options) (words []string) {
	r := &readings[i]
	add := func(format string, args ...any) { words = append(words, fmt.Sprintf(format, args...)) }
	expected := ""
	if o.Framing != "" && o.Framing != r.framing() {
		expected = " where " + o.Framing + " is configured"
	}
	if r.from > 0 {
		add("the first %d bytes belong to no frame that begins here", r.from)
	}
	add("%s%s", r.length.words(), expected)
	if r.header.kind != noHeader {
		add("%s", r.header.words())
	}
	if len(r.trailer) > 0 {
		add("a trailer %s", hexOf(r.trailer))
	}
	r.encoding(add, o)
	switch {
	case r.codec == nil:
		add("no dialect that is known reads it")
	case r.all():
		add("%s reads %s", r.dialect(), count(r.read, r.cutOff))
	case r.read > 0:
		add("%s reads %d of %d frames to their ends; frame %d: %v", r.dialect(), r.read, r.frames, r.faultAt, r.fault)
	default:
		add("%s reads %d elements, then: %v", r.dialect(), max(r.des, 0), r.fault)
	}
	words = append(words, r.fillers.doubts...)
	if either := r.fillers.either(); len(either) > 0 && r.all() {
		var des []string
		for _, de := range either[:min(len(either), maxDoubts)] {
			des = append(des, strconv.Itoa(de))
		}
		add("DE%s reads as well filled on the other side", strings.Join(des, ", "))
	}
	if i == 0 && r.all() {
		rivals := 0
		for _, other := range readings[1:] {
			if other.all() && other.score > r.score-clearBy && rivals < maxRivals {
				rivals++
				add("%s with %s reads it, too", other.shownFraming(), other.dialect())
			}
		}
	}
	return words
}

// encoding says how the MTI, the bitmap and what follows are written, beside what is configured.
func (r *reading) encoding(add func(string, ...any), o *Options) {
	var want *traits
	if o.Codec != nil {
		t := traitsOf(o.Codec)
		want = &t
	}
	where := func(differs bool, configured fmt.Stringer) string {
		if !differs {
			return ""
		}
		return fmt.Sprintf(" where %s is configured", configured)
	}
	if want != nil {
		add("an MTI in %s%s", r.anchor.mti, where(want.mti != r.anchor.mti, want.mti))
		differs := ""
		if want.bitmap != r.anchor.bitmap {
			differs = fmt.Sprintf(" where a %s one is configured", want.bitmap)
		}
		add("%s bitmap%s", article(r.anchor.bitmap.String()), differs)
	} else {
		add("an MTI in %s", r.anchor.mti)
		add("%s bitmap", article(r.anchor.bitmap.String()))
	}
	if r.mti[0] != '0' {
		add("ISO 8583:%s", map[byte]string{'1': "1993", '2': "2003"}[r.mti[0]])
	}
	if r.codec == nil || r.des < 1 {
		return
	}
	t := traitsOf(r.codec)
	if t.text == codingEBCDIC {
		add("EBCDIC")
	}
	switch {
	case t.numbers == codingBCD && r.odd && t.right:
		add("BCD padded on the right%s", where(want != nil && !want.right && want.numbers == codingBCD, side("the left")))
	case t.numbers == codingBCD && r.odd:
		add("BCD padded on the left%s", where(want != nil && want.right && want.numbers == codingBCD, side("the right")))
	case t.numbers == codingBCD:
		add("numbers in BCD")
	}
}

// side is a side of a field.
type side string

func (s side) String() string { return string(s) }

func article(word string) string {
	if strings.ContainsRune("AEIOU", rune(word[0])) {
		return "an " + word
	}
	return "a " + word
}

func count(read, cutOff int) string {
	text := fmt.Sprintf("%d frames to their ends", read)
	switch {
	case read == 1:
		text = "1 frame to its end"
	case read == 0 && cutOff > 0:
		return "as much of a frame as is there"
	}
	if cutOff > 0 {
		text += ", and what is there of one more"
	}
	return text
}

// Say puts into one line what data looks like, for a log: the best hypothesis with its reasons, and the bytes masked.
// It never carries a value of a field. It is empty where data looks like what is configured, so that there is nothing
// to add to what the codec found wrong.
func Say(data []byte, o Options) string {
	if words := otherProtocol(data); words != "" {
		return "looks like " + words
	}
	ranked := Rank(data, o)
	if len(ranked) == 0 {
		return "looks like no ISO 8583: " + Mask(data, nil)
	}
	h := &ranked[0]
	if o.Codec != nil && h.Framing == o.Framing && h.Dialect == o.Codec.Name() {
		return ""
	}
	dialect := h.Dialect
	if dialect == "" {
		dialect = "a dialect that is not known"
	}
	return fmt.Sprintf("looks like %s with %s (%s): %s; %s",
		h.r.shownFraming(), dialect, h.Confidence, strings.Join(h.Reasons, ", "), Mask(data, h))
}

// shownFraming is the framing as a log may show it: a header of no known kind by its size.
func (r *reading) shownFraming() string {
	if !r.header.known() {
		return fmt.Sprintf("%s and a header of %d bytes", r.length, len(r.header.bytes))
	}
	return r.framing()
}

// otherProtocol names what is sometimes sent to the wrong port.
func otherProtocol(data []byte) string {
	switch {
	case len(data) >= 3 && data[0] == 0x16 && data[1] == 3 && data[2] <= 4:
		return "TLS: a handshake"
	case len(data) >= 7 && data[0] == 0x15 && data[1] == 3 && data[2] <= 4:
		return "TLS: an alert"
	case bytes.HasPrefix(data, []byte("SSH-")):
		return "SSH"
	case bytes.HasPrefix(data, []byte("<?xml")), bytes.HasPrefix(data, []byte("<html")):
		return "XML"
	case bytes.HasPrefix(data, []byte("HTTP/1.")):
		return "HTTP: an answer"
	}
	if bytes.HasPrefix(data, []byte("{\"")) {
		return "JSON"
	}
	for _, method := range []string{"GET /", "POST /", "PUT /", "HEAD /", "OPTIONS ", "CONNECT "} {
		if bytes.HasPrefix(data, []byte(method)) {
			return "HTTP: a request"
		}
	}
	return ""
}

// Mask shows bytes so that it may be logged. Where a hypothesis tells where a bitmap is, the bytes up to its end are
// shown and the rest is counted; else the first two, and of the rest what kind of bytes they are.
func Mask(data []byte, h *Hypothesis) string {
	if h == nil || !h.r.firm() {
		return fmt.Sprintf("%d bytes: %s", len(data), shape(data))
	}
	r := &h.r
	head := data[min(r.from, len(data)):]
	lead := r.length.size()
	shown := hexOf(head[:lead])
	if n := len(r.header.bytes); n > 0 {
		if !r.header.known() {
			shown += fmt.Sprintf(" (%d bytes)", n)
		} else {
			shown += " " + hexOf(head[lead:lead+n])
		}
	}
	message := head[lead+len(r.header.bytes):]
	mtiSize, bitmapEnd := 4, 0
	if r.anchor.mti == codingBCD {
		mtiSize = 2
	}
	if _, n, ok := r.anchor.at(message); ok {
		bitmapEnd = n
		shown += " " + hexOf(message[:mtiSize]) + " " + hexOf(message[mtiSize:n])
	}
	return fmt.Sprintf("%d bytes: %s and %d more", len(data), strings.TrimSpace(shown), len(message)-bitmapEnd)
}

// firm tells whether the MTI and bitmap are hardly anything else, such as a part of a card number, which what is found
// behind other bytes may be as long as no message of it is read to its end.
func (r *reading) firm() bool {
	return (r.from == 0 || r.read > 0) && r.score >= possibleBelow && spec.MTIName("0"+r.mti[1:]) != "message" &&
		r.header.known() && (r.measured() && r.linked > 0 || r.all() && r.read > 0)
}

// mostShape is how many kinds of bytes shape names.
const mostShape = 6

// shape says what kinds of bytes follow each other.
func shape(data []byte) string {
	var parts []string
	add := func(part string) bool {
		parts = append(parts, part)
		return len(parts) < mostShape
	}
	if len(data) >= 2 {
		add(hexOf(data[:2]))
		data = data[2:]
	}
	for len(data) > 0 {
		kind := kindOf(data[0])
		n := 1
		for n < len(data) && kindOf(data[n]) == kind {
			n++
		}
		data = data[n:]
		if !add(counted(n, kind)) && len(data) > 0 {
			parts = append(parts, fmt.Sprintf("%d more", len(data)))
			break
		}
	}
	return strings.Join(parts, ", ")
}

func kindOf(c byte) string {
	switch {
	case isDigit(c):
		return "ASCII digit"
	case isPrintable(c):
		return "ASCII character"
	case c >= 0xF0 && c <= 0xF9:
		return "EBCDIC digit"
	case c == 0:
		return "zero byte"
	}
	return "other byte"
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func hexOf(data []byte) string { return fmt.Sprintf("%X", data) }
