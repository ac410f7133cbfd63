package journal

import (
	"encoding/binary"
	"fmt"
	"math"
	"time"

	"switchyard/switch/payment"
)

// The newest format of each other record.
const (
	claimFormat = 1
	safFormat   = 1
	dayFormat   = 1
	logFormat   = 1
	numberBytes = 8
)

// appendClaim appends the record of an idempotency key.
func appendClaim(b []byte, e *KeyEntry) []byte {
	b = append(b, claimFormat)
	b = append(b, e.Payment[:]...)
	b = binary.AppendUvarint(b, uint64(e.Op))
	b = append(b, e.MAC[:]...)
	return appendTime(b, e.Claimed)
}

func decodeClaim(key, value []byte) (e KeyEntry, err error) {
	d := newDecoder(value, func() string { return claimName(key) })
	d.version(claimFormat)
	e.Payment = d.id("payment")
	e.Op = int(d.uvarint("operation", payment.MaxOps))
	copy(e.MAC[:], d.bytes("mac", len(e.MAC)))
	e.Claimed = d.time("claimed")
	return e, d.end()
}

func claimName(key []byte) string {
	var merchant, name string
	if _, ok := parseTexts(key, &merchant, &name); !ok {
		return fmt.Sprintf("idempotency key %x", key)
	}
	return fmt.Sprintf("idempotency key %q of merchant %q", name, merchant)
}

// appendSAF appends the record of a store-and-forward row; its host and sequence stand in its key.
func appendSAF(b []byte, r *SAFRow) []byte {
	b = append(b, safFormat)
	b = append(b, r.Payment[:]...)
	b = binary.AppendUvarint(b, uint64(r.Op))
	b = binary.AppendUvarint(b, uint64(r.Node))
	b = appendTime(b, r.Lease)
	b = appendTime(b, r.Queued)
	parked := byte(0)
	if r.Parked {
		parked = 1
	}
	b = append(b, parked)
	return appendText(b, r.Reason)
}

func decodeSAF(ref SAFRef, value []byte) (SAFRow, error) {
	d := newDecoder(value, func() string { return fmt.Sprintf("store-and-forward row %d of %q", ref.Seq, ref.Host) })
	d.version(safFormat)
	r := SAFRow{SAFRef: ref}
	r.Payment = d.id("payment")
	r.Op = int(d.uvarint("operation", payment.MaxOps))
	r.Node = uint32(d.uvarint("node", math.MaxUint32))
	r.Lease = d.time("lease")
	r.Queued = d.time("queued")
	r.Parked = d.bool("parked")
	r.Reason = d.text("reason")
	return r, d.end()
}

func checkSAF(r *SAFRow) error {
	if err := checkName("host of a store-and-forward row", r.Host); err != nil {
		return err
	}
	if r.Op < 0 || r.Op > payment.MaxOps || len(r.Reason) > maxText || !storable(r.Lease) || !storable(r.Queued) {
		return fmt.Errorf("journal: store-and-forward row of payment %s: operation, reason, lease or queued is out of range", r.Payment)
	}
	return nil
}

// appendDay appends the record of a business date.
func appendDay(b []byte, d *Day) []byte {
	b = append(b, dayFormat, byte(d.State))
	b = binary.AppendUvarint(b, uint64(len(d.Data)))
	return append(b, d.Data...)
}

func decodeDay(date payment.Date, value []byte) (Day, error) {
	d := newDecoder(value, func() string { return "business date " + date.String() })
	d.version(dayFormat)
	day := Day{Date: date, State: DayState(d.byte("state"))}
	if d.err == nil && (day.State < DayOpen || day.State > DayWritten) {
		d.off--
		d.fail("state", "%d to %d, found %d", DayOpen, DayWritten, day.State)
	}
	day.Data = d.data("data")
	return day, d.end()
}

// decodeNumber reads a counter or position: eight bytes, big-endian.
func decodeNumber(name string, value []byte) (uint64, error) {
	if len(value) != numberBytes {
		return 0, &FormatError{Record: name, Field: "value", Offset: len(value), Want: "8 bytes"}
	}
	return binary.BigEndian.Uint64(value), nil
}

// A log row holds the commits of one group: the format, the time of the group, their number and the entries. The
// key of the row is the position of the first.

// appendLogHead begins a log row.
func appendLogHead(b []byte, at time.Time, entries int) []byte {
	b = append(b, logFormat)
	b = appendTime(b, at)
	return binary.AppendUvarint(b, uint64(entries))
}

// appendLogEntry appends one commit. Its keys are there for sweeping them in the order in which they were claimed.
func appendLogEntry(b []byte, id payment.ID, version uint64, opens, closes []int, keys []KeyClaim) []byte {
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

// logRow reads a log row entry by entry.
type logRow struct {
	d     *decoder
	at    time.Time
	first uint64 // position of the first entry
	count int
	read  int
}

// logCommit is one entry with what LogEntry does not show.
type logCommit struct {
	LogEntry
	Keys []keyName
}

// keyName names an idempotency key.
type keyName struct{ Merchant, Key string }

func openLogRow(key, value []byte) (*logRow, error) {
	first, err := parseLogKey(key)
	if err != nil {
		return nil, err
	}
	d := newDecoder(value, func() string { return fmt.Sprintf("log row %d", first) })
	d.version(logFormat)
	r := &logRow{d: d, first: first, at: d.time("time"), count: int(d.uvarint("entries", maxGroupCommits))}
	d.group = "entries"
	return r, d.err
}

// next reads the next entry into c, whose lists it reuses. It returns false after the last or at an error.
func (r *logRow) next(c *logCommit) bool {
	d := r.d
	if r.read == r.count || d.err != nil {
		return false
	}
	d.index = r.read
	c.Position = r.first + uint64(r.read)
	c.Payment = d.id("payment")
	c.Version = d.uvarint("version number", math.MaxUint64)
	c.Opens = d.indexes("opens", c.Opens[:0])
	c.Closes = d.indexes("closes", c.Closes[:0])
	c.Keys = c.Keys[:0]
	for n := d.uvarint("keys", maxClaims); n > 0 && d.err == nil; n-- {
		c.Keys = append(c.Keys, keyName{Merchant: d.text("merchant"), Key: d.text("key")})
	}
	r.read++
	return d.err == nil
}

// end returns the row's error once next returned false.
func (r *logRow) end() error {
	r.d.group = ""
	return r.d.end()
}

func (d *decoder) indexes(field string, into []int) []int {
	for n := d.uvarint(field, payment.MaxOps); n > 0 && d.err == nil; n-- {
		into = append(into, int(d.uvarint(field, payment.MaxOps)))
	}
	return into
}
