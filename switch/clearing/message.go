package clearing

import (
	"fmt"
	"slices"
)

// A Message is any message of the layout: chargebacks, fees, answers to files. Presentments have a type of their own,
// which knows what one must have; a Message is written as it is given, held against the formats of its elements.
//
// The PAN is in the clear in DE2 only.
type Message struct {
	MTI          string    // four digits
	FunctionCode string    // DE24
	Elements     []Element // any others but DE71, which the file gives, and those that carry PDS; in any order
	PDS          []PDS     // in any order, none twice
}

// An Element is one data element of a Message.
type Element struct {
	DE    int
	Value string // DE55: raw bytes
}

// WriteMessage appends a message with the next message number (DE71). DE4 of chargebacks and fees counts in the file's
// sum, as that of presentments does. One that cannot be written is refused with a *FieldError; nothing of it is in the
// file, and the writer goes on. Any other error is final.
func (w *Writer) WriteMessage(m *Message) error {
	if err := w.writable(); err != nil {
		return err
	}
	amountMinor, err := w.record.message(m, w.totals.Messages+1)
	if err != nil {
		return err
	}
	return w.append(m.MTI, amountMinor)
}

// WriteRecord appends a record of another file as it came, in this file's code page and under its next message number:
// what stands behind a message exception (1644/691) is the message that it rejects. It must be one that Reader.Next
// returned without an error.
func (w *Writer) WriteRecord(r *Record) error {
	if err := w.writable(); err != nil {
		return err
	}
	if err := w.record.again(r, w.totals.Messages+1); err != nil {
		return err
	}
	amountMinor, _ := r.AmountMinor() // no amount, or one that is none, adds nothing
	return w.append(r.MTI, amountMinor)
}

func (w *Writer) writable() error {
	switch {
	case w.err != nil:
		return w.err
	case w.closed:
		return errClosed
	case w.totals.Messages+1 >= maxMessages: // the trailer takes the last one
		return &FieldError{DE: 71, Reason: fmt.Sprintf("a file has at most %d messages", maxMessages)}
	}
	return nil
}

// append writes the record that was built. Its amount counts, but not by its currency: see Totals.
func (w *Writer) append(mti string, amountMinor int64) error {
	if w.totals.SumMinor > maxSumMinor-amountMinor {
		return &FieldError{PDS: pdsSum, Reason: "the file's amounts would exceed 16 digits"}
	}
	if err := w.emit(); err != nil {
		return err
	}
	if mti == "1240" {
		w.totals.Presentments++
	}
	w.totals.SumMinor += amountMinor
	return nil
}

// message builds any message and returns what its DE4 is, 0 without one.
func (r *recordBuilder) message(m *Message, de71 int) (amountMinor int64, _ error) {
	if len(m.MTI) != mtiLength || !allDigits(m.MTI) {
		return 0, fmt.Errorf("clearing: message type %q is not four digits", m.MTI)
	}
	r.begin(m.MTI)
	var values [maxDE + 1]string
	values[24] = m.FunctionCode
	for _, e := range m.Elements {
		switch {
		case e.DE < 2 || e.DE > maxDE || layout[e.DE].kind == 0:
			r.fail(e.DE, 0, "is not an element of this layout")
		case e.DE == 24 || e.DE == 71 || isPDSCarrier(e.DE):
			r.fail(e.DE, 0, "is made from other fields")
		case values[e.DE] != "":
			r.fail(e.DE, 0, "is given twice")
		default:
			values[e.DE] = e.Value
		}
	}
	r.pds = append(r.pds[:0], m.PDS...)
	slices.SortStableFunc(r.pds, func(a, b PDS) int { return a.Tag - b.Tag })
	for i := range r.pds {
		if i > 0 && r.pds[i].Tag == r.pds[i-1].Tag {
			r.fail(0, r.pds[i].Tag, "is given twice")
		}
	}
	r.packPDS()
	for de := 2; de <= maxDE; de++ {
		switch carrier := slices.Index(pdsCarriers[:], de); {
		case carrier >= 0:
			r.putCarrier(carrier)
		case de == 71:
			r.putNumber(de, uint64(de71))
		case de == deChip:
			r.putChip([]byte(values[de]))
		default:
			r.putOptional(de, values[de])
		}
	}
	if err := r.finish(); err != nil {
		return 0, err
	}
	for _, digit := range []byte(values[4]) { // twelve of them, by now
		amountMinor = amountMinor*10 + int64(digit-'0')
	}
	return amountMinor, nil
}

// again builds a record that was read, in ISO 8859-1.
func (r *recordBuilder) again(from *Record, de71 int) error {
	r.err = nil
	r.buf = append(r.buf[:0], from.text...)
	copy(r.buf[mtiLength:minRecord], from.raw[mtiLength:minRecord])
	chip := from.spans[deChip]
	r.chipStart, r.chipEnd = int(chip.start), int(chip.end)
	copy(r.buf[chip.start:chip.end], from.raw[chip.start:chip.end])
	if number := from.spans[71]; from.Has(71) {
		r.scratch = appendPadded(r.scratch[:0], uint64(de71), int(number.end-number.start))
		copy(r.buf[number.start:number.end], r.scratch)
	}
	return r.finish()
}
