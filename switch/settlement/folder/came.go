package folder

import (
	"fmt"

	"switchyard/internal/workday"
	"switchyard/switch/settlement"
)

// receive reads the incoming folder and decides with which date each file is settled: its own, or the first that is
// settled at all. One that came after the statements of its date were made is settled with the first date behind them.
func (s *settling) receive(known map[string]bool) (err error) {
	var files []*incomingFile
	if s.o.Incoming != "" {
		if files, err = readIncoming(s.o.FS, s.o.Incoming, s.o.To); err != nil {
			return err
		}
	}
	var before []string
	if s.o.Opening != nil {
		before = s.o.Opening.Incoming
	}
	settled := map[string]bool{}
	for _, id := range before {
		settled[id] = true
	}
	s.incoming = map[workday.Date][]*incomingFile{}
	seen := map[string]string{} // the file that has an id
	for _, f := range files {
		if other := seen[f.id]; other != "" && f.wrong == nil {
			f.refuse(settlement.SameFile, "its id is that of "+other)
		}
		if f.wrong == nil {
			seen[f.id] = f.name
		}
		d := max(f.date, s.first)
		if f.date == 0 || s.o.Opening != nil && f.date < s.o.From && !settled[f.id] {
			d = s.o.From
		}
		f.late = d != f.date && f.wrong == nil && s.o.Opening != nil && d == s.o.From
		s.incoming[d] = append(s.incoming[d], f)
	}
	s.matcher = newMatcher(s.o.Plan, files, known)
	return nil
}

// came settles a file of a clearing system with a date.
func (s *settling) came(f *incomingFile, d workday.Date) error {
	if f.wrong == nil && s.run.Mode != "" && f.mode != s.run.Mode {
		f.refuse(settlement.RefusedFile, fmt.Sprintf("its mode is %s, that of our files %s", f.mode, s.run.Mode))
	}
	if f.wrong != nil {
		f.wrong.Date = d
		s.except(*f.wrong)
		return nil
	}
	if f.late {
		s.except(settlement.Exception{
			Kind: settlement.LateFile, Date: d, File: f.name,
			Message: fmt.Sprintf("it is of %s, which was settled without it: it is settled with %s", f.date, d),
		})
	}
	if s.counting {
		s.run.Incoming = append(s.run.Incoming, f.id)
	}
	for i := range f.records {
		if err := s.record(f, &f.records[i], d); err != nil {
			return fmt.Errorf("%s: record %d: %w", f.name, f.records[i].number, err)
		}
	}
	return nil
}

// record settles one of its records, or makes it an exception.
func (s *settling) record(f *incomingFile, i *incomingRecord, d workday.Date) error {
	switch {
	case i.refused != "":
		return s.refused(f, i, d)
	case i.rejected && s.matcher.drop(i.source, i.key):
		return nil // it was not counted
	}
	receipt, moved, why := s.matcher.receive(f, i)
	keptMinor := int64(0)
	if receipt != nil && s.counting {
		var err error
		if keptMinor, err = s.ledger.Receive(receipt); err != nil {
			return err
		}
	}
	if s.inPeriod {
		s.unfit(f, i, d, why)
		if moved != (settlement.Moved{}) {
			if err := s.matcher.count(i.currency, moved, why != nil, keptMinor); err != nil {
				return err
			}
		}
	}
	return s.release(i.key.ARN)
}

// refused settles that a file of ours was refused as a whole: nothing of it counts any more.
func (s *settling) refused(f *incomingFile, i *incomingRecord, d workday.Date) error {
	receipts, why := s.matcher.refuse(f, i)
	s.unfit(f, i, d, why)
	for _, receipt := range receipts {
		if s.counting {
			if _, err := s.ledger.Receive(receipt); err != nil {
				return err
			}
		}
		if s.inPeriod {
			moved := settlement.Moved{RejectedMinor: -receipt.AmountMinor}
			if err := s.matcher.count(receipt.Currency, moved, false, 0); err != nil {
				return err
			}
		}
		if err := s.release(receipt.ARN); err != nil {
			return err
		}
	}
	return nil
}

// unfit notes why a record is an exception, if it is one.
func (s *settling) unfit(f *incomingFile, i *incomingRecord, d workday.Date, why *unfit) {
	if why != nil {
		s.except(settlement.Exception{
			Kind: why.kind, Date: d, File: f.name, Record: i.number, ARN: settlement.Printable(i.key.ARN),
			AmountMinor: i.amountMinor, Currency: i.currency, Message: why.message,
		})
	}
}

// except notes what a person has to look at in the period.
func (s *settling) except(e settlement.Exception) {
	if s.inPeriod {
		s.run.Exceptions = append(s.run.Exceptions, e)
	}
}
