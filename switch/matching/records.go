package matching

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"switchyard/internal/money"
	"switchyard/internal/workday"
	"switchyard/switch/clearing"
)

// outFile is a clearing file of the date that went out.
type outFile struct {
	*readFile
	accepted Sum                   // what it presents, and was not rejected by a record of its own
	by       map[string]*presented // that by currency
}

// presented is what a file says in a currency, and what of it was not rejected.
type presented struct {
	accepted Sum
	debits   int64 // of accepted
	credits  int64
	booked   Sum // of accepted, what the journal has as settled
}

// readJournal takes the presentments of the date.
func (m *matcher) readJournal(ctx context.Context) error {
	var buf []byte
	return m.src.Journal(ctx, m.o.Date, func(b *Booked) error {
		r := m.bookedRow(b)
		buf = r.encode(buf[:0])
		if err := m.sorter.Add(buf); err != nil {
			return err
		}
		for i := range b.Told {
			if back, is := m.chargedBack(&r, &b.Told[i]); is {
				buf = back.encode(buf[:0])
				if err := m.sorter.Add(buf); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// chargedBack is a chargeback of a presentment that the journal has booked, as a row; false where it is none, or of a
// file that is not among those that are read.
func (m *matcher) chargedBack(of *row, t *Told) (r row, is bool) {
	if t.Kind != ToldChargedBack {
		return r, false
	}
	id, number, _ := strings.Cut(t.Source, "/")
	if date, known := dateOf(id); !known || !m.nearby(date) {
		return r, false
	}
	r = *of
	r.side, r.amountMinor, r.record = ofChargedBack, t.AmountMinor, uint32(t.Operation)
	message, _ := strconv.ParseUint(number, 10, 32) // one that is none is of no record
	r.of, r.file = m.idNumber(id), uint32(message)
	fill(r.issuer[:], t.IssuerReference)
	return r, true
}

// bookedRow is a presentment of the journal as a row.
func (m *matcher) bookedRow(b *Booked) row {
	r := row{
		side: ofJournal, reversal: b.Reversal, second: b.Second, debits: b.Debits, amountMinor: b.AmountMinor,
		record: uint32(b.Operation), again: b.Again, written: b.Written,
	}
	for _, field := range []struct {
		into []byte
		text string
	}{
		{r.reference[:], b.ARN}, {r.currency[:], money.Current(b.Currency)}, {r.card[:], b.Card}, {r.rrn[:], b.RRN},
		{r.authCode[:], strings.TrimRight(b.AuthCode, " ")}, {r.payment[:], b.Payment}, {r.issuer[:], b.IssuerReference},
	} {
		fill(field.into, field.text)
	}
	for _, t := range b.Told {
		id, _, _ := strings.Cut(t.Source, "/")
		if date, known := dateOf(id); !known || !m.nearby(date) {
			continue // its file is not among those that are read
		}
		switch t.Kind {
		case ToldRejected:
			r.rejected = true
		case ToldSettled:
			r.settled = true
		case ToldChargedBack: // a row of its own
		}
	}
	return r
}

// dateOf is the date in a file's id.
func dateOf(id string) (workday.Date, bool) {
	parsed, err := clearing.ParseFileID(id)
	if err != nil {
		return 0, false
	}
	return workday.Of(parsed.Date), true
}

// readOut takes the records of the date's files.
func (m *matcher) readOut(context.Context) error {
	files, err := m.src.Out(m.o.Date)
	if err != nil {
		return err
	}
	var buf []byte
	for i := range files {
		out := &outFile{readFile: &readFile{name: files[i].Name, date: m.o.Date}, by: map[string]*presented{}}
		out.readFile.out = out
		m.files = append(m.files, out.readFile)
		err := m.eachRecord(&files[i], func(r *clearing.Record) error {
			if r.MTI == "1644" && r.FunctionCode() == "697" {
				id, _ := r.PDS(pdsFileID)
				out.id = clean(id)
				return nil
			}
			if r.MTI != "1240" {
				return nil
			}
			one := m.rowOf(r, ofFileOut)
			out.add(m, &one, 1)
			buf = one.encode(buf[:0])
			return m.sorter.Add(buf)
		})
		if err != nil {
			return err
		}
		if other := m.outs[out.id]; other != nil {
			if err := m.unreadable(files[i].Name, "its id "+out.id+" is that of "+other.name+", too"); err != nil {
				return err
			}
		}
		m.outs[out.id] = out
		m.report.Out = append(m.report.Out, out.id)
	}
	return nil
}

// add counts what a record says as accepted, or with -1 takes it off again.
func (f *outFile) add(m *matcher, r *row, sign int64) {
	currency := text(r.currency[:])
	p := f.by[currency]
	if p == nil {
		p = &presented{}
		f.by[currency] = p
	}
	m.addSum(&f.accepted, Sum{int(sign), sign * r.netMinor()})
	m.addSum(&p.accepted, Sum{int(sign), sign * r.netMinor()})
	if r.debits {
		m.sum(&p.debits, sign*r.amountMinor)
	} else {
		m.sum(&p.credits, sign*r.amountMinor)
	}
}

// The subelements that are read.
const (
	pdsErrors         = 5
	pdsFileID         = 105
	pdsInterchange    = 146
	pdsSource         = 280
	pdsFile           = 300
	pdsDebits         = 380
	pdsCredits        = 381
	pdsSettledDebits  = 390
	pdsSettledCredits = 391
	pdsSettledFees    = 395
	pdsSettledTotal   = 396
)

// eachRecord reads a file, record by record. What cannot be read is told, and ends the file where nothing behind it can
// be found.
func (m *matcher) eachRecord(f *File, take func(*clearing.Record) error) (err error) {
	file, err := f.Open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	in, err := clearing.NewReader(file)
	if err != nil {
		return m.unreadable(f.Name, err.Error())
	}
	for {
		r, err := in.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		more := true
		if err != nil {
			more, err = m.broken(f, err)
		} else {
			err = take(r)
		}
		if err != nil || !more {
			return err
		}
	}
}

// broken tells of what could not be read of a file; more says that something may stand behind it.
func (m *matcher) broken(f *File, err error) (more bool, _ error) {
	broken := (*clearing.FormatError)(nil)
	if !errors.As(err, &broken) {
		return false, fmt.Errorf("%s: %w", f.Name, err)
	}
	return !broken.Fatal, m.unreadable(f.Name, broken.Finding.String())
}

// unreadable tells of a file, or a record of one, that cannot be taken.
func (m *matcher) unreadable(name, why string) error {
	return m.add(&Match{
		Relation: Read, Class: FileOnly, Cause: Wrong, Theirs: Side{Count: 1, Items: []Item{{Ref: clean(name)}}},
		Reasons: []Reason{{Why: clean(why)}},
	})
}

// mostOfAReference bounds the rows of a side that have an acquirer reference: ours are one, and one more each time that
// it was rejected within the date and presented again. Those beyond have no partner.
const mostOfAReference = 100

// group is the rows of a presentment, or of the second one of what was charged back.
type group struct {
	key  [keyBytes]byte
	rows [sides][]row // by side
}

// matchRecords goes through all rows, a presentment at a time.
func (m *matcher) matchRecords(context.Context) error {
	var g group
	any := false
	err := m.sorter.Each(func(b []byte) error {
		if !any || !bytes.Equal(b[:keyBytes], g.key[:]) {
			if err := m.presentment(&g); err != nil {
				return err
			}
			any = true
			copy(g.key[:], b)
			for side := range g.rows {
				g.rows[side] = g.rows[side][:0]
			}
		}
		var r row
		r.decode(b)
		if r.reference == [23]byte{} || len(g.rows[r.side]) == mostOfAReference {
			return m.leave(&r, "")
		}
		g.rows[r.side] = append(g.rows[r.side], r)
		return nil
	})
	if err == nil {
		err = m.presentment(&g)
	}
	if err != nil {
		return err
	}
	return m.leaveBare()
}

// presentment matches the rows of a presentment.
func (m *matcher) presentment(g *group) error {
	m.takeBare(g)
	of, err := m.pairUp(g)
	if err != nil {
		return err
	}
	if err := m.rejects(g, &of); err != nil {
		return err
	}
	return m.chargebacks(g)
}

// pairs say of each record of a file which presentment of the journal it is: one more than its place, 0 for none.
type pairs [mostOfAReference]uint8

// How alike the sides of a pair are.
const (
	alikeAndRejected = iota // or neither is: which of several it is, if it was presented again
	alike
	unlike
)

// pairUp pairs presentments of the journal with records of files, those that are most alike first.
func (m *matcher) pairUp(g *group) (of pairs, _ error) {
	journal, out := g.rows[ofJournal], g.rows[ofFileOut]
	var paired [mostOfAReference]bool
	most := alikeAndRejected
	if len(journal) < 2 && len(out) < 2 { // as most are
		most = alike
	}
	for how := most; how <= unlike; how++ {
		for i := range journal {
			for k := range out {
				if paired[i] || of[k] > 0 || how < unlike && !journal[i].alike(&out[k]) ||
					how == alikeAndRejected && journal[i].rejected != m.wasRejected(g, &out[k]) {
					continue
				}
				paired[i], of[k] = true, uint8(i+1)
				if err := m.pair(&journal[i], &out[k], byReference, nil); err != nil {
					return of, err
				}
			}
		}
	}
	for i := range journal {
		if !paired[i] {
			if err := m.leave(&journal[i], ""); err != nil {
				return of, err
			}
		}
	}
	for k := range out {
		if of[k] == 0 {
			why := ""
			if len(journal) > 0 {
				why = "another record has its acquirer reference, too"
			}
			if err := m.leave(&out[k], why); err != nil {
				return of, err
			}
		}
	}
	return of, nil
}

// What two sides have in common by which they are found.
var (
	byReference = []string{"acquirer_reference"}
	byRRN       = []string{"rrn", "auth_code"}
	byFile      = []string{"file_id", "currency"}
	byWindow    = []string{"window", "currency"}
)

// pair tells of a presentment of the journal and its record. Late says that they differ in time, if in nothing else.
func (m *matcher) pair(ours, theirs *row, by []string, late *Reason) error {
	m.settles(ours, theirs)
	reasons := m.differences(ours, theirs)
	class, cause := Matched, Cause("")
	switch {
	case len(reasons) > 0:
		class, cause = Mismatched, Wrong
	case late != nil:
		class, cause, reasons = Mismatched, Late, []Reason{*late}
	}
	if class == Matched && m.o.Each == nil { // nearly all are: nothing is made of them
		m.count(Presented, class, cause, text(ours.currency[:]), Sum{1, ours.netMinor()}, Sum{1, theirs.netMinor()})
		return nil
	}
	x := Match{
		Relation: Presented, Class: class, Cause: cause, Currency: text(ours.currency[:]), By: by, Reasons: reasons,
	}
	m.put(&x.Ours, m.item(ours))
	m.put(&x.Theirs, m.item(theirs))
	return m.add(&x)
}

// differences are the fields that differ.
func (m *matcher) differences(ours, theirs *row) (reasons []Reason) {
	if ours.alike(theirs) { // as most are
		return nil
	}
	if ours.reference != theirs.reference {
		reasons = append(reasons, Reason{
			Field: "acquirer_reference", Ours: text(ours.reference[:]), Theirs: text(theirs.reference[:]),
		})
	}
	if ours.issuer != theirs.issuer {
		reasons = append(reasons, issuerDiffers(ours, theirs))
	}
	return append(reasons, m.moneyDifferences(ours, theirs)...)
}

func issuerDiffers(ours, theirs *row) Reason {
	return Reason{Field: "issuer_reference", Ours: text(ours.issuer[:]), Theirs: text(theirs.issuer[:])}
}

// alike tells whether there are no differences.
func (r *row) alike(other *row) bool {
	return r.reference == other.reference && r.amountMinor == other.amountMinor && r.currency == other.currency &&
		r.debits == other.debits && r.card == other.card && r.issuer == other.issuer
}

// moneyDifferences are those of amount, currency, side and card.
func (m *matcher) moneyDifferences(ours, theirs *row) (reasons []Reason) {
	if ours.amountMinor != theirs.amountMinor {
		reasons = append(reasons, Reason{
			Field: "amount", Ours: amountText(ours.amountMinor, ours), Theirs: amountText(theirs.amountMinor, theirs),
		})
	}
	for _, field := range []struct {
		name         string
		ours, theirs string
	}{
		{"currency", text(ours.currency[:]), text(theirs.currency[:])},
		{"direction", direction(ours), direction(theirs)},
		{"card", text(ours.card[:]), text(theirs.card[:])},
	} {
		if field.ours != field.theirs {
			reasons = append(reasons, Reason{Field: field.name, Ours: field.ours, Theirs: field.theirs})
		}
	}
	return reasons
}

func amountText(minor int64, r *row) string { return money.Format(minor, text(r.currency[:])) }

func direction(r *row) string {
	if r.debits {
		return "debit"
	}
	return "credit"
}
