package pebble

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"time"

	"switchyard/switch/journal"
	"switchyard/switch/journal/record"
	"switchyard/switch/payment"
)

// The first byte of a key names its kind of record. Numbers in keys are big-endian, so that keys sort as the numbers
// do; texts end with a zero byte, which none of them contains. docs/journal.md describes each.
const (
	prefixInternal  = 'I' // the journal's own values
	prefixCounter   = 'C'
	prefixDay       = 'D'
	prefixClaim     = 'B' // idempotency keys, by their stretch of the log
	prefixKey       = 'K' // those of formats 1 and 2
	prefixLog       = 'L'
	prefixMeta      = 'M' // the callers' values
	prefixPayment   = 'P'
	prefixReference = 'R'
	prefixSAF       = 'S'
	prefixPresented = 'T'
	prefixEvent     = 'E'
	prefixAct       = 'A' // what people did
	prefixTimer     = 'W' // when a payment is to be looked at
	// prefixes are all of them.
	prefixes         = "ABECDIKLMPRSTW"
	textEnd          = 0
	afterTextEnd     = 1 // sorts after every key with the same text before it
	paymentKeyLen    = 1 + len(payment.ID{})
	numberKeyLen     = 1 + 8 // of a log row, an event, an act
	safSeqLen        = 8
	referenceTailLen = 8 + len(payment.ID{})
	presentedOpLen   = 2
	timerKeyLen      = 1 + 8 + len(payment.ID{})
)

// The journal's own values.
var (
	keyFormat = []byte{prefixInternal, 'f'}
	keyLow    = []byte{prefixInternal, 'l'} // low-water mark of open intents, a log position
	keySwept  = []byte{prefixInternal, 's'} // keys claimed below this log position have been swept
	keySeen   = []byte{prefixInternal, 't'} // the time that was seen last
	keySynced = []byte{prefixInternal, 'm'} // identity, number of the batch that it stands in, marked
	keyHold   = []byte{prefixInternal, 'h'} // why the journal is held; JSON
	keyActs   = []byte{prefixInternal, 'a'} // number and hash of the newest act
)

func appendPaymentKey(b []byte, id payment.ID) []byte {
	b = append(b, prefixPayment)
	return append(b, id[:]...)
}

// appendClaim appends a claim's name, merchant and key, behind room for what stretch.rowKey puts before it.
func appendClaim(b []byte, merchant, key string) []byte {
	b = append(b, make([]byte, claimHead)...)
	b = append(b, merchant...)
	b = append(b, textEnd)
	b = append(b, key...)
	return append(b, textEnd)
}

func appendReferencePrefix(b []byte, merchant, reference string) []byte {
	b = append(b, prefixReference)
	b = append(b, merchant...)
	b = append(b, textEnd)
	b = append(b, reference...)
	return append(b, textEnd)
}

// appendReferenceKey appends the key of a reference row; payments sort by creation, oldest first.
func appendReferenceKey(b []byte, p *payment.Payment) []byte {
	b = appendReferencePrefix(b, p.Merchant, p.Reference)
	b = appendSortedTime(b, p.Created)
	return append(b, p.ID[:]...)
}

func appendSAFPrefix(b []byte, host string) []byte {
	b = append(b, prefixSAF)
	b = append(b, host...)
	return append(b, textEnd)
}

func appendSAFKey(b []byte, ref journal.SAFRef) []byte {
	return binary.BigEndian.AppendUint64(appendSAFPrefix(b, ref.Host), ref.Seq)
}

func appendPresentedDate(b []byte, date payment.Date) []byte {
	b = append(b, prefixPresented)
	return binary.BigEndian.AppendUint32(b, uint32(date))
}

func appendPresentedKey(b []byte, ref *journal.PresentmentRef) []byte {
	b = appendPresentedDate(b, ref.Date)
	b = append(b, ref.Destination...)
	b = append(b, textEnd)
	b = append(b, ref.Payment[:]...)
	return binary.BigEndian.AppendUint16(b, uint16(ref.Op))
}

// appendTimerKey appends the key of a timer; timers sort by their times.
func appendTimerKey(b []byte, at time.Time, id payment.ID) []byte {
	b = appendSortedTime(append(b, prefixTimer), at)
	return append(b, id[:]...)
}

// appendSortedTime appends a time so that negative ones sort first.
func appendSortedTime(b []byte, at time.Time) []byte {
	return binary.BigEndian.AppendUint64(b, uint64(record.Nanos(at))^1<<63)
}

// timerOfWindow is the value of a timer with Window; another one's is empty.
var timerOfWindow = []byte{1}

