package cutover

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"switchyard/internal/holidays"
	"switchyard/internal/mutant"
	"switchyard/switch/journal"
	"switchyard/switch/payment"
)

// Business dates follow each other without a gap, whoever settles on them: what is accepted needs one to stand in. On
// a date without settlement a destination gets no files. When the date is sealed what stands in it for that
// destination is carried into the next one with settlement that is closed already, where it is sealed late, and else
// into the open one, and so on until a date with settlement is sealed: it stands in exactly that one's files.

// Calendar says on which business dates which destination has no settlement. The zero Calendar has it on all.
type Calendar struct {
	Others       ClosedDays            // of destinations without an entry of their own
	Destinations map[string]ClosedDays // of those that have one
}

// ClosedDays are days without settlement.
type ClosedDays struct {
	Weekdays []time.Weekday
	Yearly   []int // days of each year, as month*100 + day
	Dates    []payment.Date
	Holidays []*holidays.Calendar
}

// has tells whether a date is one of them.
func (d *ClosedDays) has(date payment.Date) bool {
	day := date.Time()
	return slices.Contains(d.Weekdays, day.Weekday()) || slices.Contains(d.Yearly, int(date)%10000) ||
		slices.Contains(d.Dates, date) ||
		slices.ContainsFunc(d.Holidays, func(c *holidays.Calendar) bool { return c.Has(day) })
}

// Settles tells whether a destination has settlement on a business date.
func (c *Calendar) Settles(destination string, date payment.Date) bool {
	days, own := c.Destinations[destination]
	if !own {
		days = c.Others
	}
	if mutant.On(mutant.NoSettlementPassed) {
		return true
	}
	return !days.has(date)
}

// NoSettlement lists the destinations that the config names and that have no settlement on a business date.
func (e *Engine) NoSettlement(date payment.Date) []string {
	set := &e.o.Settings
	names := slices.Concat(set.Destinations, slices.Collect(maps.Keys(set.Calendar.Destinations)))
	slices.Sort(names)
	return slices.DeleteFunc(slices.Compact(names), func(name string) bool { return set.Calendar.Settles(name, date) })
}

// movedAtOnce is how many payments are moved at a time: their commits share syncs.
const movedAtOnce = 64

// mover moves presentments, those of several payments side by side.
type mover struct {
	places chan struct{}
	moving sync.WaitGroup

	mu     sync.Mutex
	failed error
}

func newMover() *mover { return &mover{places: make(chan struct{}, movedAtOnce)} }

// begin does what is to be done for one payment, once there is a place.
func (m *mover) begin(move func() error) {
	m.places <- struct{}{}
	m.moving.Go(func() {
		defer func() { <-m.places }()
		if err := move(); err != nil {
			m.mu.Lock()
			defer m.mu.Unlock()
			m.failed = errors.Join(m.failed, err)
		}
	})
}

// wait returns what failed of all that was begun.
func (m *mover) wait() error {
	m.moving.Wait()
	return m.failed
}

// hold carries the presentments of a payment on, since their destination has no settlement on the date, or the date was
// refused. What stands in a file that is there already stays: the journal was put back. It is counted in the file that
// its destination has of a date with windows, and else in none, as it stands in that of a later date.
func (s *sealing) hold(rows []journal.Presentment) error {
	name := rows[0].Destination
	if !slices.Contains(s.plan.Held, name) {
		s.plan.Held = append(s.plan.Held, name)
	}
	if s.plan.Refused != nil && mutant.On(mutant.RefusedNotCarried) {
		return nil
	}
	var on []journal.Presentment
	for _, row := range rows {
		if len(s.plan.Delivered) > 0 || s.unseen != nil {
			p, err := s.e.o.Journal.Payment(s.ctx, row.Payment)
			if err != nil {
				return err
			}
			stands, err := s.stands(p, row.Op)
			if err != nil {
				return err
			}
			if stands {
				if s.files.has(name) {
					s.files.add(name, p.Merchant, p.Currency, 0)
				}
				continue
			}
		}
		on = append(on, row)
	}
	if len(on) > 0 {
		s.mover.begin(func() error { return s.moveAll(on) })
	}
	return nil
}

// moveAll carries presentments of a payment on, in their order.
func (s *sealing) moveAll(rows []journal.Presentment) error {
	for _, row := range rows {
		if _, err := s.move(row, s.settling(row.Destination)); err != nil {
			return err
		}
	}
	return nil
}

// laterClosed lists the dates after one that are closed and not sealed, in their order.
func (e *Engine) laterClosed(ctx context.Context, date payment.Date) (later []payment.Date, err error) {
	err = e.o.Journal.Days(ctx, func(d journal.Day) bool {
		if d.State == journal.DayClosing && d.Date > date && d.Date < e.o.Journal.OpenDay() {
			later = append(later, d.Date)
		}
		return true
	})
	return later, err
}

// settling is the first of the later dates on which a destination has settlement, 0 where none has.
func (s *sealing) settling(destination string) payment.Date {
	for _, date := range s.later {
		if s.e.o.Settings.Calendar.Settles(destination, date) {
			return date
		}
	}
	return 0
}

// move takes a presentment out of its date and into a later one that is not sealed, 0: the open one, in one commit.
func (s *sealing) move(row journal.Presentment, into payment.Date) (to payment.Date, err error) {
	defer s.e.o.Lock(row.Payment)()
	for {
		p, err := s.e.o.Journal.Payment(s.ctx, row.Payment)
		if err != nil {
			return 0, err
		}
		if mutant.On(mutant.CarriedOnce) && p.Ops[row.Op].Carried != 0 {
			return row.Date, nil
		}
		moved := row
		if err := outOfWindow(p, &moved); err != nil {
			return 0, err
		}
		t := &journal.Transition{
			Payment: p, Unsealed: into, Withdraw: []journal.PresentmentRef{row.PresentmentRef},
			EvenBroken: true, // moves no money
		}
		moved.Date = into
		if into == 0 {
			moved.Date = s.e.o.Journal.OpenDay()
			t.Day = moved.Date
		}
		t.Present = []journal.Presentment{moved}
		p.Ops[row.Op].Carried = moved.Date
		p.Version++
		if mutant.On(mutant.CarriedStays) {
			t.Withdraw = nil
		}
		err = s.e.o.Journal.Commit(s.ctx, t)
		if errors.Is(err, journal.ErrDayClosed) && into == 0 && moved.Date != s.e.o.Journal.OpenDay() {
			continue
		}
		return moved.Date, err
	}
}
