package record

import (
	"encoding/binary"
	"fmt"
	"math"
	"time"

	"switchyard/switch/clock"
	"switchyard/switch/journal"
	"switchyard/switch/payment"
)

// The newest format of each other record.
const (
	claimFormat = 1
	safFormat   = 1
	dayFormat   = 1
	logFormat   = 1
	seenFormat  = 1
	eventFormat = 1
	actFormat   = 1

	stretchFormat = 1
	numberBytes   = 8 // of what has no format
)

// MaxLogEntries bounds a log row.
const MaxLogEntries = 4096

// AppendKey appends the record of an idempotency key.
func AppendKey(b []byte, e *journal.KeyEntry) []byte {
	b = append(b, claimFormat)
	b = append(b, e.Payment[:]...)
	b = binary.AppendUvarint(b, uint64(e.Op))
	b = append(b, e.MAC[:]...)
	return appendTime(b, e.Claimed)
}

// DecodeKey reads the record of the idempotency key that name says in words.
func DecodeKey(name func() string, value []byte) (e journal.KeyEntry, err error) {
	d := newDecoder(value, name)
	d.version(claimFormat)
	e.Payment = d.id("payment")
	e.Op = int(d.uvarint("operation", payment.MaxOps))
	copy(e.MAC[:], d.bytes("mac", len(e.MAC)))
	e.Claimed = d.time("claimed")
	return e, d.end()
}

// AppendStretch appends the record of a stretch of the log whose idempotency keys stand together: the position of its
// first commit, and how many keys it was made for.
func AppendStretch(b []byte, first uint64, keys int) []byte {
	b = append(b, stretchFormat)
	b = binary.BigEndian.AppendUint64(b, first)
	return binary.AppendUvarint(b, uint64(keys))
}

// DecodeStretch reads the record of the stretch of a number.
func DecodeStretch(number uint32, value []byte) (first uint64, keys int, err error) {
	d := newDecoder(value, func() string { return fmt.Sprintf("stretch %d of idempotency keys", number) })
	d.version(stretchFormat)
	if s := d.bytes("first position", numberBytes); s != "" {
		first = binary.BigEndian.Uint64([]byte(s))
	}
	keys = int(d.uvarint("keys", math.MaxInt64))
	return first, keys, d.end()
}

// AppendSAF appends the record of a store-and-forward row; its host and sequence stand in its key. Its lease is for
// several nodes that share a queue; with one it is no time.
func AppendSAF(b []byte, r *journal.SAFRow) []byte {
	b = append(b, safFormat)
	b = append(b, r.Payment[:]...)
	b = binary.AppendUvarint(b, uint64(r.Op))
	b = binary.AppendUvarint(b, uint64(r.Node))
	b = appendTime(b, time.Time{})
	b = appendTime(b, r.Queued)
	parked := byte(0)
	if r.Parked {
		parked = 1
	}
	b = append(b, parked)
	return appendText(b, r.Reason)
}

func DecodeSAF(ref journal.SAFRef, value []byte) (journal.SAFRow, error) {
	d := newDecoder(value, func() string { return fmt.Sprintf("store-and-forward row %d of %q", ref.Seq, ref.Host) })
	d.version(safFormat)
	r := journal.SAFRow{SAFRef: ref}
	r.Payment = d.id("payment")
	r.Op = int(d.uvarint("operation", payment.MaxOps))
	r.Node = uint32(d.uvarint("node", math.MaxUint32))
	d.time("lease")
	r.Queued = d.time("queued")
	r.Parked = d.bool("parked")
	r.Reason = d.text("reason")
	return r, d.end()
}

// AppendDay appends the record of a business date.
func AppendDay(b []byte, d *journal.Day) []byte {
	b = append(b, dayFormat, byte(d.State))
	b = binary.AppendUvarint(b, uint64(len(d.Data)))
	return append(b, d.Data...)
}

func DecodeDay(date payment.Date, value []byte) (journal.Day, error) {
	d := newDecoder(value, func() string { return "business date " + date.String() })
	d.version(dayFormat)
	day := journal.Day{Date: date, State: journal.DayState(d.byte("state"))}
	if d.err == nil && (day.State < journal.DayOpen || day.State > journal.DayWritten) {
		d.off--
		d.fail("state", "%d to %d, found %d", journal.DayOpen, journal.DayWritten, day.State)
	}
	day.Data = d.data("data")
	return day, d.end()
}

func AppendNumber(b []byte, n uint64) []byte { return binary.BigEndian.AppendUint64(b, n) }

// DecodeNumber reads a counter or position: eight bytes, big-endian.
func DecodeNumber(name string, value []byte) (uint64, error) {
	if len(value) != numberBytes {
		return 0, &FormatError{Record: name, Field: "value", Offset: len(value), Want: "8 bytes"}
	}
	return binary.BigEndian.Uint64(value), nil
}

// A log row holds the commits of one group: the format, the time of the group, their number and the entries. The
// key of the row is the position of the first.

// AppendLogHead begins a log row.
func AppendLogHead(b []byte, at time.Time, entries int) []byte {
	b = append(b, logFormat)
	b = appendTime(b, at)
	return binary.AppendUvarint(b, uint64(entries))
}

