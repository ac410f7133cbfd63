package folder

import (
	"fmt"
	"slices"

	"switchyard/internal/workday"
	"switchyard/switch/clearing"
	"switchyard/switch/settlement"
)

// A record of ours that was rejected is presented again under its reference, in the file of a later date. Of those that
// stand one counts: a record that stands already is held until a reject of the one before it is found, which may come
// with a file of the same date or a later one. As long as none is known it does not count, and is told of.

// maxAgain bounds the records whose reference is of another date: but for few they are of the date of their file.
const maxAgain = 1 << 17

// held is a record that is presented again, and not counted yet.
type held struct {
	presented settlement.Presented
	key       clearing.RecordKey
	file      string // PDS0105
	exception settlement.Exception
	inPeriod  bool
}

// debitsMinor is what a record adds to debits less credits of its file.
func debitsMinor(p *settlement.Presented) int64 {
	if p.Debits() {
		return p.AmountMinor
	}
	return -p.AmountMinor
}

// mayBeAgain tells whether a record may have been presented before: its reference is of another date than its file.
// What takes a record back has the reference of that, and second presentments are counted by themselves.
func mayBeAgain(p *settlement.Presented, r *clearing.Record, today workday.Date) bool {
	return !p.Reversal && !p.Second && !referenceOf(r.Get(31), today)
}

// ask notes a reference of which has to be known whether it was presented before. Unless something that came tells of
// it the files of all dates have to be read once more.
func (s *settling) ask(p *settlement.Presented, r *clearing.Record) error {
	arn := string(r.Get(31))
	if s.matcher.subjects[arn] == nil {
		if len(s.asked) == maxAgain {
			return fmt.Errorf("DE31: with it more than %d records have a reference of another date", maxAgain)
		}
		s.asked[arn] = true
	}
	if since := referenceDate(r.Get(31), s.today); since < s.first && s.inPeriod && !s.matcher.wasRejected(r.Key()) {
		s.except(settlement.Exception{
			Kind: settlement.PresentedAgain, Date: s.today, Record: r.Number, ARN: arn, AmountMinor: p.AmountMinor,
			Currency: p.Currency, Message: fmt.Sprintf("its reference is of %s, and the clearing folder begins with %s: "+
				"if it was presented before, it counts twice", since, s.first),
		})
	}
	return nil
}

// hold keeps a record that stands already from being counted.
func (s *settling) hold(p *settlement.Presented, r *clearing.Record, fileID string) error {
	s.matcher.held = append(s.matcher.held, held{
		presented: *p, key: r.Key(), file: fileID, inPeriod: s.inPeriod,
		exception: settlement.Exception{
			Kind: settlement.PresentedAgain, Date: s.today, File: fileID + ipmEnding, Record: r.Number, ARN: r.Text(31),
			AmountMinor: p.AmountMinor, Currency: p.Currency,
			Message: "it was presented before, and no reject of that is known: it is not counted",
		},
	})
	if !s.inPeriod {
		return nil
	}
	return s.matcher.countAgain(p.Currency, debitsMinor(p))
}

// release counts what was held and stands alone by now.
func (s *settling) release() error {
	m := s.matcher
	waiting := m.held[:0]
	for _, h := range m.held {
		subject := m.subjects[h.key.ARN]
		ours := subject.records[h.key]
		if ours.stands() {
			waiting = append(waiting, h)
			continue
		}
		subject.present(ours, &h.presented, h.file)
		if !s.counting {
			continue
		}
		if err := s.ledger.Present(&h.presented); err != nil {
			return err
		}
		if s.inPeriod {
			if err := m.countAgain(h.presented.Currency, -debitsMinor(&h.presented)); err != nil {
				return err
			}
		}
	}
	m.held = waiting
	return nil
}

// drop takes away what is held of a file and was rejected: the record of a key, or all.
func (m *matcher) drop(file string, key *clearing.RecordKey) (dropped bool) {
	before := len(m.held)
	m.held = slices.DeleteFunc(m.held, func(h held) bool { return h.file == file && (key == nil || h.key == *key) })
	return len(m.held) < before
}

// wasRejected tells whether a reject of a record is known.
func (m *matcher) wasRejected(key clearing.RecordKey) bool {
	s := m.subjects[key.ARN]
	return s != nil && s.records[key] != nil && s.records[key].rejected
}

// referenceOf tells whether an acquirer reference is of a date: digits 8 to 11 are the last of the year and the day of
// the year.
func referenceOf(arn []byte, d workday.Date) bool {
	t := d.Time()
	return len(arn) > 11 && string(arn[7:11]) == fmt.Sprintf("%d%03d", t.Year()%10, t.YearDay())
}

// referenceDate is the last date up to a day that an acquirer reference is of; the day itself where it is of none.
func referenceDate(arn []byte, today workday.Date) workday.Date {
	const tenYears = 3_660
	for d := today; d > today-tenYears; d-- {
		if referenceOf(arn, d) {
			return d
		}
	}
	return today
}
