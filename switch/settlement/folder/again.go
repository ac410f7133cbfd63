package folder

import (
	"fmt"
	"slices"

	"switchyard/internal/workday"
	"switchyard/switch/clearing"
	"switchyard/switch/settlement"
)

// A record of ours that was rejected is presented again under its reference, in a later file of the same date or of
// another. Of those that stand one counts: a record that stands already is held until a reject of the one before it is
// found, which may come with a file of the same date or a later one. As long as none is known it does not count, and is
// told of. So is a second presentment of what no chargeback is known of.

// The bounds of the records that may have been presented before. Few are, as a rule, and all others are of the date of
// their file and there for the first time; but a file behind days without settlement has those of all of them.
const (
	maxAsked = 1 << 14 // references that are looked for by themselves at once; of more, those that stand twice are found
	maxAgain = 1 << 20 // references that stand twice, or of second presentments
	maxMore  = 1 << 25 // of those beyond maxAsked, for which there is room; of more, some are looked for in vain
)

// asked are acquirer references of which has to be known what was presented before.
type asked struct {
	arns map[string]bool
	more *sieve // those beyond maxAsked; nil: there are none
}

// add adds one. must says that it has to be known even if it stands in no other file.
func (a *asked) add(arn []byte, must bool) error {
	switch {
	case a.arns[string(arn)]:
	case len(a.arns) >= maxAsked && !must:
		if a.more == nil {
			a.more = newSieve(maxMore)
		}
		a.more.add(arn)
	case len(a.arns) == maxAgain:
		return fmt.Errorf("DE31: with it more than %d records were presented before, or are second presentments", maxAgain)
	default:
		a.arns[string(arn)] = true
	}
	return nil
}

