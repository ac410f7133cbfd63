package matching

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"

	"switchyard/internal/pan"
	"switchyard/switch/clearing"
)

// A row is a presentment or a record, as it is sorted: by acquirer reference, a reversal apart from what it takes back
// and a second presentment from the first, the journal's before those of files, and of each in the order of their
// files or operations where they are of one amount.
type row struct {
	reference [23]byte // DE31
	reversal  bool     // PDS0025
	second    bool     // DE24 205 or 282; a chargeback is of the first presentment, whichever it is of
	side      side

	amountMinor   int64
	originalMinor int64 // of a chargeback: what was presented
	currency      [3]byte
	debits        bool // the cardholder
	card          [19]byte
	rrn           [12]byte
	authCode      [6]byte
	issuer        [10]byte // DE95 of a chargeback, and of what presents it a second time
	file          uint32   // of files; of a chargeback of the journal's DE71 of the record that it is
	record        uint32   // DE71 by place; of the journal's the operation
	of            uint32   // of ids: of a reject the file of ours, of a chargeback of the journal's that of its record

	payment  [16]byte // the journal's alone, as the rest
	rejected bool
	settled  bool
	again    bool // it was presented again
	written  bool // its files are there, whatever else of the date is not
}

// side is whose a row is. The numbers order rows and stand nowhere else.
type side uint8

const (
	ofJournal side = iota
	ofFileOut
	ofReject
	ofChargeback
	ofChargedBack // a chargeback that the journal has
	sides
)

// rowBytes is the width of a row.
const rowBytes = 23 + 1 + 1 + 8 + 8 + 3 + 1 + 19 + 12 + 6 + 10 + 4 + 4 + 4 + 16 + 1

// keyBytes is what of it says which presentment it is of.
const keyBytes = 23 + 1

// encode appends the row.
func (r *row) encode(b []byte) []byte {
	b = append(b, r.reference[:]...)
	b = append(b, flags(r.reversal, r.second), byte(r.side))
	b = binary.BigEndian.AppendUint64(b, uint64(r.amountMinor))
	b = binary.BigEndian.AppendUint64(b, uint64(r.originalMinor))
	b = append(b, r.currency[:]...)
	b = append(b, flags(r.debits))
	b = append(b, r.card[:]...)
	b = append(b, r.rrn[:]...)
	b = append(b, r.authCode[:]...)
	b = append(b, r.issuer[:]...)
	b = binary.BigEndian.AppendUint32(b, r.file)
	b = binary.BigEndian.AppendUint32(b, r.record)
	b = binary.BigEndian.AppendUint32(b, r.of)
	b = append(b, r.payment[:]...)
	return append(b, flags(r.rejected, r.settled, r.again, r.written))
}

// decode takes apart what encode made.
func (r *row) decode(b []byte) {
	take := func(n int) []byte {
		part := b[:n]
		b = b[n:]
		return part
	}
	number := func() uint32 { return binary.BigEndian.Uint32(take(4)) }
	amount := func() int64 { return int64(binary.BigEndian.Uint64(take(8))) }
	copy(r.reference[:], take(len(r.reference)))
	is := take(1)[0]
	r.reversal, r.second, r.side = flag(is, 0), flag(is, 1), side(take(1)[0])
	r.amountMinor, r.originalMinor = amount(), amount()
	copy(r.currency[:], take(len(r.currency)))
	r.debits = flag(take(1)[0], 0)
	copy(r.card[:], take(len(r.card)))
	copy(r.rrn[:], take(len(r.rrn)))
	copy(r.authCode[:], take(len(r.authCode)))
	copy(r.issuer[:], take(len(r.issuer)))
	r.file, r.record, r.of = number(), number(), number()
	copy(r.payment[:], take(len(r.payment)))
	is = take(1)[0]
	r.rejected, r.settled, r.again, r.written = flag(is, 0), flag(is, 1), flag(is, 2), flag(is, 3)
}

// flags are bits of a byte, the first the lowest.
func flags(are ...bool) (b byte) {
	for i, is := range are {
		if is {
			b |= 1 << i
		}
	}
	return b
}

func flag(of byte, n int) bool { return of&(1<<n) != 0 }

// text is what stands in an array, without what fills it.
func text(b []byte) string { return string(bytes.TrimRight(b, "\x00")) }

// netMinor is what the row moves of the cardholder's money.
func (r *row) netMinor() int64 {
	if r.debits {
		return r.amountMinor
	}
	return -r.amountMinor
}

// ref names the row.
func (m *matcher) ref(r *row) string {
	if r.side == ofJournal || r.side == ofChargedBack {
		return fmt.Sprintf("%s-%d", text(r.payment[:]), r.record)
	}
	return recordRef(m.files[r.file], int(r.record))
}

// recordRef names a record: what a payment's operation has as its source.
func recordRef(f *readFile, record int) string { return fmt.Sprintf("%s/%08d", f.id, record) }

func (m *matcher) item(r *row) Item {
	return Item{
		Ref: m.ref(r), ARN: text(r.reference[:]), RRN: text(r.rrn[:]), Card: text(r.card[:]), NetMinor: r.netMinor(),
		Currency: text(r.currency[:]),
	}
}

// rowOf takes what a record says of the presentment that it is, or is about.
func (m *matcher) rowOf(r *clearing.Record, of side) row {
	one := row{
		side: of, reversal: r.Reversal(), debits: r.Debits(), file: uint32(len(m.files) - 1), record: uint32(r.Number),
	}
	if function := r.FunctionCode(); r.MTI == "1240" {
		one.second = function == "205" || function == "282"
	}
	one.amountMinor, _ = r.AmountMinor() // one that is none is of nothing
	fill(one.reference[:], r.Text(31))
	fill(one.currency[:], r.Currency())
	fill(one.card[:], r.Card())
	fill(one.rrn[:], strings.TrimRight(r.Text(37), " "))
	fill(one.authCode[:], strings.TrimRight(r.Text(38), " "))
	fill(one.issuer[:], r.IssuerReference())
	return one
}

// fill puts a text into an array, as much as fits: what does not is of no record of ours.
func fill(into []byte, s string) { copy(into, clean(s)) }

// clean makes what stands in a file fit to be shown: nothing that moves a terminal, and no card number (I12).
func clean(s string) string {
	return pan.MaskIn(strings.Map(func(c rune) rune {
		if c < ' ' || c > '~' {
			return '.'
		}
		return c
	}, s))
}
