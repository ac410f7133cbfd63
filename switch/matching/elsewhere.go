package matching

import (
	"context"
	"fmt"

	"switchyard/internal/workday"
	"switchyard/switch/clearing"
)

// A lone is a row without a partner by its acquirer reference on the date.
type lone struct {
	row
	whys  []string // that is more than that it has none
	found bool
}

// leave keeps a row without a partner, to look for one elsewhere. What is about another date is none of ours.
func (m *matcher) leave(r *row, why string) error {
	if (r.side == ofReject || r.side == ofChargeback) && !m.about(r) {
		return nil
	}
	l := &lone{row: *r}
	if why != "" {
		l.whys = []string{why}
	}
	if len(m.alone) == m.o.MostAlone {
		m.unfound++
		l.whys = []string{
			fmt.Sprintf("more than %d records have no partner: it was not looked for elsewhere", m.o.MostAlone),
		}
		return m.tellAlone(l)
	}
	m.alone = append(m.alone, l)
	return nil
}

// Where an acquirer reference has its date, YDDD.
const (
	arnYear     = 7
	arnSequence = 11
)

// about tells whether a record that came back is about the date: by the file that it names, or by its reference.
func (m *matcher) about(r *row) bool {
	if r.of > 0 {
		return m.ofDate(m.named[r.of-1])
	}
	if r.reference == [23]byte{} {
		return m.files[r.file].date == m.o.Date
	}
	at := m.o.Date.Time()
	return string(r.reference[arnYear:arnSequence]) == fmt.Sprintf("%d%03d", at.Year()%10, at.YearDay())
}

// lookElsewhere looks for partners by RRN and on the dates nearby, and tells of what has none.
func (m *matcher) lookElsewhere(ctx context.Context) error {
	if err := m.byRRN(); err != nil {
		return err
	}
	if err := m.filesNearby(); err != nil {
		return err
	}
	if err := m.journalNearby(ctx); err != nil {
		return err
	}
	for _, l := range m.alone {
		if !l.found {
			if err := m.tellAlone(l); err != nil {
				return err
			}
		}
	}
	return nil
}

// rrnKey is what a presentment and its record have in common where their references differ. What the captures of one
// authorization have in common it is, too.
type rrnKey struct {
	bareKey
	currency [3]byte
	debits   bool
}

// byRRN pairs what is alone by RRN and authorization code: one to one, or one to many that come to the same.
func (m *matcher) byRRN() error {
	var keys []rrnKey
	sides := map[rrnKey]*[2][]*lone{}
	for _, l := range m.alone {
		if l.side > ofFileOut || l.rrn == [12]byte{} {
			continue
		}
		key := rrnKey{l.bareKey(), l.currency, l.debits}
		if sides[key] == nil {
			sides[key] = &[2][]*lone{}
			keys = append(keys, key)
		}
		of := &sides[key][l.side]
		*of = append(*of, l)
	}
	for _, key := range keys {
		if err := m.sameRRN(sides[key][ofJournal], sides[key][ofFileOut]); err != nil {
			return err
		}
	}
	return nil
}

func (m *matcher) sameRRN(ours, theirs []*lone) error {
	pair := func(a, b *lone, by []string) error {
		a.found, b.found = true, true
		return m.pair(&a.row, &b.row, by, nil)
	}
	byAmount := append([]string{"amount"}, byRRN...)
	for _, a := range ours {
		for _, b := range theirs {
			if !a.found && !b.found && a.amountMinor == b.amountMinor {
				if err := pair(a, b, byAmount); err != nil {
					return err
				}
			}
		}
	}
	ours, theirs = notFound(ours), notFound(theirs)
	if len(ours) == 1 && len(theirs) == 1 {
		return pair(ours[0], theirs[0], byRRN)
	}
	if len(ours) == 1 && len(theirs) > 1 || len(ours) > 1 && len(theirs) == 1 {
		return m.oneToMany(ours, theirs)
	}
	return nil
}

func notFound(of []*lone) (left []*lone) {
	for _, l := range of {
		if !l.found {
			left = append(left, l)
		}
	}
	return left
}

// oneToMany pairs captures of an authorization that stand as one record, or one that stands as several, where they come
// to the same.
func (m *matcher) oneToMany(ours, theirs []*lone) error {
	x := Match{
		Relation: Presented, Class: Mismatched, Cause: Wrong, Currency: text(ours[0].currency[:]),
		By: append([]string{"sum"}, byRRN...), Reasons: []Reason{{
			Field: "records", Ours: fmt.Sprint(len(ours)), Theirs: fmt.Sprint(len(theirs)),
			Why: "what is presented in several parts stands otherwise; the amounts come to the same",
		}},
	}
	for _, l := range ours {
		m.put(&x.Ours, m.item(&l.row))
	}
	for _, l := range theirs {
		m.put(&x.Theirs, m.item(&l.row))
	}
	if x.Ours.NetMinor != x.Theirs.NetMinor {
		return nil
	}
	for _, l := range ours {
		l.found = true
	}
	for _, l := range theirs {
		l.found = true
		m.settles(&ours[0].row, &l.row)
	}
	return m.add(&x)
}

// presentmentKey is a row's reference, a reversal and second presentments apart.
type presentmentKey struct {
	reference [23]byte
	reversal  bool
	second    bool
	issuer    [10]byte // of a second presentment
}

func (r *row) presentmentKey() presentmentKey {
	key := presentmentKey{reference: r.reference, reversal: r.reversal, second: r.second}
	if r.second {
		key.issuer = r.issuer
	}
	return key
}

