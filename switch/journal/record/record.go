// Package record has the bytes of what a journal keeps, as docs/journal.md describes them: the same for each engine
// that keeps bytes.
//
// It guarantees that what an older program wrote is read for good, and that a reader takes exactly what a writer
// writes; anything else is a journal.FormatError that names the record, the field and the offset, and shows no stored
// text.
//
// It is not the keys under which the records stand, which are an engine's own.
package record

import (
	"encoding/binary"
	"fmt"
	"math"
	"time"

	"switchyard/switch/journal"
	"switchyard/switch/payment"
)

// FormatError says where a stored record is not what docs/journal.md describes. It shows no stored text.
type FormatError struct {
	Record string // the record's key in words
	Field  string
	Offset int // bytes from the start of the value
	Want   string
}

// Error implements error.
func (e *FormatError) Error() string {
	return fmt.Sprintf("journal: record %s, field %s at byte %d: expected %s", e.Record, e.Field, e.Offset, e.Want)
}

// The primitives of every record: one-byte numbers, uvarints in their shortest form, text as a uvarint length and
// its bytes, times as eight bytes.

const (
	timeBytes = 8
	// noTime marks the zero time.Time; a real time is nanoseconds since 1970.
	noTime = math.MinInt64
)

func appendText(b []byte, s string) []byte {
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}

func appendTime(b []byte, t time.Time) []byte {
	return binary.BigEndian.AppendUint64(b, uint64(Nanos(t)))
}

func Nanos(t time.Time) int64 {
	if t.IsZero() {
		return noTime
	}
	return t.UnixNano()
}

// decoder reads a record from front to back. The first error stays; everything read after it is zero.
type decoder struct {
	s      string // the value; text fields are slices of it, so a record is one allocation however many it has
	off    int
	record func() string // the key in words, called for an error only
	group  string        // the list that the fields stand in: "ops"
	index  int           // the element of it
	err    error
}

func newDecoder(value []byte, record func() string) *decoder {
	return &decoder{s: string(value), record: record}
}

func (d *decoder) fail(field, want string, args ...any) {
	if d.err != nil {
		return
	}
	if d.group != "" {
		field = fmt.Sprintf("%s[%d].%s", d.group, d.index, field)
	}
	d.err = &FormatError{Record: d.record(), Field: field, Offset: d.off, Want: fmt.Sprintf(want, args...)}
	d.s = d.s[:d.off]
}

// version reads the leading byte, the record's format, and refuses one newer than the newest that this program knows.
func (d *decoder) version(newest byte) (v byte) {
	switch v = d.byte("version"); {
	case d.err != nil:
	case v > newest:
		d.off--
		d.fail("version", "%d at most, found %d: a newer version of this program wrote it", newest, v)
	case v == 0:
		d.off--
		d.fail("version", "1 to %d, found 0", newest)
	}
	return v
}

func (d *decoder) byte(field string) byte {
	if d.off >= len(d.s) {
		d.fail(field, "a byte, found the end")
		return 0
	}
	d.off++
	return d.s[d.off-1]
}

func (d *decoder) bool(field string) bool {
	b := d.byte(field)
	if b > 1 {
		d.off--
		d.fail(field, "0 or 1, found %d", b)
	}
	return b == 1
}

func (d *decoder) uvarint(field string, most uint64) uint64 {
	var v uint64
	for i := 0; d.off+i < len(d.s) && i < binary.MaxVarintLen64; i++ {
		c := d.s[d.off+i]
		if i == binary.MaxVarintLen64-1 && c > 1 {
			break
		}
		v |= uint64(c&0x7f) << (7 * i)
		if c < 0x80 {
			if c == 0 && i > 0 {
				break // not the shortest form
			}
			if v > most {
				d.fail(field, "a number up to %d, found %d", most, v)
				return 0
			}
			d.off += i + 1
			return v
		}
	}
	d.fail(field, "a number (uvarint in its shortest form)")
	return 0
}

func (d *decoder) bytes(field string, n int) string {
	if n > len(d.s)-d.off {
		d.fail(field, "%d bytes, found %d", n, len(d.s)-d.off)
		return ""
	}
	s := d.s[d.off : d.off+n]
	d.off += n
	return s
}

func (d *decoder) uint32(field string) (v uint32) {
	if s := d.bytes(field, 4); s != "" {
		v = binary.BigEndian.Uint32([]byte(s))
	}
	return v
}

func (d *decoder) text(field string) string {
	return d.bytes(field, int(d.uvarint(field, journal.MaxText)))
}

func (d *decoder) data(field string) []byte {
	return []byte(d.bytes(field, int(d.uvarint(field, journal.MaxData))))
}

func (d *decoder) time(field string) time.Time {
	s := d.bytes(field, timeBytes)
	if s == "" {
		return time.Time{}
	}
	n := int64(binary.BigEndian.Uint64([]byte(s)))
	if n == noTime {
		return time.Time{}
	}
	t := time.Unix(0, n).UTC()
	if !journal.Storable(t) {
		d.off -= timeBytes
		d.fail(field, "a time within 292 years of 1970")
	}
	return t
}

func (d *decoder) id(field string) (id payment.ID) {
	copy(id[:], d.bytes(field, len(id)))
	return id
}

// end refuses bytes after the last field and returns the first error.
func (d *decoder) end() error {
	if d.err == nil && d.off < len(d.s) {
		d.fail("end", "nothing more, found %d bytes", len(d.s)-d.off)
	}
	return d.err
}