// AppendLogEntry appends one commit. Its keys are there for sweeping them in the order in which they were claimed.
func AppendLogEntry(b []byte, id payment.ID, version uint64, opens, closes []int, keys []journal.KeyClaim) []byte {
	b = append(b, id[:]...)
	b = binary.AppendUvarint(b, version)
	for _, list := range [2][]int{opens, closes} {
		b = binary.AppendUvarint(b, uint64(len(list)))
		for _, op := range list {
			b = binary.AppendUvarint(b, uint64(op))
		}
	}
	b = binary.AppendUvarint(b, uint64(len(keys)))
	for i := range keys {
		b = appendText(b, keys[i].Merchant)
		b = appendText(b, keys[i].Key)
	}
	return b
}

// LogRow reads a log row entry by entry.
type LogRow struct {
	At    time.Time // of the group
	First uint64    // position of the first entry
	Count int
	d     *decoder
	read  int
}

// LogEntry is one commit in commit order. One that burned a key has no payment.
type LogEntry struct {
	Position uint64
	Payment  payment.ID
	Version  uint64
	Opens    []int
	Closes   []int
	Keys     []KeyName // that it claimed
}

// KeyName names an idempotency key.
type KeyName struct{ Merchant, Key string }

// OpenLogRow begins to read the row whose first entry has a position.
func OpenLogRow(first uint64, value []byte) (*LogRow, error) {
	d := newDecoder(value, func() string { return fmt.Sprintf("log row %d", first) })
	d.version(logFormat)
	r := &LogRow{d: d, First: first, At: d.time("time"), Count: int(d.uvarint("entries", MaxLogEntries))}
	d.group = "entries"
	return r, d.err
}

// Next reads the next entry into c, whose lists it reuses. It returns false after the last or at an error.
func (r *LogRow) Next(c *LogEntry) bool {
	d := r.d
	if r.read == r.Count || d.err != nil {
		return false
	}
	d.index = r.read
	c.Position = r.First + uint64(r.read)
	c.Payment = d.id("payment")
	c.Version = d.uvarint("version number", math.MaxUint64)
	c.Opens = d.indexes("opens", c.Opens[:0])
	c.Closes = d.indexes("closes", c.Closes[:0])
	c.Keys = c.Keys[:0]
	for n := d.uvarint("keys", journal.MaxClaims); n > 0 && d.err == nil; n-- {
		c.Keys = append(c.Keys, KeyName{Merchant: d.text("merchant"), Key: d.text("key")})
	}
	r.read++
	return d.err == nil
}

// End returns the row's error once next returned false.
func (r *LogRow) End() error {
	r.d.group = ""
	return r.d.end()
}

func (d *decoder) indexes(field string, into []int) []int {
	for n := d.uvarint(field, payment.MaxOps); n > 0 && d.err == nil; n-- {
		into = append(into, int(d.uvarint(field, payment.MaxOps)))
	}
	return into
}

// AppendSeen appends the record of the time that was seen last.
func AppendSeen(b []byte, seen clock.Seen) []byte {
	b = appendTime(append(b, seenFormat), seen.At)
	b = appendTime(b, seen.Latest)
	if seen.Stepped {
		return append(b, 1)
	}
	return append(b, 0)
}

func DecodeSeen(value []byte) (seen clock.Seen, err error) {
	d := newDecoder(value, func() string { return "time seen last" })
	d.version(seenFormat)
	seen.At = d.time("time")
	seen.Latest = d.time("latest")
	seen.Stepped = d.bool("stepped")
	return seen, d.end()
}

// AppendEvent appends the record of an event of payment id; its position stands in its key.
func AppendEvent(b []byte, id payment.ID, e *journal.Event) []byte {
	b = append(b, eventFormat)
	b = append(b, id[:]...)
	b = binary.AppendUvarint(b, uint64(e.Kind))
	b = binary.AppendUvarint(b, uint64(len(e.Data)))
	return append(b, e.Data...)
}

// DecodeEvent reads the event at a position.
func DecodeEvent(position uint64, value []byte) (journal.Event, error) {
	d := newDecoder(value, func() string { return fmt.Sprintf("event %d", position) })
	d.version(eventFormat)
	e := journal.Event{Position: position, Payment: d.id("payment")}
	e.Kind = uint16(d.uvarint("kind", math.MaxUint16))
	e.Data = []byte(d.bytes("data", int(d.uvarint("data", journal.MaxEventData))))
	return e, d.end()
}

// AppendAct appends the record of an act; its number stands in its key.
func AppendAct(b []byte, a *journal.Act) []byte {
	b = append(b, actFormat)
	b = append(b, a.Before[:]...)
	b = appendTime(b, a.At)
	b = appendText(b, a.Who)
	b = appendText(b, a.Role)
	b = appendText(b, a.What)
	b = binary.AppendUvarint(b, uint64(len(a.Details)))
	return append(b, a.Details...)
}

// DecodeAct reads the act of a number.
func DecodeAct(number uint64, value []byte) (journal.Act, error) {
	d := newDecoder(value, func() string { return fmt.Sprintf("act %d", number) })
	d.version(actFormat)
	a := journal.Act{Number: number}
	copy(a.Before[:], d.bytes("hash of the one before", len(a.Before)))
	a.At = d.time("time")
	a.Who = d.text("who")
	a.Role = d.text("role")
	a.What = d.text("what")
	if n := d.uvarint("details", journal.MaxDetails); n > 0 {
		a.Details = []byte(d.bytes("details", int(n)))
	}
	return a, d.end()
}