// wanted are the rows that are still alone and may be on other dates.
func (m *matcher) wanted(may func(*lone) bool) map[presentmentKey][]*lone {
	by := map[presentmentKey][]*lone{}
	for _, l := range m.alone {
		if !l.found && l.reference != [23]byte{} && may(l) {
			key := l.presentmentKey()
			by[key] = append(by[key], l)
		}
	}
	return by
}

// eachNearby calls visit with the dates nearby but the date itself.
func (m *matcher) eachNearby(visit func(workday.Date) error) error {
	for date := m.first(); date <= m.last(); date++ {
		if date == m.o.Date {
			continue
		}
		if err := visit(date); err != nil {
			return err
		}
	}
	return nil
}

// eachOut hands out what the files of a date nearby present.
func (m *matcher) eachOut(date workday.Date, take func(theirs *row) error) error {
	files, err := m.src.Out(date)
	if err != nil {
		return err
	}
	for i := range files {
		f := &readFile{name: files[i].Name, date: date}
		m.files = append(m.files, f)
		err := m.eachRecord(&files[i], func(r *clearing.Record) error {
			if r.MTI == "1644" && r.FunctionCode() == "697" {
				f.id = pds(r, pdsFileID)
			}
			if r.MTI != "1240" {
				return nil
			}
			theirs := m.rowOf(r, ofFileOut)
			return take(&theirs)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// filesNearby looks for what no file of the date has in those of the dates nearby. What was presented again stood in
// one of the date: another has it as that.
func (m *matcher) filesNearby() error {
	wanted := m.wanted(func(l *lone) bool { return l.side == ofJournal && !l.again })
	if len(wanted) == 0 {
		return nil
	}
	return m.eachNearby(func(date workday.Date) error {
		return m.eachOut(date, func(theirs *row) error {
			for _, l := range wanted[theirs.presentmentKey()] {
				if !l.found {
					l.found = true
					return m.pair(&l.row, theirs, byReference, &Reason{
						Field: "business_date", Ours: m.o.Date.String(), Theirs: date.String(),
					})
				}
			}
			return nil
		})
	})
}

// journalNearby looks for what the journal does not have on the date on the dates nearby. A chargeback that is found
// there is one of that date.
func (m *matcher) journalNearby(ctx context.Context) error {
	wanted := m.wanted(func(l *lone) bool { return l.side == ofFileOut || l.side == ofChargeback })
	if len(wanted) == 0 {
		return nil
	}
	return m.eachNearby(func(date workday.Date) error {
		booked := map[presentmentKey][]row{}
		err := m.src.Journal(ctx, date, func(b *Booked) error {
			ours := m.bookedRow(b)
			key, any := ours.presentmentKey(), false
			for _, l := range wanted[key] {
				if l.side == ofChargeback {
					l.found = true
				}
				any = any || !l.found
			}
			if any {
				booked[key] = append(booked[key], ours)
			}
			return nil
		})
		if err != nil || len(booked) == 0 {
			return err
		}
		return m.bookedNearby(date, booked)
	})
}

// bookedNearby takes what the journal has on a date nearby of the records that it does not have on the date. It is late
// only where no file of its own date has it: else the record is one too many.
func (m *matcher) bookedNearby(date workday.Date, booked map[presentmentKey][]row) error {
	filed := map[presentmentKey]int{}
	err := m.eachOut(date, func(theirs *row) error {
		if key := theirs.presentmentKey(); booked[key] != nil {
			filed[key]++
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, l := range m.alone {
		key := l.presentmentKey()
		ours := booked[key]
		switch {
		case l.found || l.side != ofFileOut || ours == nil:
		case len(ours) > filed[key]: // the last ones
			l.found, booked[key] = true, ours[:len(ours)-1]
			err := m.pair(&ours[len(ours)-1], &l.row, byReference, &Reason{
				Field: "business_date", Ours: date.String(), Theirs: m.o.Date.String(),
			})
			if err != nil {
				return err
			}
		case filed[key] > 0:
			l.whys = append(l.whys, fmt.Sprintf("the journal has it on %s, and so have the files of that date", date))
		}
	}
	return nil
}

// tellAlone tells of what has no partner anywhere.
func (m *matcher) tellAlone(l *lone) error {
	x := Match{Class: FileOnly, Cause: Wrong, Currency: text(l.currency[:])}
	item := m.item(&l.row)
	var why string
	switch l.side {
	case ofJournal:
		x.Relation, x.Class, why = Presented, LocalOnly, "no file has it"
		if !l.written && (m.o.Unwritten || len(m.outs) == 0) && m.since(m.o.Date) == Late {
			x.Cause, why = Late, "the files of the date are not all there yet"
		}
	case ofFileOut:
		x.Relation, why = Presented, "the journal does not have it"
	case ofReject:
		x.Relation, why = Rejected, "the file that it names does not have it"
	case ofChargedBack, sides: // they are told of with their presentment
	case ofChargeback:
		x.Relation, why = ChargedBack, "nothing was presented under its acquirer reference"
		item.NetMinor = -l.amountMinor
	}
	x.Reasons = []Reason{{Why: why}}
	for _, why := range l.whys {
		x.Reasons = append(x.Reasons, Reason{Why: why})
	}
	if l.side == ofJournal {
		m.put(&x.Ours, item)
	} else {
		m.put(&x.Theirs, item)
	}
	return m.add(&x)
}