func parseTimer(key, value []byte) (t journal.Timer, err error) {
	if len(key) != timerKeyLen {
		return t, badKey(key, "W, 8 and 12 bytes")
	}
	if t.Window = bytes.Equal(value, timerOfWindow); !t.Window && len(value) > 0 {
		return t, fmt.Errorf("journal: timer %x: value %x: expected nothing, or byte 1", key, value)
	}
	t.At = time.Unix(0, int64(binary.BigEndian.Uint64(key[1:])^1<<63)).UTC()
	copy(t.Payment[:], key[1+8:])
	return t, nil
}

func appendLogKey(b []byte, position uint64) []byte { return appendNumberKey(b, prefixLog, position) }

func appendNumberKey(b []byte, prefix byte, number uint64) []byte {
	return binary.BigEndian.AppendUint64(append(b, prefix), number)
}

func dayKey(date payment.Date) []byte {
	return binary.BigEndian.AppendUint32([]byte{prefixDay}, uint32(date))
}

func nameKey(prefix byte, name string) []byte { return append([]byte{prefix}, name...) }

func parsePaymentKey(key []byte) (id payment.ID, err error) {
	if len(key) != paymentKeyLen {
		return id, badKey(key, "P and 12 bytes")
	}
	copy(id[:], key[1:])
	return id, nil
}

// parseTexts splits n zero-ended texts off a key after its prefix byte and returns the rest.
func parseTexts(key []byte, texts ...*string) (rest []byte, ok bool) {
	rest = key[1:]
	for _, t := range texts {
		i := bytes.IndexByte(rest, textEnd)
		if i < 0 {
			return nil, false
		}
		if *t != string(rest[:i]) { // in a scan it is mostly that of the row before
			*t = string(rest[:i])
		}
		rest = rest[i+1:]
	}
	return rest, true
}

func parseSAFKey(key []byte) (ref journal.SAFRef, err error) {
	rest, ok := parseTexts(key, &ref.Host)
	if !ok || len(rest) != safSeqLen {
		return ref, badKey(key, "S, a host, 00 and 8 bytes")
	}
	ref.Seq = binary.BigEndian.Uint64(rest)
	return ref, nil
}

func parsePresentedKey(key []byte) (ref journal.PresentmentRef, err error) {
	err = readPresentedKey(&ref, key)
	return ref, err
}

// readPresentedKey is parsePresentedKey into a reference that may be the row's before.
func readPresentedKey(ref *journal.PresentmentRef, key []byte) error {
	const want = "T, a date, a destination, 00, 12 and 2 bytes"
	if len(key) < 5 {
		return badKey(key, want)
	}
	ref.Date = payment.Date(binary.BigEndian.Uint32(key[1:]))
	rest, ok := parseTexts(key[4:], &ref.Destination)
	if !ok || len(rest) != len(ref.Payment)+presentedOpLen {
		return badKey(key, want)
	}
	copy(ref.Payment[:], rest)
	ref.Op = int(binary.BigEndian.Uint16(rest[len(ref.Payment):]))
	return nil
}

// parseNumberKey reads the key of a log row, an event or an act.
func parseNumberKey(key []byte) (number uint64, err error) {
	if len(key) != numberKeyLen {
		return 0, badKey(key, string(key[:1])+" and 8 bytes")
	}
	return binary.BigEndian.Uint64(key[1:]), nil
}

func parseDayKey(key []byte) (payment.Date, error) {
	if len(key) != 5 {
		return 0, badKey(key, "D and 4 bytes")
	}
	return payment.Date(binary.BigEndian.Uint32(key[1:])), nil
}

func badKey(key []byte, want string) error {
	return fmt.Errorf("journal: key %x: expected %s", key, want)
}

// after returns the smallest key that sorts after every key with the prefix.
func after(prefix []byte) []byte {
	end := append([]byte(nil), prefix...)
	for i := len(end) - 1; i >= 0; i-- {
		if end[i]++; end[i] != 0 {
			return end[:i+1]
		}
	}
	return nil
}

// claimName names an idempotency key by its row's key, for an error.
func claimName(key []byte) func() string {
	return func() string {
		var merchant, name string
		row := key
		if row[0] == prefixClaim && len(row) > claimHead {
			row = row[claimHead-1:]
		}
		if _, ok := parseTexts(row, &merchant, &name); !ok {
			return fmt.Sprintf("idempotency key %x", key)
		}
		return fmt.Sprintf("idempotency key %q of merchant %q", name, merchant)
	}
}

// openRow begins to read a log row.
func openRow(key, value []byte) (*record.LogRow, error) {
	first, err := parseNumberKey(key)
	if err != nil {
		return nil, err
	}
	return record.OpenLogRow(first, value)
}