// find finds which of those beyond maxAsked stand in the files up to a date more than once. The others need not be
// known.
func (a *asked) find(c *clearingFolder, to workday.Date) error {
	if a.more == nil {
		return nil
	}
	once := newSieve(maxMore)
	for _, d := range c.dates {
		if d > to {
			break
		}
		listed, err := c.list(d)
		if err == nil {
			_, err = c.read(listed, func(p *settlement.Presented, r *clearing.Record, _ string) error {
				if arn := r.Get(31); !p.Reversal && !p.Second && a.more.has(arn) && once.add(arn) {
					return a.add(arn, true)
				}
				return nil
			})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// held is a record of ours that may not count, yet.
type held struct {
	presented settlement.Presented
	key       clearing.RecordKey
	file      string // PDS0105
	date      workday.Date
	record    int
	inPeriod  bool
	waits     bool // else it counts, or was rejected
}

// debitsMinor is what a record adds to debits less credits of its file.
func debitsMinor(p *settlement.Presented) int64 {
	if p.Debits() {
		return p.AmountMinor
	}
	return -p.AmountMinor
}

// maybeAgain tells whether a record may have been presented before, or asks for what was: its reference is of another
// date than its file, or seems to stand in the date's files already. A record that takes another back is not presented
// again.
func (s *settling) maybeAgain(p *settlement.Presented, r *clearing.Record) bool {
	switch {
	case p.Reversal:
		return false
	case p.Second, !referenceOf(r.Get(31), s.today):
		return true
	}
	return s.ofToday.add(r.Get(31))
}

// ask notes a reference of which has to be known what was presented before. Unless something that came tells of it the
// files of all dates have to be read once more.
func (s *settling) ask(p *settlement.Presented, r *clearing.Record, fileID string) error {
	arn := string(r.Get(31))
	subject := s.matcher.subjects[arn]
	if subject == nil && s.counting && s.asked != nil {
		if err := s.asked.add(r.Get(31), p.Second); err != nil {
			return err
		}
	}
	if subject == nil && !s.inPeriod {
		return nil
	}
	since := referenceDate(r.Get(31), s.today)
	if since >= s.first {
		return nil
	}
	if subject != nil {
		subject.before = true
	}
	if s.inPeriod && !s.matcher.wasRejected(r.Key()) {
		why := "if it was presented before, it counts twice"
		if p.Second {
			why = "it counts whether that was charged back or not"
		}
		s.except(settlement.Exception{
			Kind: settlement.PresentedAgain, Date: s.today, File: fileID + ipmEnding, Record: r.Number, ARN: arn,
			AmountMinor: p.AmountMinor, Currency: p.Currency,
			Message: fmt.Sprintf("its reference is of %s, and the clearing folder begins with %s: %s", since, s.first, why),
		})
	}
	return nil
}

// takes tells whether a record of ours counts by now: a second presentment by the chargeback that has its reference of
// the issuer's.
func (s *subject) takes(ours *ourRecord, p *settlement.Presented, issuerReference string) bool {
	return !ours.stands() && (!p.Second || p.Reversal || s.before || p.AmountMinor <= s.chargedBack(issuerReference))
}

// chargedBack is what is charged back, under a reference of the issuer's where there is one: of that no more than in
// all, since what was presented again without a reference may have been of it.
func (s *subject) chargedBack(issuerReference string) int64 {
	if issuerReference == "" {
		return s.chargedBackMinor
	}
	if of := s.parts[issuerReference]; of != nil {
		return min(of.backMinor, s.chargedBackMinor)
	}
	return 0
}

// hold keeps a record from being counted.
func (s *settling) hold(p *settlement.Presented, r *clearing.Record, fileID string) error {
	h := &held{
		presented: *p, key: r.Key(), file: fileID, date: s.today, record: r.Number, inPeriod: s.inPeriod, waits: true,
	}
	subject := s.matcher.subjects[h.key.ARN]
	subject.held, s.matcher.held = append(subject.held, h), append(s.matcher.held, h)
	if !s.inPeriod {
		return nil
	}
	return s.matcher.countAgain(p.Currency, debitsMinor(p))
}

// release counts what was held under a reference and may count by now.
func (s *settling) release(arn string) error {
	subject := s.matcher.subjects[arn]
	if subject == nil {
		return nil
	}
	for i := 0; i < len(subject.held); i++ {
		h := subject.held[i]
		ours := subject.records[h.key]
		if !subject.takes(ours, &h.presented, h.key.IssuerReference) {
			continue
		}
		subject.held, h.waits = slices.Delete(subject.held, i, i+1), false
		i = -1 // those before it may count now
		subject.present(ours, &h.presented, h.key.IssuerReference, h.file)
		s.noteBare(*h)
		if !s.counting {
			continue
		}
		if err := s.ledger.Present(&h.presented); err != nil {
			return err
		}
		if s.inPeriod {
			if err := s.matcher.countAgain(h.presented.Currency, -debitsMinor(&h.presented)); err != nil {
				return err
			}
		}
	}
	return nil
}

// noteBare notes a record that counts by now, if it is a second presentment without a reference of the issuer's: which
// chargeback it answers is looked at when all of the date is known.
func (s *settling) noteBare(h held) {
	if h.presented.Second && !h.presented.Reversal && h.key.IssuerReference == "" &&
		s.matcher.subjects[h.key.ARN] != nil {
		s.bare = append(s.bare, h)
	}
}

// answerBare tells of the second presentments that count since today of which nobody knows which chargeback they
// answer. They stay counted: whichever it is, the merchant has as much back.
func (s *settling) answerBare() {
	for i := range s.bare {
		h := &s.bare[i]
		subject := s.matcher.subjects[h.key.ARN]
		ours := subject.records[h.key]
		if !slices.Contains(ours.standing, h.file) {
			continue // it was rejected within the date
		}
		if doubt := subject.answersAgain(ours); doubt != "" {
			s.except(settlement.Exception{
				Kind: settlement.Unmatched, Date: s.today, File: h.file + ipmEnding, Record: h.record, ARN: h.key.ARN,
				AmountMinor: h.presented.AmountMinor, Currency: h.presented.Currency,
				Message: "a second presentment: " + doubt + ": it is counted",
			})
		}
	}
	s.bare = s.bare[:0]
}

// drop takes away a record that is held, of a file that was rejected.
func (m *matcher) drop(file string, key clearing.RecordKey) (dropped bool) {
	s := m.subjects[key.ARN]
	if s == nil {
		return false
	}
	s.held = slices.DeleteFunc(s.held, func(h *held) bool {
		is := h.file == file && h.key == key
		if is {
			h.waits, dropped = false, true
		}
		return is
	})
	return dropped
}

// exception tells of a record that is held in the end.
func (m *matcher) exception(h *held) settlement.Exception {
	e := settlement.Exception{
		Kind: settlement.PresentedAgain, Date: h.date, File: h.file + ipmEnding, Record: h.record, ARN: h.key.ARN,
		AmountMinor: h.presented.AmountMinor, Currency: h.presented.Currency,
		Message: "it was presented before, and no reject of that is known: it is not counted",
	}
	if s := m.subjects[h.key.ARN]; !s.records[h.key].stands() {
		e.Kind = settlement.Excess
		e.Message = fmt.Sprintf("a second presentment, and only %d are known to be charged back: it is not counted",
			s.chargedBack(h.key.IssuerReference))
	}
	return e
}

// countTwice adds up what counts by more than one file of ours: nothing, unless there is a fault here.
func (m *matcher) countTwice() error {
	for _, s := range m.subjects {
		for _, ours := range s.records {
			for range len(ours.standing) - 1 {
				if err := m.of(ours.Currency).AddTwice(ours.AmountMinor); err != nil {
					return err
				}
			}
		}
	}
	return nil
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
